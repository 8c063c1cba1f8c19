"""What embedding-worker does for memories: embed what is new, changed or was missed."""

import asyncio
from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, datetime
from math import ceil
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError

from contracts.events import Event, MemoryEventData
from contracts.identity import service_identity
from contracts.memory_store import (
    FETCH_CONTENTS,
    MAX_BATCH,
    MAX_CHUNKS,
    STORE_VECTORS,
    FetchContents,
    MemoryContent,
    MemoryVector,
    OwnedMemory,
    StoreVectors,
)
from embedding_worker.domain import Text, at_most
from embedding_worker.metrics import CACHE
from embedding_worker.models import EmbeddingModel, EmbeddingRejected, EmbeddingUnavailable
from embedding_worker.models.batching import by_size
from embedding_worker.repository import EmbeddingCache
from messaging import GiveUp, RetryLater, RpcClient, paging
from observability import logger

_log = logger(__name__)

_ME = service_identity("embedding-worker")
_RPC_SECONDS = 10.0
_SWEEP_SECONDS = 300.0
# JSON around a memory's vectors: its id, names of fields, and its owner's ids, whose characters may need escapes.
_MEMORY_BYTES = 200
_CHARACTER_BYTES = 6
_LONGEST_IDS = 2 * 255


class Embeddings:
    """Embeds memories, up to `batch` pieces of their contents at a time."""

    def __init__(
        self, model: EmbeddingModel, cache: EmbeddingCache, rpc: RpcClient, secret: bytes, *, batch: int
    ) -> None:
        self._model = model
        self._cache = cache
        self._rpc = rpc
        self._secret = secret
        self._batch = batch
        self._vector_bytes = 4 * ceil(model.dimensions * 4 / 3) + len('"",')
        room = paging.ROOM_BYTES - _MEMORY_BYTES - _LONGEST_IDS * _CHARACTER_BYTES
        self._most_vectors = min(MAX_CHUNKS, room // self._vector_bytes)

    async def embed_memories(self, events: Sequence[Event[MemoryEventData]]) -> None:
        """Embed the memories that events are about; raises what `embed` does."""
        memories = [
            OwnedMemory(tenant_id=event.tenantid, user_id=event.userid, memory_id=event.data.memory_id)
            for event in events
        ]
        await self.embed(memories, since=min(event.time for event in events))

    async def embed(self, memories: Iterable[OwnedMemory], *, since: datetime | None = None) -> int:
        """Store the vectors of the memories' current contents; returns how many memories have theirs from now on.

        Those that are gone by now, or have their vectors already, are skipped. What was stored before an error stays.
        Nothing is cached of users who were erased `since` the work was called for, which is now when left out.

        Raises:
            RetryLater: the model or a service is away.
            GiveUp: a content will never get a vector.
        """
        since = since or datetime.now(UTC)
        contents = await self._fetch(list(dict.fromkeys(memories)))
        pieces = await self._split([content.content for content in contents])
        stored = 0
        for run in by_size([len(found) for found in pieces], max_texts=self._batch, max_size=self._batch):
            part = slice(run.start, run.stop)
            stored += await self._store(contents[part], await self._vectors(contents[part], pieces[part], since))
        return stored

    async def sweep(self) -> None:
        """Drop expired vectors from the cache, again and again."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self._cache.drop_expired()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("sweep_failed", error=type(error).__name__)

    async def _fetch(self, wanted: list[OwnedMemory]) -> list[MemoryContent]:
        async def ask(some: tuple[OwnedMemory, ...]) -> tuple[Iterable[MemoryContent], set[Hashable]]:
            request = FetchContents(memories=some, without_vector_of=self._model.name)
            reply = await self._rpc.call(FETCH_CONTENTS, request, _ME, timeout_seconds=_RPC_SECONDS)
            return reply.contents, {memory.key for memory in (*reply.contents, *reply.gone, *reply.embedded)}

        return await paging.all_of(wanted, ask, key=attrgetter("key"))

    async def _split(self, contents: list[str]) -> list[list[str]]:
        try:
            return await self._model.split(contents)
        except EmbeddingRejected as error:
            raise GiveUp(str(error)) from error

    async def _vectors(
        self, contents: Sequence[MemoryContent], pieces: Sequence[Sequence[str]], since: datetime
    ) -> list[tuple[bytes, ...]]:
        """The vectors of each content's pieces: those of equal pieces of one user are made once."""
        keys = [
            [Text(content.tenant_id, content.user_id, piece).key(self._secret) for piece in found]
            for content, found in zip(contents, pieces, strict=True)
        ]
        texts = {
            key: piece
            for own_keys, found in zip(keys, pieces, strict=True)
            for key, piece in zip(own_keys, found, strict=True)
        }
        known = await self._cache.find(self._model.name, texts)
        missing = {key: piece for key, piece in texts.items() if key not in known}
        CACHE.labels("hit").inc(len(texts) - len(missing))
        CACHE.labels("miss").inc(len(missing))
        if missing:
            fresh = dict(zip(missing, await self._embed(list(missing.values())), strict=True))
            await self._cache.keep(self._model.name, fresh, since=since)
            known |= fresh
        return [self._carried([known[key] for key in own_keys]) for own_keys in keys]

    async def _embed(self, texts: list[str]) -> list[bytes]:
        try:
            matrix = await self._model.embed(texts)
        except EmbeddingUnavailable as error:
            raise RetryLater(str(error), error.retry_after) from error
        except EmbeddingRejected as error:
            raise GiveUp(str(error)) from error
        return _packed(matrix)

    def _carried(self, vectors: list[bytes]) -> tuple[bytes, ...]:
        """As many vectors as one memory may have, and as fit one message."""
        if len(vectors) <= self._most_vectors:
            return tuple(vectors)
        matrix = np.stack([np.frombuffer(vector, "<f4") for vector in vectors])
        return tuple(_packed(at_most(matrix, self._most_vectors)))

    async def _store(self, contents: Sequence[MemoryContent], vectors: Sequence[tuple[bytes, ...]]) -> int:
        # Not validated: these are our own vectors, and there are many of them.
        items = [
            MemoryVector.model_construct(
                tenant_id=content.tenant_id,
                user_id=content.user_id,
                memory_id=content.memory_id,
                content_version=content.content_version,
                embeddings=own,
            )
            for content, own in zip(contents, vectors, strict=True)
        ]
        sizes = [
            _MEMORY_BYTES
            + (len(item.tenant_id) + len(item.user_id)) * _CHARACTER_BYTES
            + len(item.embeddings) * self._vector_bytes
            for item in items
        ]
        stored = 0
        for page in by_size(sizes, max_texts=MAX_BATCH, max_size=paging.ROOM_BYTES):
            request = StoreVectors(
                model=self._model.name, dimensions=self._model.dimensions, vectors=tuple(items[page.start : page.stop])
            )
            reply = await self._rpc.call(STORE_VECTORS, request, _ME, timeout_seconds=_RPC_SECONDS)
            stored += reply.stored
        return stored


def _packed(matrix: NDArray[np.float32]) -> list[bytes]:
    return [np.asarray(row, dtype="<f4").tobytes() for row in matrix]
