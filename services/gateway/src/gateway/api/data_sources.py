"""Data sources: the databases that questions are asked of."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from starlette.responses import Response

from contracts import sql_generator
from contracts.base import Message
from contracts.methods import ProblemError
from contracts.problems import problem
from contracts.sql_generator import (
    DataSource,
    DataSourceRef,
    DataSources,
    DataSourceTest,
    GetSchema,
    ListDataSources,
    RecommendedSources,
    RecommendSources,
    RegisterDataSource,
    SchemaPage,
    SourceKind,
    Table,
    UpdateDataSource,
)
from contracts.sql_generator.data_sources import Connection, SourceName
from gateway.bodies import STRICT, Changes, json_body, left_out
from gateway.services import JSON, Authenticated, Services

router = APIRouter(prefix="/api/data-sources", tags=["data sources"])

_SCHEMA_TRIES = 3


class NewDataSource(RegisterDataSource):
    """A database to register. The connection is stored encrypted and never shown again."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "shop", "kind": "postgres", "connection": "postgresql://reader:secret@db.example.com/shop"}
            ]
        }
    )

    data_source_id: UUID = Field(default_factory=uuid4, description="Send your own to make a retry harmless")


class DataSourceChanges(Changes):
    """What to change; what is left out stays as it is. The kind stays what it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"connection": "postgresql://reader:rotated@db.example.com/shop"}]}
    )

    name: SourceName = Field(default_factory=left_out)
    connection: Connection = Field(default_factory=left_out)


class DataSourceSchema(Message):
    """The tables of a data source as they were at the last sync."""

    data_source_id: UUID
    dialect: SourceKind
    fingerprint: str = Field(description="Changes when the schema does")
    tables: tuple[Table, ...]


@router.post("", status_code=201, response_model=DataSource)
async def register_data_source(
    services: Authenticated, body: Annotated[NewDataSource, json_body(NewDataSource)]
) -> Response:
    """Register a database."""
    headers = {"Location": f"{router.prefix}/{body.data_source_id}"}
    return await services.relay(sql_generator.REGISTER_DATA_SOURCE, body, status=201, headers=headers)


@router.get("", response_model=DataSources)
async def list_data_sources(services: Authenticated, page: Annotated[ListDataSources, Query()]) -> Response:
    """My data sources, by name."""
    return await services.relay(sql_generator.LIST_DATA_SOURCES, page)


class SourcesToRecommend(RecommendSources):
    """A question to find data sources for."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={"examples": [{"question": "Which suppliers deliver late?", "limit": 3}]}
    )


@router.post("/recommend", response_model=RecommendedSources)
async def recommend_data_sources(
    services: Authenticated, body: Annotated[SourcesToRecommend, json_body(SourcesToRecommend)]
) -> Response:
    """Which of my data sources know the words of a question, best first, and where they have them."""
    return await services.relay(sql_generator.RECOMMEND, body)


@router.get("/{data_source_id}", response_model=DataSource)
async def get_data_source(services: Authenticated, data_source_id: UUID) -> Response:
    """One data source, without its connection."""
    return await services.relay(sql_generator.GET_DATA_SOURCE, DataSourceRef(data_source_id=data_source_id))


@router.patch("/{data_source_id}", response_model=DataSource)
async def update_data_source(
    services: Authenticated, data_source_id: UUID, body: Annotated[DataSourceChanges, json_body(DataSourceChanges)]
) -> Response:
    """Change what the body names; what is behind another connection is read at once."""
    request = UpdateDataSource(data_source_id=data_source_id, **body.given())
    return await services.relay(sql_generator.UPDATE_DATA_SOURCE, request)


@router.post("/{data_source_id}/test", response_model=DataSourceTest)
async def test_data_source(services: Authenticated, data_source_id: UUID) -> Response:
    """Connect once: is it reachable, how fast, which server is it, and could the login do more than read."""
    return await services.relay(sql_generator.TEST_DATA_SOURCE, DataSourceRef(data_source_id=data_source_id))


@router.delete("/{data_source_id}", status_code=204)
async def delete_data_source(services: Authenticated, data_source_id: UUID) -> Response:
    """Forget a data source, its rules and its query patterns. The database itself is not touched."""
    request = DataSourceRef(data_source_id=data_source_id)
    return await services.relay(sql_generator.DELETE_DATA_SOURCE, request, status=204)


@router.post("/{data_source_id}/sync", response_model=DataSource)
async def sync_data_source(services: Authenticated, data_source_id: UUID) -> Response:
    """Read the schema of the database again."""
    return await services.relay(sql_generator.SYNC_DATA_SOURCE, DataSourceRef(data_source_id=data_source_id))


@router.get("/{data_source_id}/schema", response_model=DataSourceSchema)
async def get_schema(services: Authenticated, data_source_id: UUID) -> Response:
    """The tables of a data source as they were at the last sync."""
    for _ in range(_SCHEMA_TRIES):
        if pages := await _pages(services, data_source_id):
            schema = DataSourceSchema.model_construct(
                data_source_id=data_source_id,
                dialect=pages[0].dialect,
                fingerprint=pages[0].fingerprint,
                tables=tuple(table for page in pages for table in page.tables),
            )
            return Response(schema.model_dump_json(), media_type=JSON)
    raise ProblemError(problem("unavailable", "the schema keeps changing while it is read", retry_after=1))


async def _pages(services: Services, data_source_id: UUID) -> list[SchemaPage]:
    """All pages of one version of the schema; none when it changed in between."""
    pages: list[SchemaPage] = []
    offset: int | None = 0
    while offset is not None:
        request = GetSchema(data_source_id=data_source_id, offset=offset)
        page = await services.ask(sql_generator.GET_SCHEMA, request)
        if pages and page.fingerprint != pages[0].fingerprint:
            return []
        pages.append(page)
        offset = page.next_offset
    return pages
