"""Entities, relationships, and what they were learned from."""

from alembic import op

from persistence.policies import create_outbox, drop_outbox, isolate_users

revision = "0001"
down_revision = None

SCHEMA = SERVICE = "entity_extractor"

OWNER = """
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            user_id text not null check (char_length(user_id) between 1 and 255)"""


def upgrade() -> None:
    create_sources()
    create_learned_queries()
    create_entities()
    create_relationships()
    create_outbox(SCHEMA, SERVICE)
    isolate_users(
        SCHEMA,
        SERVICE,
        "memori_graph_sources",
        "memori_learned_queries",
        "memori_entities",
        "memori_relationships",
    )


def create_sources() -> None:
    # A row a data source: writers of its part of the graph lock it, and a deleted one stays as a tombstone, so that an
    # event that comes late does not bring the graph back.
    op.execute(f"""
        create table {SCHEMA}.memori_graph_sources ({OWNER},
            data_source_id uuid not null,
            fingerprint text,
            deleted_at timestamptz,
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, data_source_id)
        )""")


def create_learned_queries() -> None:
    # A row a query whose uses are counted: what makes a redelivered event count once.
    op.execute(f"""
        create table {SCHEMA}.memori_learned_queries ({OWNER},
            query_id uuid not null,
            data_source_id uuid not null,
            created_at timestamptz not null default now(),
            primary key (tenant_id, user_id, query_id)
        )""")
    op.execute(f"""
        create index memori_learned_queries_source
        on {SCHEMA}.memori_learned_queries (tenant_id, user_id, data_source_id)""")


def create_entities() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_entities ({OWNER},
            entity_id uuid not null,
            data_source_id uuid,
            entity_type text not null check (entity_type in ('table', 'column', 'database', 'user', 'concept')),
            entity_name text not null check (char_length(entity_name) between 1 and 500),
            properties jsonb not null default '{{}}' check (jsonb_typeof(properties) = 'object'),
            description text not null default '',
            words text[] not null default '{{}}',
            mention_count bigint not null default 0 check (mention_count >= 0),
            importance_score double precision not null default 0.5 check (importance_score between 0 and 1),
            retired_at timestamptz,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, entity_id),
            constraint memori_entities_natural_key
                unique nulls not distinct (tenant_id, user_id, entity_name, entity_type, data_source_id)
        )""")
    op.execute(f"comment on column {SCHEMA}.memori_entities.words is 'Stems that a question naming it must hold'")
    op.execute(f"comment on column {SCHEMA}.memori_entities.retired_at is 'Since when the schema has it no more'")
    op.execute(f"""
        create index memori_entities_mentions
        on {SCHEMA}.memori_entities (tenant_id, user_id, mention_count desc, entity_id desc)
        where retired_at is null""")
    op.execute(f"""
        create index memori_entities_source
        on {SCHEMA}.memori_entities (tenant_id, user_id, data_source_id, entity_type)""")


def create_relationships() -> None:
    # An end's name never changes, and whether an end is retired changes with a sync only: kept here as well, they spare
    # every reader two joins.
    op.execute(f"""
        create table {SCHEMA}.memori_relationships ({OWNER},
            relationship_id uuid not null,
            data_source_id uuid,
            source_entity_id uuid not null,
            target_entity_id uuid not null,
            source_name text not null,
            target_name text not null,
            relationship_type text not null check (relationship_type in
                ('has_column', 'joins_with', 'filters_by', 'aggregates', 'groups_by', 'related_to')),
            context text not null default '' check (char_length(context) <= 1000),
            strength double precision not null check (strength between 0 and 1),
            metadata jsonb not null default '{{}}' check (jsonb_typeof(metadata) = 'object'),
            usage_count bigint not null default 0 check (usage_count >= 0),
            last_used_at timestamptz,
            retired_at timestamptz,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, relationship_id),
            foreign key (tenant_id, user_id, source_entity_id) references {SCHEMA}.memori_entities on delete cascade,
            foreign key (tenant_id, user_id, target_entity_id) references {SCHEMA}.memori_entities on delete cascade
        )""")
    # A condition may be longer than an index entry, its hash is not.
    op.execute(f"""
        create unique index memori_relationships_natural_key on {SCHEMA}.memori_relationships
        (tenant_id, user_id, source_entity_id, target_entity_id, relationship_type, md5(context))""")
    for name, columns in {
        "target": "target_entity_id",
        "source": "data_source_id, relationship_type",
        "strength": "strength desc, usage_count desc, relationship_id desc",
    }.items():
        op.execute(f"""
            create index memori_relationships_{name}
            on {SCHEMA}.memori_relationships (tenant_id, user_id, {columns})""")


def downgrade() -> None:
    drop_outbox(SCHEMA)
    for table in ("relationships", "entities", "learned_queries", "graph_sources"):
        op.execute(f"drop table {SCHEMA}.memori_{table}")
