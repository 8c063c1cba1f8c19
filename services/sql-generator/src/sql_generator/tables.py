"""The tables sql-generator owns."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import UserDefinedType

from messaging import outbox_table

metadata = MetaData()


class Vector(UserDefinedType[str]):
    """pgvector's `vector`, written as its text form `[1,2,3]`; it is never read back."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "public.vector"


def _owner() -> tuple[Column[str], Column[str]]:
    return Column("tenant_id", Text, primary_key=True), Column("user_id", Text, primary_key=True)


data_sources = Table(
    "memori_data_sources",
    metadata,
    *_owner(),
    Column("data_source_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("connection", LargeBinary, nullable=False),
    Column("schema", JSONB),
    Column("table_count", Integer, nullable=False),
    Column("fingerprint", Text),
    Column("status", Text, nullable=False),
    Column("status_detail", Text, nullable=False),
    Column("terms_version", SmallInteger, nullable=False),
    Column("synced_at", DateTime(timezone=True)),
    Column("stale_patterns", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

source_terms = Table(
    "memori_source_terms",
    metadata,
    *_owner(),
    Column("data_source_id", Uuid, primary_key=True),
    Column("term", Text, primary_key=True),
    Column("weight", Float, nullable=False),
    Column("places", ARRAY(Text), nullable=False),
)

rules = Table(
    "memori_rules",
    metadata,
    *_owner(),
    Column("rule_id", Uuid, primary_key=True),
    Column("data_source_id", Uuid),
    Column("rule_name", Text, nullable=False),
    Column("rule_type", Text, nullable=False),
    Column("rule_content", Text, nullable=False),
    Column("conditions", JSONB, nullable=False),
    Column("effects", JSONB, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("is_active", Boolean, Computed("status = 'active'", persisted=True)),
    Column("origin", Text, nullable=False),
    Column("application_count", Integer, nullable=False),
    Column("last_applied_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

query_patterns = Table(
    "memori_query_patterns",
    metadata,
    *_owner(),
    Column("pattern_id", Uuid, primary_key=True),
    Column("conversation_id", Uuid),
    Column("data_source_id", Uuid, nullable=False),
    Column("natural_language_query", Text, nullable=False),
    # The same for questions of the same normalised wording; a hash, because an index holds no long text.
    Column("question_key", Text),
    Column("generated_sql", Text),
    # Before the rules had their say, where that is not the same.
    Column("drafted_sql", Text),
    Column("query_intent", Text),
    Column("status", Text, nullable=False),
    Column("execution_time_ms", Double),
    Column("result_row_count", Integer),
    Column("was_successful", Boolean),
    Column("error_message", Text),
    Column("query_signature", Text),
    Column("tables_used", ARRAY(Text), nullable=False),
    Column("columns_used", ARRAY(Text), nullable=False),
    Column("user_satisfaction_score", SmallInteger),
    Column("was_modified", Boolean, nullable=False),
    Column("modification_notes", Text),
    Column("trust", Text, nullable=False),
    # What the trust is again once the tables and columns that a stale query names are back.
    Column("trust_when_fresh", Text),
    Column("verified_by", Text),
    Column("verified_at", DateTime(timezone=True)),
    Column("superseded_by", Uuid),
    Column("question_embedding", Vector),
    Column("embedding_model", Text),
    # The whole answer but its rows and their chart: those are the source's, and are read again when they are asked for.
    Column("answer", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

usage = Table(
    "memori_usage",
    metadata,
    *_owner(),
    Column("month", Date, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cache_read_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("cost_usd", Numeric),
)

tenant_usage = Table(
    "memori_tenant_usage",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("cost_usd", Numeric, nullable=False),
)

file_uploads = Table(
    "memori_file_uploads",
    metadata,
    *_owner(),
    Column("file_id", Uuid, primary_key=True),
    Column("file_name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_detail", Text, nullable=False),
    Column("progress", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("size_bytes", BigInteger),
    Column("sha256", Text),
    Column("row_count", BigInteger),
    Column("table_count", Integer),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

outbox = outbox_table(metadata)
