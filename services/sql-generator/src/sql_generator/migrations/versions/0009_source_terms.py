"""The words of data sources, so that the one a question is about is found without reading schemas."""

from alembic import op

from persistence.policies import isolate_users

revision = "0009"
down_revision = "0008"

SCHEMA = SERVICE = "sql_generator"
TABLE = f"{SCHEMA}.memori_source_terms"


def upgrade() -> None:
    op.execute(f"""
        create table {TABLE} (
            tenant_id text not null,
            user_id text not null,
            data_source_id uuid not null,
            term text not null,
            weight real not null check (weight > 0),
            places text[] not null,
            primary key (tenant_id, user_id, data_source_id, term),
            foreign key (tenant_id, user_id, data_source_id)
                references {SCHEMA}.memori_data_sources on delete cascade
        )""")
    op.execute(f"create index memori_source_terms_term on {TABLE} (tenant_id, user_id, term)")
    # 0: not made yet, which happens at the first question that needs them.
    op.execute(f"alter table {SCHEMA}.memori_data_sources add column terms_version smallint not null default 0")
    isolate_users(SCHEMA, SERVICE, "memori_source_terms")


def downgrade() -> None:
    op.execute(f"alter table {SCHEMA}.memori_data_sources drop column terms_version")
    op.execute(f"drop table {TABLE}")
