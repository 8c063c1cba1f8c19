"""What models cost, a row a user, month and model; and of whole tenants, which outlives their users."""

from alembic import op

from persistence.policies import isolate_tenants, isolate_users

revision = "0006"
down_revision = "0005"

SCHEMA = SERVICE = "sql_generator"


def upgrade() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_usage (
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            user_id text not null check (char_length(user_id) between 1 and 255),
            month date not null check (extract(day from month) = 1),
            model text not null,
            calls bigint not null check (calls >= 0),
            input_tokens bigint not null check (input_tokens >= 0),
            output_tokens bigint not null check (output_tokens >= 0),
            cache_read_tokens bigint not null check (cache_read_tokens >= 0),
            cache_write_tokens bigint not null check (cache_write_tokens >= 0),
            cost_usd numeric(16, 6) check (cost_usd >= 0),
            primary key (tenant_id, user_id, month, model)
        )""")
    op.execute(f"""
        create table {SCHEMA}.memori_tenant_usage (
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            month date not null check (extract(day from month) = 1),
            cost_usd numeric(16, 6) not null check (cost_usd >= 0),
            primary key (tenant_id, month)
        )""")
    isolate_users(SCHEMA, SERVICE, "memori_usage")
    isolate_tenants(SCHEMA, SERVICE, "memori_tenant_usage")


def downgrade() -> None:
    op.execute(f"drop table {SCHEMA}.memori_tenant_usage, {SCHEMA}.memori_usage")
