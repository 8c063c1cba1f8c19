"""Data sources: registering, syncing, reading schemas."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, PlainSerializer, SecretStr

from contracts.base import Cursor, Message, Name, UtcTime
from contracts.methods import Empty, Method
from contracts.sql_generator.service import SERVICE

SourceKind: TypeAlias = Literal["postgres", "mysql", "sqlite", "duckdb"]
SourceStatus: TypeAlias = Literal["registered", "ready", "unreachable"]


class Column(Message):
    """A column of a table."""

    name: str
    type: str
    nullable: bool = True
    primary_key: bool = False
    comment: str = ""
    samples: tuple[str, ...] = Field(default=(), description="A few values, of columns that hold few distinct ones")


class ForeignKey(Message):
    """A reference from columns of this table to columns of another."""

    columns: tuple[str, ...]
    target_table: str
    target_columns: tuple[str, ...]


class Table(Message):
    """A table or view; outside the default schema its name is `schema.table`."""

    name: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    comment: str = ""
    row_estimate: int | None = None


class DatabaseSchema(Message):
    """The tables of a data source as they were at the last sync."""

    dialect: SourceKind
    tables: tuple[Table, ...]


class DataSource(Message):
    """A registered database. The connection never leaves the service."""

    data_source_id: UUID
    name: str
    kind: SourceKind
    status: SourceStatus
    status_detail: str = ""
    fingerprint: str | None
    table_count: int
    synced_at: UtcTime | None
    stale_patterns: int = Field(
        default=0, description="Past queries out of use since the schema changed: a table or column of theirs has gone"
    )
    created_at: UtcTime
    updated_at: UtcTime


def _reveal(value: SecretStr) -> str:
    # On the wire between gateway and service only; logs and errors show the masked form.
    return value.get_secret_value()


SourceName: TypeAlias = Annotated[Name, Field(max_length=255)]
Connection: TypeAlias = Annotated[
    SecretStr,
    Field(
        min_length=1,
        max_length=2_000,
        description="A URL (postgresql://user:password@host/database, mysql://…) or the path of a database file",
    ),
    PlainSerializer(_reveal, return_type=str, when_used="json"),
]


class RegisterDataSource(Message):
    """Register a database; the connection is encrypted before it is stored."""

    data_source_id: UUID
    name: SourceName
    kind: SourceKind
    connection: Connection


class DataSourceRef(Message):
    """Names a data source."""

    data_source_id: UUID


class UpdateDataSource(DataSourceRef):
    """Change what is given. Another connection is tried, and what is behind it is read at once."""

    name: SourceName | None = None
    connection: Connection | None = None


class DataSourceTest(Message):
    """What came of connecting to a data source once. Nothing is kept of it."""

    data_source_id: UUID
    reachable: bool
    reason: str | None = Field(description="Why it cannot be reached")
    server: str | None = Field(description="The engine and its version")
    latency_ms: float | None = Field(description="From connecting to the first answer")
    advice: tuple[str, ...] = Field(
        description="What the login could do beyond reading, and how to make one that cannot"
    )


class ListDataSources(Message):
    """A page of data sources, by name."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class DataSources(Message):
    """A page of data sources."""

    data_sources: tuple[DataSource, ...]
    next_cursor: Cursor | None = None


class GetSchema(DataSourceRef):
    """One page of a schema: tables in order from `offset`, as many as fit one message."""

    offset: Annotated[int, Field(ge=0)] = 0


class SchemaPage(Message):
    """Tables of a data source; `next_offset` is absent on the last page."""

    data_source_id: UUID
    dialect: SourceKind
    fingerprint: str
    tables: tuple[Table, ...]
    next_offset: int | None = None


REGISTER_DATA_SOURCE = Method(SERVICE, "register_data_source", RegisterDataSource, DataSource)
GET_DATA_SOURCE = Method(SERVICE, "get_data_source", DataSourceRef, DataSource)
LIST_DATA_SOURCES = Method(SERVICE, "list_data_sources", ListDataSources, DataSources)
SYNC_DATA_SOURCE = Method(SERVICE, "sync_data_source", DataSourceRef, DataSource)
UPDATE_DATA_SOURCE = Method(SERVICE, "update_data_source", UpdateDataSource, DataSource)
TEST_DATA_SOURCE = Method(SERVICE, "test_data_source", DataSourceRef, DataSourceTest)
DELETE_DATA_SOURCE = Method(SERVICE, "delete_data_source", DataSourceRef, Empty)
GET_SCHEMA = Method(SERVICE, "get_schema", GetSchema, SchemaPage)
