"""The table embedding-worker owns."""

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, Text

metadata = MetaData()

embeddings = Table(
    "memori_embeddings",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("content_hash", LargeBinary, primary_key=True),
    # Little-endian float32: only ever read back whole, so it needs no vector type.
    Column("embedding", LargeBinary, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
