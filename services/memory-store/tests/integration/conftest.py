"""memory-store through its production constructor, on real Postgres and NATS, and a stand-in for embedding-worker."""

import asyncio
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from uuid import uuid4

import nats
import numpy as np
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from contracts.embedding_worker import EMBED, Embedding
from contracts.events import parse_event
from contracts.identity import Identity, service_identity
from contracts.memory_store import (
    CREATE,
    GET,
    HISTORY,
    LIST,
    SEARCH,
    STORE_VECTORS,
    UPDATE,
    CreateMemories,
    GetMemory,
    ListHistory,
    ListMemories,
    MemoryVector,
    NewMemory,
    Search,
    StoreVectors,
    UpdateMemory,
)
from contracts.methods import ProblemError
from memory_store.main import running
from memory_store.settings import MemoryStoreSettings
from messaging import RpcClient, create_broker, serve

MODEL = "test-model"
ADA = Identity("acme", "ada")


def _packed(vector) -> bytes:
    return np.asarray(vector, "<f4").tobytes()


def _embedding(vector, *, model=MODEL, min_similarity=0.3, dimensions=None, others=()):
    return Embedding(
        model=model,
        dimensions=dimensions or len(vector),
        min_similarity=min_similarity,
        embedding=_packed(vector),
        others=others,
    )


class Store:
    """Short ways to talk to a memory-store."""

    def __init__(self, stack, broker):
        self.stack = stack
        self.broker = broker
        self.rpc = RpcClient(broker)

    async def call(self, method, request, identity=ADA):
        return await self.rpc.call(method, request, identity, timeout_seconds=10)

    async def remember(self, *contents, identity=ADA, **fields):
        """Store memories of these contents; returns them."""
        new = tuple(NewMemory(memory_id=uuid4(), content=content, **fields) for content in contents)
        return (await self.call(CREATE, CreateMemories(memories=new), identity)).memories

    async def read(self, memory, identity=ADA):
        """A memory as it is now."""
        return (await self.call(GET, GetMemory(memory_id=memory.memory_id), identity)).memory

    async def update(self, memory, identity=ADA, **changes):
        """Change a memory; returns it."""
        return await self.call(UPDATE, UpdateMemory(memory_id=memory.memory_id, **changes), identity)

    async def listed(self, identity=ADA, **filters):
        """The memories of the first page of a list."""
        return (await self.call(LIST, ListMemories(**filters), identity)).memories

    async def found(self, query, identity=ADA, **fields):
        """The hits of a search."""
        return (await self.call(SEARCH, Search(query=query, **fields), identity)).results

    async def versions(self, memory, identity=ADA):
        """The history of a memory, the newest version first."""
        return (await self.call(HISTORY, ListHistory(memory_id=memory.memory_id, limit=100), identity)).versions

    async def number_of(self, memory, identity=ADA):
        """The number that names a memory inside the service."""
        ((number,),) = await self.sql(
            "select memory_no from memori_memories where tenant_id = :tenant and user_id = :user and memory_id = :id",
            tenant=identity.tenant_id,
            user=identity.user_id,
            id=memory.memory_id,
        )
        return number

    async def age(self, *memories, **span):
        """Have memories been stored, and let them expire, this much earlier (days, hours, …)."""
        named = {"span": timedelta(**span), "ids": [memory.memory_id for memory in memories]}
        await self.sql(
            "update memori_memories set created_at = created_at - cast(:span as interval),"
            " updated_at = updated_at - cast(:span as interval), expires_at = expires_at - cast(:span as interval)"
            " where memory_id = any(:ids)",
            **named,
        )
        await self.sql(
            "update memori_memory_vectors vectors set live_until = live_until - cast(:span as interval)"
            " from memori_memories memories where memories.memory_no = vectors.memory_no and memory_id = any(:ids)",
            **named,
        )

    async def embed(self, memory, vector, *more, identity=ADA, model=MODEL, version=None):
        """Store a memory's vectors, as embedding-worker does; returns how many memories' were stored."""
        item = MemoryVector(
            tenant_id=identity.tenant_id,
            user_id=identity.user_id,
            memory_id=memory.memory_id,
            content_version=memory.content_version if version is None else version,
            embeddings=tuple(_packed(piece) for piece in (vector, *more)),
        )
        request = StoreVectors(model=model, dimensions=len(vector), vectors=(item,))
        return (await self.call(STORE_VECTORS, request, service_identity("embedding-worker"))).stored

    async def sql(self, statement, *, role="admin", **parameters):
        """The rows of a statement under a role, without the tenant settings a transaction of ours makes."""
        url = self.stack.admin_url if role == "admin" else self.stack.database_url("memory-store", role)
        engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                await connection.execute(text("set search_path = memory_store, public"))
                result = await connection.execute(text(statement), parameters)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            await engine.dispose()


@pytest.fixture
def packed():
    """Numbers as a vector travels."""
    return _packed


@pytest.fixture
def embedding():
    """A query's vector as a caller brings it, and those of other models beside it."""
    return _embedding


@pytest.fixture
def refused():
    """For a block that must be refused: with a problem of this type, and that names this field."""

    @contextmanager
    def refused_with(kind, field=None):
        with pytest.raises(ProblemError) as raised:
            yield raised
        assert raised.value.problem.type == kind
        if field is not None:
            assert [error.field for error in raised.value.problem.errors] == [field]

    return refused_with


@pytest.fixture
def settings(stack):
    return MemoryStoreSettings(
        database_url=stack.database_url("memory-store"),
        database_worker_url=stack.worker_url("memory-store"),
        nats_url=stack.nats_url,
        secret_key="s" * 32,
        database_pool_size=4,
        # The sweep at the start must not take what a test has made old and archives itself.
        memory_archive_threshold_days=365,
    )


@pytest.fixture
async def client(stack):
    """A client of the service, whoever runs it."""
    broker = create_broker(stack.nats_url, service="gateway")
    await broker.start()
    yield Store(stack, broker)
    await broker.stop()


@pytest.fixture
async def store(client, settings):
    """The service at work, and a client of it."""
    async with running(settings):
        yield client


class Embedder:
    """A stand-in for embedding-worker: answers the vectors it was told."""

    def __init__(self):
        self.vectors = {}
        self.asked = []
        self.min_similarity = 0.3
        self.silent = False

    async def embed(self, request, _identity):
        self.asked.append(request.text)
        if self.silent:
            await asyncio.Event().wait()
        return _embedding(self.vectors[request.text], min_similarity=self.min_similarity)

    @asynccontextmanager
    async def answering(self, stack):
        """Listen as long as the block lasts."""
        broker = create_broker(stack.nats_url, service="embedding-worker", graceful_timeout=0.1)
        serve(broker, EMBED, self.embed)
        await broker.start()
        try:
            yield self
        finally:
            await broker.stop()


@pytest.fixture
def silent_embedder():
    """The stand-in, before it listens."""
    return Embedder()


@pytest.fixture
async def embedder(stack, silent_embedder):
    """The stand-in, listening."""
    async with silent_embedder.answering(stack):
        yield silent_embedder


class Observer:
    """What a subscriber sees who uses nats-py alone."""

    def __init__(self):
        self.events = []

    async def see(self, message):
        self.events.append(parse_event(message.data))

    def of_type(self, name):
        return [event.data for event in self.events if event.type == name]


@pytest.fixture
async def observer(stack):
    client = await nats.connect(stack.nats_url)
    seen = Observer()
    for subject in ("conversation.*", "message.*", "memory.*", "user.*"):
        await client.subscribe(subject, cb=seen.see)
    await client.flush()
    yield seen
    await client.close()
