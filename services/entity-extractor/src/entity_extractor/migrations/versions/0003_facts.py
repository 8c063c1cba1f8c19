"""Facts: what turns and memories say, and which of them have been read."""

from alembic import op

from persistence.policies import isolate_users

revision = "0003"
down_revision = "0002"

SCHEMA = SERVICE = "entity_extractor"

OWNER = """
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            user_id text not null check (char_length(user_id) between 1 and 255)"""
SOURCE = """
            source_type text not null check (source_type in ('message', 'memory')),
            source_id uuid not null"""
STATEMENT = """
            kind text not null check (kind in ('attribute', 'preference', 'skill', 'rule', 'definition', 'note')),
            subject text not null check (char_length(subject) between 1 and 500),
            predicate text not null check (char_length(predicate) between 1 and 500),
            object text not null check (char_length(object) between 1 and 500),
            confidence double precision not null check (confidence between 0 and 1),
            said_at timestamptz not null"""


def upgrade() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_turns ({OWNER},{SOURCE},
            content_version integer not null,
            conversation_id uuid,
            created_at timestamptz not null default now(),
            primary key (tenant_id, user_id, source_type, source_id)
        )""")
    op.execute(f"comment on table {SCHEMA}.memori_turns is 'Turns and memories that were read; of none their text'")
    # A fact is the sum of its mentions: the same mentions in any order give the same facts.
    op.execute(f"""
        create table {SCHEMA}.memori_fact_mentions ({OWNER},{SOURCE},
            fact_id uuid not null,
            conversation_id uuid,{STATEMENT},
            created_at timestamptz not null default now(),
            primary key (tenant_id, user_id, source_type, source_id, fact_id)
        )""")
    op.execute(f"""
        create table {SCHEMA}.memori_facts ({OWNER},
            fact_id uuid not null,
            slot_id uuid,{STATEMENT},
            mention_count bigint not null check (mention_count > 0),{SOURCE},
            from_message boolean not null,
            superseded_by uuid,
            remembered_at timestamptz,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, fact_id)
        )""")
    op.execute(f"comment on column {SCHEMA}.memori_facts.slot_id is 'Of the facts that share one only one holds'")
    op.execute(f"comment on column {SCHEMA}.memori_facts.remembered_at is 'Since when it is a memory, too'")
    # A fact whose memory its user deleted is not learned again from what was said before.
    op.execute(f"""
        create table {SCHEMA}.memori_forgotten_facts ({OWNER},
            fact_id uuid not null,
            forgotten_at timestamptz not null,
            created_at timestamptz not null default now(),
            primary key (tenant_id, user_id, fact_id)
        )""")
    for table, name, columns in (
        ("turns", "conversation", "conversation_id"),
        ("fact_mentions", "fact", "fact_id"),
        ("facts", "slot", "slot_id"),
        ("facts", "said", "said_at desc, fact_id desc"),
    ):
        op.execute(f"create index memori_{table}_{name} on {SCHEMA}.memori_{table} (tenant_id, user_id, {columns})")
    isolate_users(SCHEMA, SERVICE, "memori_turns", "memori_fact_mentions", "memori_facts", "memori_forgotten_facts")


def downgrade() -> None:
    for table in ("forgotten_facts", "facts", "fact_mentions", "turns"):
        op.execute(f"drop table {SCHEMA}.memori_{table}")
