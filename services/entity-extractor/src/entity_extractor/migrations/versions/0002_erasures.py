"""Users can be erased: the outbox knows whose its rows are, and erasures are noted."""

from alembic import op

from persistence.policies import create_erasures, disown_outbox, drop_erasures, every_row, own_outbox

revision = "0002"
down_revision = "0001"

SCHEMA = SERVICE = "entity_extractor"


def upgrade() -> None:
    own_outbox(SCHEMA)
    create_erasures(SCHEMA, SERVICE)
    # What a user who came back has made since stays when an erasure comes late.
    op.execute(f"alter table {SCHEMA}.memori_graph_sources add created_at timestamptz not null default now()")
    with every_row(SCHEMA, "memori_graph_sources"):
        op.execute(f"update {SCHEMA}.memori_graph_sources set created_at = updated_at")


def downgrade() -> None:
    op.execute(f"alter table {SCHEMA}.memori_graph_sources drop created_at")
    drop_erasures(SCHEMA)
    disown_outbox(SCHEMA)
