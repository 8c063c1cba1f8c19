"""Data sources may be MySQL and MariaDB databases."""

from alembic import op

from persistence.policies import every_row

revision = "0005"
down_revision = "0004"

TABLE = "sql_generator.memori_data_sources"


def upgrade() -> None:
    permit_kinds("postgres", "mysql", "sqlite", "duckdb")


def downgrade() -> None:
    with every_row("sql_generator", "memori_data_sources"):
        op.execute(f"delete from {TABLE} where kind = 'mysql'")
    permit_kinds("postgres", "sqlite", "duckdb")


def permit_kinds(*kinds: str) -> None:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(f"alter table {TABLE} drop constraint memori_data_sources_kind_check")
    op.execute(f"alter table {TABLE} add constraint memori_data_sources_kind_check check (kind in ({listed}))")
