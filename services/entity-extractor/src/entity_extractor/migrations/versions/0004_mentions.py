"""Mentions: which entities turns and memories name."""

from alembic import op

from persistence.policies import isolate_users

revision = "0004"
down_revision = "0003"

SCHEMA = SERVICE = "entity_extractor"


def upgrade() -> None:
    # The stems of what was read: entities that come later are looked for in them, so that the order does not matter.
    op.execute(f"""
        alter table {SCHEMA}.memori_turns
            add words text[] not null default '{{}}',
            add data_source_id uuid""")
    op.execute(f"""
        create table {SCHEMA}.memori_mentions (
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            user_id text not null check (char_length(user_id) between 1 and 255),
            source_type text not null,
            source_id uuid not null,
            entity_id uuid not null,
            created_at timestamptz not null default now(),
            primary key (tenant_id, user_id, source_type, source_id, entity_id),
            foreign key (tenant_id, user_id, source_type, source_id) references {SCHEMA}.memori_turns on delete cascade,
            foreign key (tenant_id, user_id, entity_id) references {SCHEMA}.memori_entities on delete cascade
        )""")
    op.execute(f"create index memori_mentions_entity on {SCHEMA}.memori_mentions (tenant_id, user_id, entity_id)")
    isolate_users(SCHEMA, SERVICE, "memori_mentions")


def downgrade() -> None:
    op.execute(f"drop table {SCHEMA}.memori_mentions")
    op.execute(f"alter table {SCHEMA}.memori_turns drop words, drop data_source_id")
