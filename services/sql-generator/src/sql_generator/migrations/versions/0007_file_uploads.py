"""Uploaded files."""

from alembic import op

from persistence.policies import allow_worker, isolate_users

revision = "0007"
down_revision = "0006"

SCHEMA = SERVICE = "sql_generator"
TABLE = "memori_file_uploads"


def upgrade() -> None:
    op.execute(f"""
        create table {SCHEMA}.{TABLE} (
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            user_id text not null check (char_length(user_id) between 1 and 255),
            file_id uuid not null,
            file_name text not null check (char_length(file_name) between 1 and 255),
            kind text not null check (kind in ('csv', 'tsv', 'parquet', 'xlsx', 'json', 'sqlite')),
            location text not null unique check (location ~ '^[0-9a-f]{{32}}$'),
            status text not null check (status in ('receiving', 'received', 'converting', 'ready', 'failed')),
            status_detail text not null default '',
            progress double precision not null default 0 check (progress between 0 and 1),
            attempts integer not null default 0 check (attempts >= 0),
            size_bytes bigint check (size_bytes >= 0),
            sha256 text check (sha256 ~ '^[0-9a-f]{{64}}$'),
            row_count bigint check (row_count >= 0),
            table_count integer check (table_count >= 0),
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            primary key (tenant_id, user_id, file_id),
            check (status in ('receiving', 'failed') or num_nulls(size_bytes, sha256) = 0),
            check (status <> 'ready' or table_count is not null)
        )""")
    op.execute(f"comment on column {SCHEMA}.{TABLE}.location is 'Where its bytes are, under UPLOADS_URL'")
    op.execute(f"""
        create index {TABLE}_created on {SCHEMA}.{TABLE} (tenant_id, user_id, created_at desc, file_id desc)""")
    op.execute(f"""
        create index {TABLE}_pending on {SCHEMA}.{TABLE} (status, updated_at)
        where status in ('receiving', 'received', 'converting')""")
    isolate_users(SCHEMA, SERVICE, TABLE)
    allow_worker(SCHEMA, SERVICE, TABLE, "select", "update")


def downgrade() -> None:
    op.execute(f"drop table {SCHEMA}.{TABLE}")
