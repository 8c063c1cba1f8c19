"""Data sources say how many past queries name what has gone from them."""

from alembic import op

from persistence.policies import every_row

revision = "0010"
down_revision = "0009"

SCHEMA = "sql_generator"


def upgrade() -> None:
    op.execute(f"""
        alter table {SCHEMA}.memori_data_sources
            add column stale_patterns integer not null default 0 check (stale_patterns >= 0)""")
    # From now on they are `table.column` as the schema spells it; bare names cannot be told from a statement's own.
    with every_row(SCHEMA, "memori_query_patterns"):
        op.execute(f"""
            update {SCHEMA}.memori_query_patterns
            set columns_used = array(select name from unnest(columns_used) as name where name like '%.%')
            where columns_used <> '{{}}'""")


def downgrade() -> None:
    op.execute(f"alter table {SCHEMA}.memori_data_sources drop column stale_patterns")
