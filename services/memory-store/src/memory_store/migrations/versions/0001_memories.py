"""Conversations, memories, their vectors, usage and terms."""

from alembic import op

from persistence.policies import allow_worker, create_outbox, drop_outbox, isolate_users

revision = "0001"
down_revision = None

SCHEMA = SERVICE = "memory_store"

OWNER = """
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            user_id text not null check (char_length(user_id) between 1 and 255)"""


def upgrade() -> None:
    create_conversations()
    create_memories()
    create_vectors()
    create_usage()
    create_terms()
    create_outbox(SCHEMA, SERVICE)
    isolate_users(
        SCHEMA,
        SERVICE,
        "memori_conversations",
        "memori_memories",
        "memori_memory_vectors",
        "memori_memory_usage",
        "memori_memory_terms",
    )
    # Contents are fetched, vectors stored and accesses counted for many users at once.
    allow_worker(SCHEMA, SERVICE, "memori_memories", "select")
    allow_worker(SCHEMA, SERVICE, "memori_memory_vectors", "select", "insert", "update")
    allow_worker(SCHEMA, SERVICE, "memori_memory_usage", "select", "insert", "update")


def create_conversations() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_conversations ({OWNER},
            conversation_id uuid not null,
            title text not null default '' check (char_length(title) <= 500),
            data_source_id uuid,
            summary text,
            metadata jsonb not null default '{{}}' check (jsonb_typeof(metadata) = 'object'),
            is_active boolean not null default true,
            last_activity_at timestamptz not null default now(),
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, conversation_id)
        )""")
    op.execute(f"""
        create index memori_conversations_activity
        on {SCHEMA}.memori_conversations (tenant_id, user_id, last_activity_at desc, conversation_id desc)""")
    op.execute(f"""
        create index memori_conversations_metadata
        on {SCHEMA}.memori_conversations using gin (metadata jsonb_path_ops)""")
    op.execute(f"""
        create index memori_conversations_source
        on {SCHEMA}.memori_conversations (tenant_id, user_id, data_source_id) where data_source_id is not null""")


def create_memories() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_memories ({OWNER},
            memory_id uuid not null,
            conversation_id uuid,
            content text not null check (char_length(content) between 1 and 10000),
            content_version integer not null default 1 check (content_version >= 1),
            content_hash text not null,
            analyzer_version smallint not null,
            length integer not null check (length >= 0),
            memory_type text not null
                check (memory_type in ('short_term', 'long_term', 'rule', 'entity', 'relationship')),
            importance_score double precision not null default 0.5 check (importance_score between 0 and 1),
            context_tags text[] not null default '{{}}' check (cardinality(context_tags) <= 50),
            related_entities text[] not null default '{{}}' check (cardinality(related_entities) <= 50),
            metadata jsonb not null default '{{}}' check (jsonb_typeof(metadata) = 'object'),
            expires_at timestamptz,
            is_archived boolean not null default false,
            archived_reason text,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, memory_id),
            foreign key (tenant_id, user_id, conversation_id)
                references {SCHEMA}.memori_conversations on delete cascade,
            check (is_archived or archived_reason is null)
        )""")
    op.execute(f"comment on column {SCHEMA}.memori_memories.length is 'Terms in the content, as BM25 counts them'")
    for name, definition in {
        "conversation": "btree (tenant_id, user_id, conversation_id) where conversation_id is not null",
        "type": "btree (tenant_id, user_id, memory_type)",
        "importance": "btree (tenant_id, user_id, importance_score)",
        "expiry": "btree (expires_at) where expires_at is not null and not is_archived",
        "tags": "gin (context_tags)",
        "entities": "gin (related_entities)",
        "metadata": "gin (metadata jsonb_path_ops)",
    }.items():
        op.execute(f"create index memori_memories_{name} on {SCHEMA}.memori_memories using {definition}")


def create_vectors() -> None:
    # Half precision, and no TOAST up to 8 kB a row: a search reads every vector of the user, and reading vectors of
    # 1,536 dimensions from TOAST costs four times as much.
    op.execute(f"""
        create table {SCHEMA}.memori_memory_vectors ({OWNER},
            memory_id uuid not null,
            model text not null check (char_length(model) between 1 and 200),
            dimensions integer not null,
            content_version integer not null check (content_version >= 1),
            embedding public.halfvec not null check (public.vector_dims(embedding) = dimensions),
            created_at timestamptz not null default now(),
            primary key (tenant_id, user_id, memory_id, model),
            foreign key (tenant_id, user_id, memory_id) references {SCHEMA}.memori_memories on delete cascade
        ) with (toast_tuple_target = 8160)""")


def create_usage() -> None:
    # Counters that change with every search stay out of the memories' own, indexed rows; with room on the page and no
    # further index their updates are heap-only.
    op.execute(f"""
        create table {SCHEMA}.memori_memory_usage ({OWNER},
            memory_id uuid not null,
            access_count bigint not null default 0 check (access_count >= 0),
            last_accessed_at timestamptz,
            importance_gain double precision not null default 0 check (importance_gain between 0 and 1),
            primary key (tenant_id, user_id, memory_id),
            foreign key (tenant_id, user_id, memory_id) references {SCHEMA}.memori_memories on delete cascade
        ) with (fillfactor = 70)""")


def create_terms() -> None:
    # No foreign key: it would be checked once a term, and cost more than the insert. The primary key carries all that
    # BM25 needs, so that it is read from the index alone.
    op.execute(f"""
        create table {SCHEMA}.memori_memory_terms ({OWNER},
            term text not null check (char_length(term) between 1 and 64),
            memory_id uuid not null,
            frequency integer not null check (frequency >= 1),
            length integer not null check (length >= frequency),
            primary key (tenant_id, user_id, term, memory_id) include (frequency, length)
        )""")
    op.execute(f"""
        create index memori_memory_terms_memory
        on {SCHEMA}.memori_memory_terms (tenant_id, user_id, memory_id)""")


def downgrade() -> None:
    drop_outbox(SCHEMA)
    for table in ("memory_terms", "memory_usage", "memory_vectors", "memories", "conversations"):
        op.execute(f"drop table {SCHEMA}.memori_{table}")
