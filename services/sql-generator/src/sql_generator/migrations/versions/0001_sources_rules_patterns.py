"""Data sources, rules and query patterns."""

from alembic import op

from persistence.policies import create_outbox, drop_outbox, isolate_users

revision = "0001"
down_revision = None

SCHEMA = SERVICE = "sql_generator"

OWNER = """
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            user_id text not null check (char_length(user_id) between 1 and 255)"""


def upgrade() -> None:
    create_data_sources()
    create_rules()
    create_query_patterns()
    create_outbox(SCHEMA, SERVICE)
    isolate_users(SCHEMA, SERVICE, "memori_data_sources", "memori_rules", "memori_query_patterns")


def create_data_sources() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_data_sources ({OWNER},
            data_source_id uuid not null,
            name text not null check (char_length(name) between 1 and 255),
            kind text not null check (kind in ('postgres', 'sqlite')),
            connection bytea not null,
            schema jsonb check (jsonb_typeof(schema) = 'object'),
            table_count integer not null default 0 check (table_count >= 0),
            fingerprint text,
            status text not null check (status in ('registered', 'ready', 'unreachable')),
            status_detail text not null default '',
            synced_at timestamptz,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, data_source_id),
            check (num_nulls(schema, fingerprint, synced_at) in (0, 3)),
            check (status <> 'ready' or schema is not null)
        )""")
    op.execute(f"comment on column {SCHEMA}.memori_data_sources.connection is 'AES-256-GCM, bound to the row'")
    op.execute(f"""
        create index memori_data_sources_name
        on {SCHEMA}.memori_data_sources (tenant_id, user_id, left(name, 16), data_source_id)""")


def create_rules() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_rules ({OWNER},
            rule_id uuid not null,
            data_source_id uuid,
            rule_name text not null check (char_length(rule_name) between 1 and 255),
            rule_type text not null check (rule_type in ('preference', 'constraint', 'transformation', 'validation')),
            rule_content text not null check (char_length(rule_content) between 1 and 10000),
            conditions jsonb not null default '{{}}' check (jsonb_typeof(conditions) = 'object'),
            priority integer not null default 100 check (priority between 0 and 1000),
            status text not null check (status in ('proposed', 'active', 'retired')),
            is_active boolean generated always as (status = 'active') stored,
            origin text not null check (origin in ('user', 'memory', 'learned')),
            application_count integer not null default 0 check (application_count >= 0),
            last_applied_at timestamptz,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, rule_id),
            foreign key (tenant_id, user_id, data_source_id)
                references {SCHEMA}.memori_data_sources on delete cascade
        )""")
    op.execute(f"""
        create index memori_rules_priority
        on {SCHEMA}.memori_rules (tenant_id, user_id, priority desc, created_at desc, rule_id desc)""")
    op.execute(f"""
        create index memori_rules_source
        on {SCHEMA}.memori_rules (tenant_id, user_id, data_source_id) where data_source_id is not null""")


def create_query_patterns() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_query_patterns ({OWNER},
            pattern_id uuid not null,
            conversation_id uuid,
            data_source_id uuid not null,
            natural_language_query text not null check (char_length(natural_language_query) between 1 and 1000),
            generated_sql text,
            query_intent text check (query_intent in ('select', 'aggregate', 'join', 'filter', 'group_by')),
            status text not null check (status in ('generated', 'executed', 'refused', 'abstained', 'failed')),
            execution_time_ms double precision check (execution_time_ms >= 0),
            result_row_count integer check (result_row_count >= 0),
            was_successful boolean,
            error_message text,
            query_signature text check (char_length(query_signature) <= 500),
            tables_used text[] not null default '{{}}',
            columns_used text[] not null default '{{}}',
            user_satisfaction_score smallint check (user_satisfaction_score between 1 and 5),
            was_modified boolean not null default false,
            modification_notes text,
            trust text not null default 'candidate'
                check (trust in ('candidate', 'verified', 'deprecated', 'stale')),
            question_embedding public.vector,
            embedding_model text,
            answer jsonb check (jsonb_typeof(answer) = 'object'),
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, pattern_id),
            foreign key (tenant_id, user_id, data_source_id)
                references {SCHEMA}.memori_data_sources on delete cascade,
            check ((question_embedding is null) = (embedding_model is null)),
            check (generated_sql is not null or was_successful is distinct from true),
            check (generated_sql is not null or status in ('refused', 'abstained', 'failed'))
        )""")
    for name, definition in {
        "source": "btree (tenant_id, user_id, data_source_id, created_at desc)",
        "conversation": "btree (tenant_id, user_id, conversation_id) where conversation_id is not null",
        "intent": "btree (tenant_id, user_id, query_intent) where query_intent is not null",
        "signature": "btree (tenant_id, user_id, data_source_id, query_signature) where query_signature is not null",
        "tables": "gin (tables_used)",
    }.items():
        op.execute(f"create index memori_query_patterns_{name} on {SCHEMA}.memori_query_patterns using {definition}")


def downgrade() -> None:
    drop_outbox(SCHEMA)
    op.execute(f"drop table {SCHEMA}.memori_query_patterns, {SCHEMA}.memori_rules, {SCHEMA}.memori_data_sources")
