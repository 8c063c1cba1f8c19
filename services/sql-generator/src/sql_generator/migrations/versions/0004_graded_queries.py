"""Queries say who verified them, what took their place, and which of them are the same question."""

from alembic import op

from persistence.policies import every_row

revision = "0004"
down_revision = "0003"

SCHEMA = "sql_generator"
TABLE = f"{SCHEMA}.memori_query_patterns"


def upgrade() -> None:
    op.execute(f"""
        alter table {TABLE}
            add column question_key text check (char_length(question_key) = 64),
            add column verified_by text check (verified_by in ('person', 'success')),
            add column verified_at timestamptz,
            add column superseded_by uuid,
            add column trust_when_fresh text check (trust_when_fresh in ('candidate', 'verified')),
            add constraint memori_query_patterns_verified check ((verified_by is null) = (verified_at is null)),
            add constraint memori_query_patterns_stale check (trust_when_fresh is null or trust = 'stale'),
            add constraint memori_query_patterns_superseded_by
                foreign key (tenant_id, user_id, superseded_by) references {TABLE}
                on delete set null (superseded_by)""")
    op.execute(f"comment on column {TABLE}.question_key is 'SHA-256 of the normalised wording'")
    with every_row(SCHEMA, "memori_query_patterns"):
        op.execute(f"""
            update {TABLE} set verified_by = 'success', verified_at = updated_at where trust = 'verified'""")
    for name, definition in {
        "newest": "(tenant_id, user_id, created_at desc, pattern_id desc)",
        "question": "(tenant_id, user_id, data_source_id, question_key) where question_key is not null",
        "superseded": "(tenant_id, user_id, superseded_by) where superseded_by is not null",
    }.items():
        op.execute(f"create index memori_query_patterns_{name} on {TABLE} {definition}")


def downgrade() -> None:
    op.execute(f"drop index {SCHEMA}.memori_query_patterns_newest")
    op.execute(f"""
        alter table {TABLE}
            drop column question_key, drop column verified_by, drop column verified_at, drop column superseded_by,
            drop column trust_when_fresh""")
