"""Users can be erased: the outbox knows whose its rows are, and erasures are noted."""

from persistence.policies import create_erasures, disown_outbox, drop_erasures, own_outbox

revision = "0002"
down_revision = "0001"

SCHEMA = SERVICE = "sql_generator"


def upgrade() -> None:
    own_outbox(SCHEMA)
    create_erasures(SCHEMA, SERVICE)


def downgrade() -> None:
    drop_erasures(SCHEMA)
    disown_outbox(SCHEMA)
