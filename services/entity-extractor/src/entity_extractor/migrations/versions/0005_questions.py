"""What learned queries were asked as, and how they were rated; the strength of relationships is computed at read."""

from alembic import op

from persistence.policies import every_row

revision = "0005"
down_revision = "0004"

SCHEMA = "entity_extractor"


def upgrade() -> None:
    op.execute(f"""
        alter table {SCHEMA}.memori_learned_queries
            add words text[] not null default '{{}}',
            add entity_ids uuid[] not null default '{{}}',
            add trust text,
            add rated_at timestamptz,
            add is_learned boolean not null default true""")
    op.execute(f"""
        comment on column {SCHEMA}.memori_learned_queries.is_learned
        is 'False of one that was rated and has not been read yet'""")
    op.execute(f"drop index {SCHEMA}.memori_relationships_strength")
    op.execute(f"alter table {SCHEMA}.memori_relationships drop strength")


def downgrade() -> None:
    op.execute(f"""
        alter table {SCHEMA}.memori_relationships
            add strength double precision not null default 1 check (strength between 0 and 1)""")
    op.execute(f"""
        create index memori_relationships_strength
        on {SCHEMA}.memori_relationships (tenant_id, user_id, strength desc, usage_count desc, relationship_id desc)""")
    with every_row(SCHEMA, "memori_learned_queries"):
        op.execute(f"delete from {SCHEMA}.memori_learned_queries where not is_learned")
    op.execute(f"""
        alter table {SCHEMA}.memori_learned_queries
            drop words, drop entity_ids, drop trust, drop rated_at, drop is_learned""")
