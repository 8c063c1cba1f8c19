"""Rules say what they do, and queries what they were before the rules had their say."""

from alembic import op

from persistence.policies import every_row

revision = "0008"
down_revision = "0007"

SCHEMA = "sql_generator"


def upgrade() -> None:
    op.execute(f"""
        alter table {SCHEMA}.memori_rules
        add column effects jsonb not null default '[]' check (jsonb_typeof(effects) = 'array')""")
    # Conditions of any form were kept and never looked at. What they did, nothing, is what they go on doing.
    with every_row(SCHEMA, "memori_rules"):
        op.execute(f"update {SCHEMA}.memori_rules set conditions = '{{}}' where conditions <> '{{}}'")
    op.execute(f"alter table {SCHEMA}.memori_query_patterns add column drafted_sql text")


def downgrade() -> None:
    op.execute(f"alter table {SCHEMA}.memori_query_patterns drop column drafted_sql")
    op.execute(f"alter table {SCHEMA}.memori_rules drop column effects")
