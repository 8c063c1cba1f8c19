"""The lives of memories: history, attribution, sharing, sealed contents; messages; vectors of many pieces."""

from alembic import op

from persistence.policies import (
    allow_worker,
    create_erasures,
    disown_outbox,
    drop_erasures,
    every_row,
    isolate_users,
    own_outbox,
)

revision = "0002"
down_revision = "0001"

SCHEMA = SERVICE = "memory_store"

OWNER = """
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            user_id text not null check (char_length(user_id) between 1 and 255)"""
# Whose rows go into other tables, or get new columns.
MOVED = ("memori_memories", "memori_memory_vectors", "memori_memory_usage", "memori_memory_terms")
VECTOR_PARTITIONS = 16
# The models whose vectors have an approximate index, which users with very many memories are searched by. An index is
# partial, so the vectors of other models cost it nothing.
INDEXED_MODELS = {"all-MiniLM-L6-v2": 384, "text-embedding-ada-002": 1536}

# What a member shared is read by the others of the tenant where the deployment allows it: through views, which see what
# their owner's policy lets through. A second policy for the app role would make every search of one's own memories
# look for shared ones too, in plans that cost half as much again.
SHARED_ROW = (
    "{shared} and tenant_id = nullif(current_setting('app.tenant_id', true), '')"
    " and current_setting('app.sharing', true) = 'on'"
)
SHARED_VIEWS = {
    "memories": "visibility = 'tenant'",
    "memory_vectors": "shared",
    "memory_terms": "shared",
}


def upgrade() -> None:
    # A check of the foreign keys that is put off until the commit would forbid what follows.
    op.execute("set constraints all immediate")
    with every_row(SCHEMA, *MOVED):
        extend_memories()
        create_history()
        create_messages()
        replace_vectors()
        replace_usage()
        replace_terms()
    share()
    own_outbox(SCHEMA)
    create_erasures(SCHEMA, SERVICE)


def extend_memories() -> None:
    op.execute(f"""
        alter table {SCHEMA}.memori_memories
            add memory_no bigint generated always as identity,
            add occurred_at timestamptz not null default now(),
            add process_id text check (char_length(process_id) between 1 and 255),
            add session_id text check (char_length(session_id) between 1 and 255),
            add visibility text not null default 'private' check (visibility in ('private', 'tenant')),
            add sensitive boolean not null default false,
            add sealed bytea,
            add superseded_by uuid,
            add revision integer not null default 1 check (revision >= 1),
            add change text not null default 'created',
            add changed_by text not null default 'user',
            add change_reason text,
            alter content drop not null,
            alter content_hash drop not null,
            add check (archived_reason in ('expired', 'unimportant', 'consolidated', 'superseded')),
            add check (sensitive = (sealed is not null) and sensitive = (content is null)
                and sensitive = (content_hash is null)),
            add check (not sensitive or (visibility = 'private' and metadata = '{{}}' and related_entities = '{{}}')),
            add check (is_archived or superseded_by is null),
            add unique (tenant_id, user_id, memory_no)""")
    op.execute(f"update {SCHEMA}.memori_memories set occurred_at = created_at")
    op.execute(f"comment on column {SCHEMA}.memori_memories.memory_no is 'Names the memory inside this service'")
    op.execute(f"drop index {SCHEMA}.memori_memories_conversation")
    for name, definition in {
        # In the order of a conversation, so that the turns around one are its neighbours.
        "conversation": "(tenant_id, user_id, conversation_id, occurred_at, memory_no)",
        "newest": "(tenant_id, user_id, created_at, memory_no)",
        "no": "(memory_no)",
        "process": "(tenant_id, user_id, process_id) where process_id is not null",
        "shared": "(tenant_id) where visibility = 'tenant'",
        "idle": "(created_at) where memory_type = 'short_term' and not is_archived",
    }.items():
        op.execute(f"create index memori_memories_{name} on {SCHEMA}.memori_memories {definition}")
    # Expiry, archiving and promotion go over all users. They change what becomes of a memory, never what it says.
    allow_worker(SCHEMA, SERVICE, "memori_memories", "update")
    op.execute(f"revoke update on {SCHEMA}.memori_memories from {SERVICE}_worker")
    op.execute(f"""
        grant update (memory_type, importance_score, expires_at, is_archived, archived_reason, revision, change,
            changed_by, change_reason, updated_at) on {SCHEMA}.memori_memories to {SERVICE}_worker""")


def create_history() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_memory_history ({OWNER},
            memory_id uuid not null,
            memory_no bigint not null,
            revision integer not null,
            change text not null,
            changed_by text not null,
            change_reason text,
            changed_at timestamptz not null,
            content text,
            sealed bytea,
            content_version integer not null,
            memory_type text not null,
            importance_score double precision not null,
            context_tags text[] not null,
            metadata jsonb not null,
            expires_at timestamptz,
            visibility text not null,
            is_archived boolean not null,
            archived_reason text,
            superseded_by uuid,
            primary key (tenant_id, user_id, memory_id, memory_no, revision)
        )""")
    isolate_users(SCHEMA, SERVICE, "memori_memory_history")
    allow_worker(SCHEMA, SERVICE, "memori_memory_history", "insert")


def create_messages() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_messages ({OWNER},
            message_id uuid not null,
            message_no bigint generated always as identity,
            conversation_id uuid not null,
            role text not null check (role in ('user', 'assistant', 'system', 'tool')),
            type text not null check (char_length(type) between 1 and 50),
            content text not null check (char_length(content) between 1 and 100000),
            process_id text check (char_length(process_id) between 1 and 255),
            session_id text check (char_length(session_id) between 1 and 255),
            metadata jsonb not null default '{{}}' check (jsonb_typeof(metadata) = 'object'),
            occurred_at timestamptz not null,
            created_at timestamptz not null default now(),
            primary key (tenant_id, user_id, message_id),
            foreign key (tenant_id, user_id, conversation_id)
                references {SCHEMA}.memori_conversations on delete cascade
        )""")
    op.execute(f"""
        create index memori_messages_conversation
        on {SCHEMA}.memori_messages (tenant_id, user_id, conversation_id, message_no)""")
    isolate_users(SCHEMA, SERVICE, "memori_messages")


def replace_vectors() -> None:
    # A partition holds whole users, so an exact search reads one, and an approximate index stays small. Half precision,
    # and no TOAST up to 8 kB a row: reading vectors of 1,536 dimensions from TOAST costs four times as much.
    op.execute(f"alter table {SCHEMA}.memori_memory_vectors rename to memori_memory_vectors_old")
    op.execute(f"""
        create table {SCHEMA}.memori_memory_vectors ({OWNER},
            memory_no bigint not null,
            model text not null check (char_length(model) between 1 and 200),
            chunk smallint not null default 0 check (chunk >= 0),
            dimensions integer not null,
            content_version integer not null check (content_version >= 1),
            live_until timestamptz not null default 'infinity',
            shared boolean not null default false,
            embedding public.halfvec not null check (public.vector_dims(embedding) = dimensions),
            created_at timestamptz not null default now(),
            primary key (tenant_id, user_id, memory_no, model, chunk),
            foreign key (tenant_id, user_id, memory_no)
                references {SCHEMA}.memori_memories (tenant_id, user_id, memory_no) on delete cascade
        ) partition by hash (tenant_id, user_id)""")
    op.execute(f"""
        comment on column {SCHEMA}.memori_memory_vectors.live_until
        is 'Until when default searches find the memory: it expires then; -infinity once it is archived'""")
    for remainder in range(VECTOR_PARTITIONS):
        op.execute(f"""
            create table {SCHEMA}.memori_memory_vectors_{remainder}
            partition of {SCHEMA}.memori_memory_vectors
            for values with (modulus {VECTOR_PARTITIONS}, remainder {remainder})
            with (toast_tuple_target = 8160)""")
        # Nobody is granted a partition, and without a policy nobody would see a row of it: only the whole is read.
        for state in ("enable", "force"):
            op.execute(f"alter table {SCHEMA}.memori_memory_vectors_{remainder} {state} row level security")
    op.execute(f"""
        insert into {SCHEMA}.memori_memory_vectors
            (tenant_id, user_id, memory_no, model, dimensions, content_version, live_until, embedding, created_at)
        select tenant_id, user_id, memory_no, model, dimensions, old.content_version,
            case when is_archived then '-infinity' else coalesce(expires_at, 'infinity') end, embedding, old.created_at
        from {SCHEMA}.memori_memory_vectors_old old
        join {SCHEMA}.memori_memories memories using (tenant_id, user_id, memory_id)
        where old.content_version = memories.content_version""")
    op.execute(f"drop table {SCHEMA}.memori_memory_vectors_old")
    op.execute(f"""
        create index memori_memory_vectors_shared
        on {SCHEMA}.memori_memory_vectors (tenant_id, model) where shared""")
    for model, dimensions in INDEXED_MODELS.items():
        name = model.replace("-", "_").lower()
        op.execute(f"""
            create index memori_memory_vectors_{name} on {SCHEMA}.memori_memory_vectors
            using hnsw ((embedding::public.halfvec({dimensions})) public.halfvec_ip_ops)
            where model = '{model}'""")
    isolate_users(SCHEMA, SERVICE, "memori_memory_vectors")
    allow_worker(SCHEMA, SERVICE, "memori_memory_vectors", "select", "insert", "update", "delete")


def replace_usage() -> None:
    op.execute(f"alter table {SCHEMA}.memori_memory_usage rename to memori_memory_usage_old")
    op.execute(f"""
        create table {SCHEMA}.memori_memory_usage ({OWNER},
            memory_no bigint not null,
            access_count bigint not null default 0 check (access_count >= 0),
            last_accessed_at timestamptz,
            importance_gain double precision not null default 0 check (importance_gain between 0 and 1),
            conversations uuid[] not null default '{{}}' check (cardinality(conversations) <= 3),
            primary key (tenant_id, user_id, memory_no),
            foreign key (tenant_id, user_id, memory_no)
                references {SCHEMA}.memori_memories (tenant_id, user_id, memory_no) on delete cascade
        ) with (fillfactor = 70)""")
    op.execute(f"""
        insert into {SCHEMA}.memori_memory_usage
            (tenant_id, user_id, memory_no, access_count, last_accessed_at, importance_gain)
        select tenant_id, user_id, memory_no, access_count, last_accessed_at, importance_gain
        from {SCHEMA}.memori_memory_usage_old join {SCHEMA}.memori_memories using (tenant_id, user_id, memory_id)""")
    op.execute(f"drop table {SCHEMA}.memori_memory_usage_old")
    isolate_users(SCHEMA, SERVICE, "memori_memory_usage")
    allow_worker(SCHEMA, SERVICE, "memori_memory_usage", "select", "insert", "update")


def replace_terms() -> None:
    # No foreign key: it would be checked once a term, and cost more than the insert. The primary key carries all that
    # BM25 and row-level security need, so that it is read from the index alone.
    op.execute(f"alter table {SCHEMA}.memori_memory_terms rename to memori_memory_terms_old")
    op.execute(f"""
        create table {SCHEMA}.memori_memory_terms ({OWNER},
            term text not null check (char_length(term) between 1 and 64),
            memory_no bigint not null,
            frequency integer not null check (frequency >= 1),
            length integer not null check (length >= frequency),
            shared boolean not null default false,
            primary key (tenant_id, user_id, term, memory_no) include (frequency, length, shared)
        )""")
    op.execute(f"""
        insert into {SCHEMA}.memori_memory_terms (tenant_id, user_id, term, memory_no, frequency, length)
        select tenant_id, user_id, term, memory_no, frequency, old.length
        from {SCHEMA}.memori_memory_terms_old old join {SCHEMA}.memori_memories using (tenant_id, user_id, memory_id)""")
    op.execute(f"drop table {SCHEMA}.memori_memory_terms_old")
    for name, definition in {
        "memory": "(tenant_id, user_id, memory_no)",
        "shared": "(tenant_id, term) where shared",
    }.items():
        op.execute(f"create index memori_memory_terms_{name} on {SCHEMA}.memori_memory_terms {definition}")
    isolate_users(SCHEMA, SERVICE, "memori_memory_terms")


def share() -> None:
    for table, shared in SHARED_VIEWS.items():
        op.execute(f"""
            create policy shared_rows on {SCHEMA}.memori_{table} for select to {SERVICE}_owner
            using ({SHARED_ROW.format(shared=shared)})""")
        op.execute(f"""
            create view {SCHEMA}.memori_shared_{table} with (security_barrier) as
            select * from {SCHEMA}.memori_{table} where {shared}""")
        op.execute(f"grant select on {SCHEMA}.memori_shared_{table} to {SERVICE}_app")


def downgrade() -> None:
    for table in SHARED_VIEWS:
        op.execute(f"drop view {SCHEMA}.memori_shared_{table}")
    drop_erasures(SCHEMA)
    disown_outbox(SCHEMA)
    with every_row(SCHEMA, *MOVED):
        restore_terms()
        restore_usage()
        restore_vectors()
        op.execute(f"drop table {SCHEMA}.memori_messages")
        op.execute(f"drop table {SCHEMA}.memori_memory_history")
        restore_memories()


def restore_terms() -> None:
    op.execute(f"alter table {SCHEMA}.memori_memory_terms rename to memori_memory_terms_new")
    op.execute(f"""
        create table {SCHEMA}.memori_memory_terms ({OWNER},
            term text not null check (char_length(term) between 1 and 64),
            memory_id uuid not null,
            frequency integer not null check (frequency >= 1),
            length integer not null check (length >= frequency),
            primary key (tenant_id, user_id, term, memory_id) include (frequency, length)
        )""")
    op.execute(f"""
        insert into {SCHEMA}.memori_memory_terms (tenant_id, user_id, term, memory_id, frequency, length)
        select tenant_id, user_id, term, memory_id, frequency, new.length
        from {SCHEMA}.memori_memory_terms_new new join {SCHEMA}.memori_memories using (tenant_id, user_id, memory_no)""")
    op.execute(f"drop table {SCHEMA}.memori_memory_terms_new")
    op.execute(f"""
        create index memori_memory_terms_memory on {SCHEMA}.memori_memory_terms (tenant_id, user_id, memory_id)""")
    isolate_users(SCHEMA, SERVICE, "memori_memory_terms")


def restore_usage() -> None:
    op.execute(f"alter table {SCHEMA}.memori_memory_usage rename to memori_memory_usage_new")
    op.execute(f"""
        create table {SCHEMA}.memori_memory_usage ({OWNER},
            memory_id uuid not null,
            access_count bigint not null default 0 check (access_count >= 0),
            last_accessed_at timestamptz,
            importance_gain double precision not null default 0 check (importance_gain between 0 and 1),
            primary key (tenant_id, user_id, memory_id),
            foreign key (tenant_id, user_id, memory_id) references {SCHEMA}.memori_memories on delete cascade
        ) with (fillfactor = 70)""")
    op.execute(f"""
        insert into {SCHEMA}.memori_memory_usage
            (tenant_id, user_id, memory_id, access_count, last_accessed_at, importance_gain)
        select tenant_id, user_id, memory_id, access_count, last_accessed_at, importance_gain
        from {SCHEMA}.memori_memory_usage_new join {SCHEMA}.memori_memories using (tenant_id, user_id, memory_no)""")
    op.execute(f"drop table {SCHEMA}.memori_memory_usage_new")
    isolate_users(SCHEMA, SERVICE, "memori_memory_usage")
    allow_worker(SCHEMA, SERVICE, "memori_memory_usage", "select", "insert", "update")


def restore_vectors() -> None:
    op.execute(f"alter table {SCHEMA}.memori_memory_vectors rename to memori_memory_vectors_new")
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
    op.execute(f"""
        insert into {SCHEMA}.memori_memory_vectors
            (tenant_id, user_id, memory_id, model, dimensions, content_version, embedding, created_at)
        select tenant_id, user_id, memory_id, model, dimensions, new.content_version, embedding, new.created_at
        from {SCHEMA}.memori_memory_vectors_new new join {SCHEMA}.memori_memories using (tenant_id, user_id, memory_no)
        where chunk = 0""")
    op.execute(f"drop table {SCHEMA}.memori_memory_vectors_new")
    isolate_users(SCHEMA, SERVICE, "memori_memory_vectors")
    allow_worker(SCHEMA, SERVICE, "memori_memory_vectors", "select", "insert", "update")


def restore_memories() -> None:
    # What the older version cannot hold goes: it would show the sealed contents as empty.
    op.execute(f"delete from {SCHEMA}.memori_memories where sensitive")
    op.execute(f"drop policy shared_rows on {SCHEMA}.memori_memories")
    op.execute(f"drop policy worker_update on {SCHEMA}.memori_memories")
    op.execute(f"revoke update on {SCHEMA}.memori_memories from {SERVICE}_worker")
    for name in ("conversation", "newest", "no", "process", "shared", "idle"):
        op.execute(f"drop index {SCHEMA}.memori_memories_{name}")
    op.execute(f"""
        alter table {SCHEMA}.memori_memories
            drop constraint memori_memories_archived_reason_check,
            alter content set not null,
            alter content_hash set not null,
            drop memory_no, drop occurred_at, drop process_id, drop session_id, drop visibility, drop sensitive,
            drop sealed, drop superseded_by, drop revision, drop change, drop changed_by, drop change_reason""")
    op.execute(f"""
        create index memori_memories_conversation
        on {SCHEMA}.memori_memories (tenant_id, user_id, conversation_id) where conversation_id is not null""")
