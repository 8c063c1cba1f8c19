"""The worker through its production constructor, on real Postgres and NATS; memory-store is stood in for."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import nats
import numpy as np
import pytest

from contracts.embedding_worker import EMBED, REEMBED, Embed
from contracts.events import MemoryCreated, event
from contracts.identity import Identity
from contracts.memory_store import (
    COVERAGE,
    FETCH_CONTENTS,
    FIND_UNEMBEDDED,
    STORE_VECTORS,
    Contents,
    Coverage,
    MemoryContent,
    ModelCoverage,
    OwnedMemory,
    Stored,
    Unembedded,
)
from contracts.methods import Empty, ProblemError
from contracts.problems import problem
from contracts.topology import EMBED_MEMORIES
from embedding_worker.main import running
from embedding_worker.settings import EmbeddingWorkerSettings
from memori_testing.model_server import ModelServer
from messaging import RpcClient, create_broker, serve

ADA = Identity("acme", "ada")


@dataclass(frozen=True)
class Remembered:
    """A memory of the stand-in's."""

    number: int
    memory_id: UUID
    user: str
    content: str
    age_seconds: float
    version: int = 1

    @property
    def ref(self):
        return OwnedMemory(tenant_id="acme", user_id=self.user, memory_id=self.memory_id)


class Memories:
    """A stand-in for memory-store: what it holds, the vectors it was given, and what it was asked."""

    # Few at a time, as when contents are long or the store is large: the worker has to ask again.
    MOST_CONTENTS = 40
    STRETCH = 25

    def __init__(self):
        self.held = {}
        self.vectors = {}
        self.stored = []
        self.batches = []
        self.rounds = 0
        self.looking = 0
        self.looks = 0
        self.may_be_found = asyncio.Event()
        self.may_be_found.set()
        self.away = False
        self.on_store = lambda: None

    def add(self, content, user="ada", *, age_seconds=0.0):
        """Remember something now, or some time ago; its id."""
        made = Remembered(len(self.held) + 1, uuid4(), user, content, age_seconds)
        self.held[made.memory_id] = made
        return made.memory_id

    def add_lost(self, content):
        """Remember something whose event must have come long ago, and did not."""
        return self.add(content, age_seconds=61)

    def covered(self, model):
        return {memory_id for memory_id, by in self.vectors if by == model}

    async def fetch(self, request, _identity):
        self.batches.append(len(request.memories))
        known = [ref for ref in request.memories if ref.memory_id in self.held]
        embedded = [ref for ref in known if (ref.memory_id, request.without_vector_of) in self.vectors]
        return Contents(
            contents=tuple(
                MemoryContent(
                    **ref.model_dump(),
                    content=self.held[ref.memory_id].content,
                    content_version=self.held[ref.memory_id].version,
                    memory_type="long_term",
                    occurred_at=datetime.now(UTC),
                )
                for ref in [ref for ref in known if ref not in embedded][: self.MOST_CONTENTS]
            ),
            gone=tuple(ref for ref in request.memories if ref.memory_id not in self.held),
            embedded=tuple(embedded),
        )

    async def store(self, request, _identity):
        self.on_store()
        for item in request.vectors:
            self.vectors[item.memory_id, request.model] = [np.frombuffer(v, "<f4") for v in item.embeddings]
            self.stored.append((item.memory_id, request.model))
        return Stored(stored=len(request.vectors))

    async def find(self, request, _identity):
        self._answer_or_not()
        self.looking += 1
        await self.may_be_found.wait()
        self.looking -= 1
        stretch = [made for made in self.held.values() if made.number > request.after][: self.STRETCH]
        full = len(stretch) == self.STRETCH
        self.rounds += not full
        return Unembedded(
            memories=tuple(
                made.ref
                for made in stretch
                if made.age_seconds > request.older_than_seconds and (made.memory_id, request.model) not in self.vectors
            ),
            next=stretch[-1].number if full else None,
        )

    async def coverage(self, _request, _identity):
        self._answer_or_not()
        self.looks += 1
        models = {model: vectors[0].size for (_, model), vectors in self.vectors.items()}
        return Coverage(
            memories=len(self.held),
            models=tuple(
                ModelCoverage(model=model, dimensions=dimensions, memories=len(self.covered(model)))
                for model, dimensions in models.items()
            ),
        )

    def _answer_or_not(self):
        if self.away:
            raise ProblemError(problem("unavailable"))


@pytest.fixture
async def memories(stack):
    made = Memories()
    broker = create_broker(stack.nats_url, service="memory-store", graceful_timeout=0.1)
    serve(broker, FETCH_CONTENTS, made.fetch)
    serve(broker, STORE_VECTORS, made.store)
    serve(broker, FIND_UNEMBEDDED, made.find)
    serve(broker, COVERAGE, made.coverage)
    await broker.start()
    yield made
    await broker.stop()


@pytest.fixture
def provider():
    """An OpenAI-compatible endpoint; texts that share words are similar."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def settings(stack):
    """The worker's settings; it looks for memories that no event brought at start, and in an hour again."""

    def make(**changes):
        return EmbeddingWorkerSettings(
            **{
                "database_url": stack.database_url("embedding-worker"),
                "database_worker_url": stack.worker_url("embedding-worker"),
                "nats_url": stack.nats_url,
                "secret_key": "s" * 32,
                "embedding_reconcile_seconds": 3600,
                **changes,
            }
        )

    return make


@pytest.fixture
def remote(settings, provider):
    """The settings of a worker on the endpoint."""

    def make(**changes):
        return settings(
            **{
                "memori_embedding_provider": "openai",
                "openai_base_url": f"{provider.url}/v1",
                "openai_api_key": "k",
                **changes,
            }
        )

    return make


@pytest.fixture
def worker():
    """Runs a worker of some settings as long as a block lasts."""
    return running


class Client:
    """Asks embedding-worker, as memory-store and the operator do."""

    def __init__(self, rpc):
        self._rpc = rpc

    async def embed(self, text, identity=ADA):
        return await self._rpc.call(EMBED, Embed(text=text), identity)

    async def reembed(self):
        return await self._rpc.call(REEMBED, Empty(), ADA)


@pytest.fixture
async def client(stack):
    broker = create_broker(stack.nats_url, service="gateway")
    await broker.start()
    yield Client(RpcClient(broker))
    await broker.stop()


@pytest.fixture
def announce(stack):
    """Publishes that memories were created."""

    async def publish(*memory_ids, user="ada"):
        async with _connected(stack) as connection:
            for memory_id in memory_ids:
                data = MemoryCreated(memory_id=memory_id, memory_type="long_term", content_version=1, content_hash="h")
                made = event(data, tenant_id="acme", user_id=user)
                await connection.jetstream().publish(made.type, made.model_dump_json().encode())

    return publish


@pytest.fixture
def drained(stack):
    """Asserts that every event is settled."""

    async def check():
        async with _connected(stack) as connection:
            info = await connection.jetstream().consumer_info(EMBED_MEMORIES.stream, EMBED_MEMORIES.name)
        assert (info.num_pending, info.num_ack_pending) == (0, 0)

    return check


@asynccontextmanager
async def _connected(stack):
    connection = await nats.connect(stack.nats_url)
    try:
        yield connection
    finally:
        await connection.close()
