"""The tables memory-store owns."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Identity,
    Integer,
    LargeBinary,
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

messages = Table(
    "memori_messages",
    metadata,
    *_owner(),
    Column("message_id", Uuid, primary_key=True),
    # The order in which they were appended.
    Column("message_no", BigInteger, Identity(always=True)),
    Column("conversation_id", Uuid, nullable=False),
    Column("role", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("process_id", Text),
    Column("session_id", Text),
    Column("metadata", JSONB, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

memories = Table(
    "memori_memories",
    metadata,
    *_owner(),
    Column("memory_id", Uuid, primary_key=True),
    # Names the memory inside this service: ids come from clients, so two users may have the same.
    Column("memory_no", BigInteger, Identity(always=True)),
    Column("conversation_id", Uuid),
    # Null when sensitive; then content, metadata and related entities are in `sealed`, encrypted.
    Column("content", Text),
    Column("sealed", LargeBinary),
    Column("content_version", Integer, nullable=False),
    Column("content_hash", Text),
    Column("analyzer_version", SmallInteger, nullable=False),
    Column("length", Integer, nullable=False),
    Column("memory_type", Text, nullable=False),
    Column("importance_score", Double, nullable=False),
    Column("context_tags", ARRAY(Text), nullable=False),
    Column("related_entities", ARRAY(Text), nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("process_id", Text),
    Column("session_id", Text),
    Column("visibility", Text, nullable=False),
    Column("sensitive", Boolean, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("archived_reason", Text),
    Column("superseded_by", Uuid),
    # The last change, which made the row what it is; the rows it was before are in the history.
    Column("revision", Integer, nullable=False),
    Column("change", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("change_reason", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

history = Table(
    "memori_memory_history",
    metadata,
    *_owner(),
    Column("memory_id", Uuid, primary_key=True),
    # Under the id of a deleted memory there may be a new one.
    Column("memory_no", BigInteger, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("change", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("change_reason", Text),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("content", Text),
    Column("sealed", LargeBinary),
    Column("content_version", Integer, nullable=False),
    Column("memory_type", Text, nullable=False),
    Column("importance_score", Double, nullable=False),
    Column("context_tags", ARRAY(Text), nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("visibility", Text, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("archived_reason", Text),
    Column("superseded_by", Uuid),
)

vectors = Table(
    "memori_memory_vectors",
    metadata,
    *_owner(),
    Column("memory_no", BigInteger, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("chunk", SmallInteger, primary_key=True),
    Column("dimensions", Integer, nullable=False),
    Column("content_version", Integer, nullable=False),
    Column("live_until", DateTime(timezone=True), nullable=False),
    Column("shared", Boolean, nullable=False),
    # A halfvec, sent and received in binary by the driver itself (repository.codecs).
    Column("embedding", NullType, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

usage = Table(
    "memori_memory_usage",
    metadata,
    *_owner(),
    Column("memory_no", BigInteger, primary_key=True),
    Column("access_count", BigInteger, nullable=False),
    Column("last_accessed_at", DateTime(timezone=True)),
    Column("importance_gain", Double, nullable=False),
    Column("conversations", ARRAY(Uuid), nullable=False),
)

terms = Table(
    "memori_memory_terms",
    metadata,
    *_owner(),
    Column("term", Text, primary_key=True),
    Column("memory_no", BigInteger, primary_key=True),
    Column("frequency", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("shared", Boolean, nullable=False),
)

outbox = outbox_table(metadata)
