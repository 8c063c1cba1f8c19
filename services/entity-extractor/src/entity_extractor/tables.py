"""The tables entity-extractor owns."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from messaging import outbox_table

metadata = MetaData()


def _owner() -> tuple[Column[str], Column[str]]:
    return Column("tenant_id", Text, primary_key=True), Column("user_id", Text, primary_key=True)


sources = Table(
    "memori_graph_sources",
    metadata,
    *_owner(),
    Column("data_source_id", Uuid, primary_key=True),
    Column("fingerprint", Text),
    Column("deleted_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

learned_queries = Table(
    "memori_learned_queries",
    metadata,
    *_owner(),
    Column("query_id", Uuid, primary_key=True),
    Column("data_source_id", Uuid, nullable=False),
    Column("words", ARRAY(Text), nullable=False),
    Column("entity_ids", ARRAY(Uuid), nullable=False),
    Column("trust", Text),
    Column("rated_at", DateTime(timezone=True)),
    Column("is_learned", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

entities = Table(
    "memori_entities",
    metadata,
    *_owner(),
    Column("entity_id", Uuid, primary_key=True),
    Column("data_source_id", Uuid),
    Column("entity_type", Text, nullable=False),
    Column("entity_name", Text, nullable=False),
    Column("properties", JSONB, nullable=False),
    Column("description", Text, nullable=False),
    Column("words", ARRAY(Text), nullable=False),
    Column("mention_count", BigInteger, nullable=False),
    Column("importance_score", Double, nullable=False),
    Column("retired_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

relationships = Table(
    "memori_relationships",
    metadata,
    *_owner(),
    Column("relationship_id", Uuid, primary_key=True),
    Column("data_source_id", Uuid),
    Column("source_entity_id", Uuid, nullable=False),
    Column("target_entity_id", Uuid, nullable=False),
    Column("source_name", Text, nullable=False),
    Column("target_name", Text, nullable=False),
    Column("relationship_type", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("usage_count", BigInteger, nullable=False),
    Column("last_used_at", DateTime(timezone=True)),
    Column("retired_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

turns = Table(
    "memori_turns",
    metadata,
    *_owner(),
    Column("source_type", Text, primary_key=True),
    Column("source_id", Uuid, primary_key=True),
    Column("content_version", Integer, nullable=False),
    Column("conversation_id", Uuid),
    Column("data_source_id", Uuid),
    Column("words", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

mentions = Table(
    "memori_mentions",
    metadata,
    *_owner(),
    Column("source_type", Text, primary_key=True),
    Column("source_id", Uuid, primary_key=True),
    Column("entity_id", Uuid, primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

fact_mentions = Table(
    "memori_fact_mentions",
    metadata,
    *_owner(),
    Column("source_type", Text, primary_key=True),
    Column("source_id", Uuid, primary_key=True),
    Column("fact_id", Uuid, primary_key=True),
    Column("conversation_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("predicate", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

facts = Table(
    "memori_facts",
    metadata,
    *_owner(),
    Column("fact_id", Uuid, primary_key=True),
    Column("slot_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("predicate", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("mention_count", BigInteger, nullable=False),
    Column("source_type", Text, nullable=False),
    Column("source_id", Uuid, nullable=False),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("from_message", Boolean, nullable=False),
    Column("superseded_by", Uuid),
    Column("remembered_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

forgotten_facts = Table(
    "memori_forgotten_facts",
    metadata,
    *_owner(),
    Column("fact_id", Uuid, primary_key=True),
    Column("forgotten_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

outbox = outbox_table(metadata)
