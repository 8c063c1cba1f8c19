"""The cache of vectors."""

from alembic import op

from persistence.policies import allow_worker, isolate_users

revision = "0001"
down_revision = None

SCHEMA = SERVICE = "embedding_worker"


def upgrade() -> None:
    op.execute(f"""
        create table {SCHEMA}.memori_embeddings (
            tenant_id text not null check (char_length(tenant_id) between 1 and 255),
            user_id text not null check (char_length(user_id) between 1 and 255),
            model text not null,
            content_hash bytea not null,
            embedding bytea not null,
            expires_at timestamptz not null,
            primary key (tenant_id, user_id, model, content_hash)
        )""")
    op.execute(f"create index memori_embeddings_expiry on {SCHEMA}.memori_embeddings (expires_at)")
    isolate_users(SCHEMA, SERVICE, "memori_embeddings")
    # Batches and the expiry sweep span users.
    allow_worker(SCHEMA, SERVICE, "memori_embeddings", "select", "insert", "delete")


def downgrade() -> None:
    op.execute(f"drop table {SCHEMA}.memori_embeddings")
