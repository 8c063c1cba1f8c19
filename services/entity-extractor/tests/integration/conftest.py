"""The service on real Postgres and NATS; sql-generator is stood in for by a responder of its contract."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import nats
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.identity import Identity
from contracts.methods import ProblemError
from contracts.problems import problem
from contracts.sql_generator import GET_DATA_SOURCE, GET_QUERY, GET_SCHEMA, DataSource, QueryRecord, SchemaPage
from contracts.topology import ERASURES, EXTRACT_SCHEMAS, LEARN_QUERIES
from entity_extractor.main import running
from entity_extractor.settings import EntityExtractorSettings
from messaging import RpcClient, create_broker, serve

ADA = Identity("acme", "ada")
PAGE = 2


class Sources:
    """What the stand-in for sql-generator holds."""

    def __init__(self):
        self.schemas = {}
        self.queries = {}
        self.asked = 0
        self.reading = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    def add(self, tables, owner=ADA):
        source_id = uuid4()
        self.schemas[source_id] = (owner, tables)
        return source_id

    def change(self, source_id, tables):
        self.schemas[source_id] = (self.schemas[source_id][0], tables)

    def query(self, source_id, sql):
        query_id = uuid4()
        self.queries[query_id] = (source_id, sql)
        return query_id

    def _tables(self, source_id, identity):
        owner, tables = self.schemas.get(source_id, (None, ()))
        if owner is None or (owner.tenant_id, owner.user_id) != (identity.tenant_id, identity.user_id):
            raise ProblemError(problem("not-found"))
        return tables

    async def get(self, request, identity):
        now = datetime.now(UTC)
        return DataSource(
            data_source_id=request.data_source_id,
            name="Shop",
            kind="postgres",
            status="ready",
            fingerprint="f",
            table_count=len(self._tables(request.data_source_id, identity)),
            synced_at=now,
            created_at=now,
            updated_at=now,
        )

    async def schema(self, request, identity):
        self.asked += 1
        self.reading.set()
        await self.answers.wait()
        tables = self._tables(request.data_source_id, identity)
        end = request.offset + PAGE
        return SchemaPage(
            data_source_id=request.data_source_id,
            dialect="postgres",
            fingerprint=repr(hash(tables)),
            tables=tables[request.offset : end],
            next_offset=end if end < len(tables) else None,
        )

    async def record(self, request, identity):
        source_id, sql = self.queries.get(request.query_id, (None, ""))
        self._tables(source_id, identity)
        return QueryRecord(
            query_id=request.query_id,
            data_source_id=source_id,
            dialect="postgres",
            question="?",
            sql=sql,
            status="executed",
        )


@pytest.fixture
async def shop(stack):
    made = Sources()
    broker = create_broker(stack.nats_url, service="sql-generator")
    serve(broker, GET_DATA_SOURCE, made.get)
    serve(broker, GET_SCHEMA, made.schema)
    serve(broker, GET_QUERY, made.record)
    await broker.start()
    yield made
    await broker.stop()


@pytest.fixture
async def service(stack):
    settings = EntityExtractorSettings(
        database_url=stack.database_url("entity-extractor"),
        database_worker_url=stack.worker_url("entity-extractor"),
        database_pool_size=4,
        secret_key="s" * 32,
        nats_url=stack.nats_url,
    )
    async with running(settings) as checks:
        yield checks


@pytest.fixture
async def client(stack):
    broker = create_broker(stack.nats_url, service="gateway")
    await broker.start()
    yield RpcClient(broker)
    await broker.stop()


@asynccontextmanager
async def jetstream(stack):
    connection = await nats.connect(stack.nats_url)
    try:
        yield connection.jetstream()
    finally:
        await connection.close()


@pytest.fixture
def settled(stack, eventually):
    """Waits until every event published so far has been handled."""

    async def wait():
        async with jetstream(stack) as stream:

            async def drained():
                for durable in (EXTRACT_SCHEMAS, LEARN_QUERIES, ERASURES["entity-extractor"]):
                    info = await stream.consumer_info(durable.stream, durable.name)
                    assert (info.num_pending, info.num_ack_pending) == (0, 0)

            await eventually(drained, timeout=30)

    return wait


@pytest.fixture
def publish(stack):
    """A function to await: events go out as the services would have published them."""

    async def send(*events):
        async with jetstream(stack) as stream:
            for each in events:
                await stream.publish(each.type, each.model_dump_json().encode())

    return send


@pytest.fixture
def as_admin(stack):
    """A function to await: the rows of a statement that sees those of every user."""

    async def query(statement):
        engine = create_async_engine(stack.admin_url.replace("postgresql:", "postgresql+asyncpg:"))
        try:
            async with engine.connect() as connection:
                return (await connection.execute(text(statement))).all()
        finally:
            await engine.dispose()

    return query
