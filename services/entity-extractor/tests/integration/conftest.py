"""The service on real Postgres and NATS; sql-generator and memory-store are stood in for by responders of theirs."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import nats
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.events import ConversationDeleted, MemoryCreated, MemoryDeleted, MemoryUpdated, MessageAdded, event
from contracts.identity import Identity
from contracts.memory_store import (
    ANNOTATE,
    CREATE,
    DELETE,
    FETCH_CONTENTS,
    FETCH_MESSAGES,
    Contents,
    Memories,
    MemoryContent,
    MessageContent,
    MessageContents,
    OwnedMemory,
)
from contracts.methods import Empty, ProblemError
from contracts.problems import problem
from contracts.sql_generator import (
    GET_DATA_SOURCE,
    GET_QUERY,
    GET_SCHEMA,
    PROPOSE_RULE,
    DataSource,
    QueryRecord,
    Rule,
    SchemaPage,
)
from contracts.topology import ERASURES, EXTRACT_SCHEMAS, LEARN_QUERIES, READ_TURNS
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
        self.proposed = {}
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

    def query(self, source_id, sql, question="?"):
        query_id = uuid4()
        self.queries[query_id] = (source_id, sql, question)
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
        source_id, sql, question = self.queries.get(request.query_id, (None, "", "?"))
        self._tables(source_id, identity)
        return QueryRecord(
            query_id=request.query_id,
            data_source_id=source_id,
            dialect="postgres",
            question=question,
            sql=sql,
            status="executed",
        )

    async def propose(self, request, identity):
        self.proposed[request.rule_id] = request
        now = datetime.now(UTC)
        return Rule(
            **request.model_dump(exclude={"decided_at"}),
            status="proposed",
            origin="learned",
            application_count=0,
            last_applied_at=None,
            created_at=now,
            updated_at=now,
        )


class Talk:
    """What the stand-in for memory-store holds: turns and memories of any user, and what it is told to remember."""

    ANSWERED_AT_ONCE = 3

    def __init__(self):
        self.messages = {}
        self.memories = {}
        self.remembered = {}
        self.forgotten = []
        self.related = {}
        self.fetched = 0

    def say(self, content, *, owner=ADA, role="user", conversation=None, at=None, data_source_id=None, message_id=None):
        """A turn; its event."""
        said = MessageContent(
            message_id=message_id or uuid4(),
            conversation_id=conversation or uuid4(),
            data_source_id=data_source_id,
            role=role,
            content=content,
            occurred_at=at or datetime.now(UTC),
        )
        self.messages[owner.user_id, said.message_id] = said
        data = MessageAdded(message_id=said.message_id, conversation_id=said.conversation_id, role=role)
        return event(data, tenant_id=owner.tenant_id, user_id=owner.user_id)

    def remember(self, content, *, owner=ADA, tags=(), memory_type="long_term", memory_id=None, version=1, at=None):
        """A memory, or its next version; its event."""
        made = MemoryContent(
            tenant_id=owner.tenant_id,
            user_id=owner.user_id,
            memory_id=memory_id or uuid4(),
            content=content,
            content_version=version,
            memory_type=memory_type,
            context_tags=tags,
            occurred_at=at or datetime.now(UTC),
        )
        self.memories[made.key] = made
        kind = MemoryCreated if version == 1 else MemoryUpdated
        data = kind(memory_id=made.memory_id, memory_type=made.memory_type, content_version=version, content_hash=None)
        return event(data, tenant_id=owner.tenant_id, user_id=owner.user_id)

    def delete_memory(self, memory_id, *, owner=ADA):
        """A memory is deleted; its event."""
        self.memories.pop((owner.tenant_id, owner.user_id, memory_id), None)
        self.remembered.pop(memory_id, None)
        data = MemoryDeleted(memory_id=memory_id, memory_type="long_term", content_version=1)
        return event(data, tenant_id=owner.tenant_id, user_id=owner.user_id)

    def end(self, conversation, *, owner=ADA):
        """A conversation is deleted with its turns; its event."""
        for key in [key for key, said in self.messages.items() if said.conversation_id == conversation]:
            del self.messages[key]
        data = ConversationDeleted(conversation_id=conversation)
        return event(data, tenant_id=owner.tenant_id, user_id=owner.user_id)

    async def fetch_messages(self, request, identity):
        self.fetched += 1
        found = {each: self.messages.get((identity.user_id, each)) for each in request.message_ids}
        there = [said for said in found.values() if said]
        return MessageContents(
            messages=tuple(there[: self.ANSWERED_AT_ONCE]),
            gone=tuple(each for each, said in found.items() if said is None),
        )

    async def fetch_contents(self, request, _identity):
        there = [self.memories[ref.key] for ref in request.memories if ref.key in self.memories]
        return Contents(
            contents=tuple(there[: self.ANSWERED_AT_ONCE]),
            gone=tuple(OwnedMemory(**dict(ref)) for ref in request.memories if ref.key not in self.memories),
        )

    async def create(self, request, _identity):
        self.remembered |= {memory.memory_id: memory for memory in request.memories}
        return Memories(memories=())

    async def annotate(self, request, _identity):
        named = self.related.setdefault(request.memory_id, set())
        named |= set(request.add)
        named -= set(request.remove)
        return Empty()

    async def delete(self, request, _identity):
        self.remembered.pop(request.memory_id, None)
        self.forgotten.append(request.memory_id)
        return Empty()


@pytest.fixture
async def talk(stack):
    made = Talk()
    broker = create_broker(stack.nats_url, service="memory-store")
    serve(broker, FETCH_MESSAGES, made.fetch_messages)
    serve(broker, FETCH_CONTENTS, made.fetch_contents)
    serve(broker, CREATE, made.create)
    serve(broker, DELETE, made.delete)
    serve(broker, ANNOTATE, made.annotate)
    await broker.start()
    yield made
    await broker.stop()


@pytest.fixture
async def shop(stack):
    made = Sources()
    broker = create_broker(stack.nats_url, service="sql-generator")
    serve(broker, GET_DATA_SOURCE, made.get)
    serve(broker, GET_SCHEMA, made.schema)
    serve(broker, GET_QUERY, made.record)
    serve(broker, PROPOSE_RULE, made.propose)
    await broker.start()
    yield made
    await broker.stop()


@pytest.fixture
def settings(stack):
    """Makes settings of the service, but for what a test changes."""

    def make(**changes):
        return EntityExtractorSettings(
            database_url=stack.database_url("entity-extractor"),
            database_worker_url=stack.worker_url("entity-extractor"),
            database_pool_size=4,
            secret_key="s" * 32,
            nats_url=stack.nats_url,
            **changes,
        )

    return make


@pytest.fixture
async def service(settings):
    async with running(settings()) as checks:
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
                for durable in (EXTRACT_SCHEMAS, LEARN_QUERIES, READ_TURNS, ERASURES["entity-extractor"]):
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
