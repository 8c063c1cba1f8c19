"""memory-store through its production constructor, on real Postgres and NATS, and a stand-in for embedding-worker."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
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
    STORE_VECTORS,
    CreateMemories,
    MemoryVector,
    NewMemory,
    StoreVectors,
)
from memory_store.main import running
from memory_store.settings import MemoryStoreSettings
from messaging import RpcClient, create_broker, serve

MODEL = "test-model"
ADA = Identity("acme", "ada")


def _packed(vector) -> bytes:
    return np.asarray(vector, "<f4").tobytes()


class Store:
    """A running memory-store, and short ways to talk to it."""

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

    async def embed(self, memory, vector, *, identity=ADA, model=MODEL, version=None):
        """Store a memory's vector, as embedding-worker does; returns how many were stored."""
        item = MemoryVector(
            tenant_id=identity.tenant_id,
            user_id=identity.user_id,
            memory_id=memory.memory_id,
            content_version=memory.content_version if version is None else version,
            embedding=_packed(vector),
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
def settings(stack):
    return MemoryStoreSettings(
        database_url=stack.database_url("memory-store"),
        database_worker_url=stack.worker_url("memory-store"),
        nats_url=stack.nats_url,
        secret_key="s" * 32,
        database_pool_size=4,
    )


@pytest.fixture
async def store(stack, settings):
    """The service at work, and a client of it."""
    broker = create_broker(stack.nats_url, service="gateway")
    async with AsyncExitStack() as exits:
        await exits.enter_async_context(running(settings))
        await broker.start()
        exits.push_async_callback(broker.stop)
        yield Store(stack, broker)


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
        vector = self.vectors[request.text]
        return Embedding(
            model=MODEL, dimensions=len(vector), min_similarity=self.min_similarity, embedding=_packed(vector)
        )

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
    for subject in ("conversation.*", "memory.*"):
        await client.subscribe(subject, cb=seen.see)
    await client.flush()
    yield seen
    await client.close()
