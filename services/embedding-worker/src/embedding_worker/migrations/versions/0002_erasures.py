"""Users can be erased: erasures are noted."""

from persistence.policies import create_erasures, drop_erasures

revision = "0002"
down_revision = "0001"

SCHEMA = SERVICE = "embedding_worker"


def upgrade() -> None:
    create_erasures(SCHEMA, SERVICE)


def downgrade() -> None:
    drop_erasures(SCHEMA)
