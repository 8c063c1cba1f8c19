"""The service through its production constructor; the services around it are stood in for by responders of their
contracts on real NATS."""

import sqlite3
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from uuid import uuid4

import nats
import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.embedding_worker import EMBED, Embedding
from contracts.entity_extractor import CONTEXT, KnownJoin, QuestionContext
from contracts.identity import Identity
from contracts.memory_store import (
    CREATE,
    FETCH_CONTENTS,
    GET_CONVERSATION,
    LIST_MESSAGES,
    RECALL,
    Contents,
    Conversation,
    ConversationMessage,
    Memories,
    MemoryContent,
    Messages,
    RecalledMemory,
    RecallReply,
)
from contracts.methods import ProblemError
from contracts.sql_generator import (
    GENERATE,
    REGISTER_DATA_SOURCE,
    SYNC_DATA_SOURCE,
    DataSourceRef,
    Generate,
    RegisterDataSource,
)
from memori_testing.model_server import ModelServer, ToolCall
from messaging import RpcClient, create_broker, serve
from sql_generator.main import running
from sql_generator.settings import SqlGeneratorSettings

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers, amount REAL NOT NULL, status TEXT
);
INSERT INTO customers VALUES (1, 'Ada', 'London'), (2, 'Bob', 'Paris'), (3, 'Cyd', 'Paris');
INSERT INTO orders VALUES (1, 1, 10.5, 'paid'), (2, 2, 20.0, 'open'), (3, 2, 5.0, 'paid');
"""


@pytest.fixture
def shop(tmp_path):
    """The path of a small SQLite database."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SHOP)
    return path


@pytest.fixture
def ada():
    return Identity("acme", "ada")


@pytest.fixture
def eve():
    """Another user of the same tenant."""
    return Identity("acme", "eve")


class Others:
    """The services around this one, each of which can be away."""

    def __init__(self, url):
        self._url = url
        self._brokers = {}
        self.recalled = []
        self.created = []
        self.contents = {}
        self.fetches = 0
        self.joins = ()
        self.embedded = []
        self.messages = []
        self.recalls = []

    async def start(self, *names):
        for name in names or ("memory-store", "embedding-worker", "entity-extractor"):
            broker = create_broker(self._url, service=name)
            if name == "memory-store":
                serve(broker, RECALL, self._recall)
                serve(broker, CREATE, self._create)
                serve(broker, FETCH_CONTENTS, self._fetch)
                serve(broker, GET_CONVERSATION, self._conversation)
                serve(broker, LIST_MESSAGES, self._messages)
            elif name == "embedding-worker":
                serve(broker, EMBED, self._embed)
            else:
                serve(broker, CONTEXT, self._context)
            await broker.start()
            self._brokers[name] = broker

    async def stop(self):
        for broker in self._brokers.values():
            await broker.stop()
        self._brokers.clear()

    def remember(self, content, memory_type="long_term", *, memory_id=None, written_at=None):
        memory = RecalledMemory(
            memory_id=memory_id or uuid4(),
            content=content,
            memory_type=memory_type,
            similarity_score=0.8,
            score=1.0,
            written_at=written_at,
        )
        self.recalled.append(memory)
        return memory

    async def _recall(self, request, _identity):
        self.recalls.append(request)
        return RecallReply(memories=tuple(self.recalled[: request.limit]), degraded=request.embedding is None)

    async def _create(self, request, identity):
        self.created += [(identity, memory) for memory in request.memories]
        return Memories(memories=())

    async def _fetch(self, request, _identity):
        self.fetches += 1
        known = [ref for ref in request.memories if ref.memory_id in self.contents]
        return Contents(
            contents=tuple(
                MemoryContent(
                    **ref.model_dump(),
                    content=self.contents[ref.memory_id],
                    content_version=1,
                    memory_type="rule",
                    occurred_at=datetime.now(UTC),
                )
                for ref in known[:1]  # one at a time, as when contents are long: the service has to ask again
            ),
            gone=tuple(ref for ref in request.memories if ref.memory_id not in self.contents),
        )

    async def _embed(self, request, _identity):
        """A bag of words: questions that share words are near one another."""
        self.embedded.append(request.text)
        vector = np.zeros(64, dtype="<f4")
        for word in request.text.lower().strip("?").split():
            vector[sum(word.encode()) % 64] += 1
        vector /= np.linalg.norm(vector)
        return Embedding.model_construct(
            model="bag-of-words", dimensions=64, min_similarity=0.5, embedding=vector.tobytes()
        )

    async def _conversation(self, request, _identity):
        at = datetime.now(UTC)
        return Conversation(
            conversation_id=request.conversation_id, title="", last_activity_at=at, created_at=at, updated_at=at
        )

    async def _messages(self, request, _identity):
        assert request.last
        return Messages(messages=tuple(self.messages))

    def say(self, role, content, conversation_id):
        at = datetime.now(UTC)
        self.messages.append(
            ConversationMessage(
                message_id=uuid4(),
                conversation_id=conversation_id,
                role=role,
                type="text",
                content=content,
                process_id=None,
                session_id=None,
                metadata={},
                occurred_at=at,
                created_at=at,
            )
        )

    async def _context(self, request, _identity):
        return QuestionContext(tables=("orders",), joins=self.joins)


@pytest.fixture
async def others(stack):
    made = Others(stack.nats_url)
    made.joins = (
        KnownJoin(
            left_table="orders",
            right_table="customers",
            condition="orders.customer_id = customers.id",
            strength=1.0,
        ),
    )
    yield made
    await made.stop()


@pytest.fixture
def model():
    """A model provider that answers as it is told."""
    with ModelServer() as server:
        yield server


def says(sql, **arguments):
    """The model's answer."""
    answer = {"sql": sql, "explanation": "As asked.", "intent": "select", "confidence": 0.9, **arguments}
    return ToolCall("answer_with_sql", answer)


@pytest.fixture(name="says")
def _says():
    return says


class Service:
    """Calls the service as the gateway does."""

    def __init__(self, client):
        self._client = client

    async def __call__(self, method, request, identity):
        return await self._client.call(method, request, identity, timeout_seconds=30)

    async def problem(self, method, request, identity):
        """The problem that the call is answered with."""
        with pytest.raises(ProblemError) as caught:
            await self(method, request, identity)
        return caught.value.problem

    async def source(self, identity, path, *, synced=True, kind="sqlite", name="shop"):
        """A registered data source."""
        new = RegisterDataSource(data_source_id=uuid4(), name=name, kind=kind, connection=str(path))
        registered = await self(REGISTER_DATA_SOURCE, new, identity)
        if not synced:
            return registered
        return await self(SYNC_DATA_SOURCE, DataSourceRef(data_source_id=new.data_source_id), identity)

    async def ask(self, identity, question, *, query_id=None, **changes):
        request = Generate(query_id=query_id or uuid4(), question=question, **changes)
        return await self(GENERATE, request, identity)


@pytest.fixture
def service(stack):
    """A function to enter: the running service, with settings."""

    @asynccontextmanager
    async def run(*, model=None, **changes):
        llm = {
            "memori_llm_provider": "anthropic",
            "memori_llm_model": "claude-test",
            "anthropic_api_key": "key-of-anthropic",
            "anthropic_base_url": model.url if model else "http://127.0.0.1:9",
        }
        settings = SqlGeneratorSettings(
            **{
                "database_url": stack.database_url("sql-generator"),
                "database_worker_url": stack.worker_url("sql-generator"),
                "nats_url": stack.nats_url,
                "secret_key": "s" * 32,
                "environment": "development",
                **llm,
                **changes,
            }
        )
        broker = create_broker(stack.nats_url, service="gateway")
        await broker.start()
        try:
            async with running(settings) as checks:
                made = Service(RpcClient(broker))
                made.checks = checks
                yield made
        finally:
            await broker.stop()

    return run


@pytest.fixture
def rows(stack):
    """A function to await: the rows of a query as the superuser sees them, or as the service's own role."""

    async def read(sql, *, url=stack.admin_url, **parameters):
        engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.begin() as connection:
            found = (await connection.execute(text(sql), parameters)).all()
        await engine.dispose()
        return found

    return read


@pytest.fixture
async def events(stack):
    """What a plain subscriber sees: (subject, body) of every event of this service."""
    client = await nats.connect(stack.nats_url)
    seen = []

    async def receive(message):
        seen.append((message.subject, message.data.decode()))

    for subject in ("data_source.*", "query.*"):
        await client.subscribe(subject, cb=receive)
    await client.flush()
    yield seen
    await client.close()
