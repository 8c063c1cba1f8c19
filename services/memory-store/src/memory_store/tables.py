"""The tables memory-store owns."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import NullType

from messaging import outbox_table

metadata = MetaData()


def _owner() -> tuple[Column[str], Column[str]]:
    return Column("tenant_id", Text, primary_key=True), Column("user_id", Text, primary_key=True)


conversations = Table(
    "memori_conversations",
    metadata,
    *_owner(),
    Column("conversation_id", Uuid, primary_key=True),
    Column("title", Text, nullable=False),
    Column("data_source_id", Uuid),
    Column("summary", Text),
    Column("metadata", JSONB, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("last_activity_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

memories = Table(
    "memori_memories",
    metadata,
    *_owner(),
    Column("memory_id", Uuid, primary_key=True),
    Column("conversation_id", Uuid),
    Column("content", Text, nullable=False),
    Column("content_version", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("analyzer_version", SmallInteger, nullable=False),
    Column("length", Integer, nullable=False),
    Column("memory_type", Text, nullable=False),
    Column("importance_score", Double, nullable=False),
    Column("context_tags", ARRAY(Text), nullable=False),
    Column("related_entities", ARRAY(Text), nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("is_archived", Boolean, nullable=False),
    Column("archived_reason", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

vectors = Table(
    "memori_memory_vectors",
    metadata,
    *_owner(),
    Column("memory_id", Uuid, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("dimensions", Integer, nullable=False),
    Column("content_version", Integer, nullable=False),
    # A halfvec, sent and received in binary by the driver itself (repository.codecs).
    Column("embedding", NullType, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

usage = Table(
    "memori_memory_usage",
    metadata,
    *_owner(),
    Column("memory_id", Uuid, primary_key=True),
    Column("access_count", BigInteger, nullable=False),
    Column("last_accessed_at", DateTime(timezone=True)),
    Column("importance_gain", Double, nullable=False),
)

terms = Table(
    "memori_memory_terms",
    metadata,
    *_owner(),
    Column("term", Text, primary_key=True),
    Column("memory_id", Uuid, primary_key=True),
    Column("frequency", Integer, nullable=False),
    Column("length", Integer, nullable=False),
)

outbox = outbox_table(metadata)
