"""What embedding-worker does: embed memories that changed, and queries that are asked."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from contracts.embedding_worker import Embedding
from contracts.events import Event, MemoryEventData
from contracts.identity import Identity, service_identity
from contracts.memory_store import (
    FETCH_CONTENTS,
    STORE_VECTORS,
    FetchContents,
    MemoryContent,
    MemoryVector,
    OwnedMemory,
    StoreVectors,
)
from contracts.methods import MAX_MESSAGE_BYTES
from embedding_worker.domain import Text
from embedding_worker.models import EmbeddingModel, EmbeddingRejected, EmbeddingUnavailable
from embedding_worker.repository import EmbeddingCache, Key
from messaging import GiveUp, RetryLater, RpcClient
from observability import logger

_log = logger(__name__)

CACHE = Counter("memori_embedding_cache_total", "Texts looked up in the embedding cache", ("outcome",))
ERRORS = Counter("memori_embedding_errors_total", "Calls of the embedding model that failed", ("kind",))
EMBEDDED = Counter("memori_embedded_texts_total", "Texts embedded by the model")

_ME = service_identity("embedding-worker")
_RPC_SECONDS = 10.0
_QUERIES_KEPT = 10_000
_SWEEP_SECONDS = 300.0
# A vector on the wire: base64 of four bytes a number, and its ids.
_VECTOR_OVERHEAD = 800


class Embeddings:
    """The verbs of embedding-worker."""

    def __init__(self, model: EmbeddingModel, cache: EmbeddingCache, rpc: RpcClient, secret: bytes) -> None:
        self._model = model
        self._cache = cache
        self._rpc = rpc
        self._secret = secret
        self._queries: OrderedDict[Key, bytes] = OrderedDict()
        self._unavailable: EmbeddingUnavailable | None = None

    async def embed_query(self, text: str, identity: Identity) -> Embedding:
        """The vector of a question; the same user's same question is remembered in this process.

        Raises:
            EmbeddingUnavailable, EmbeddingRejected: as the model does.
        """
        key = Text(identity.tenant_id, identity.user_id, text).key(self._secret)
        vector = self._queries.get(key)
        CACHE.labels("miss" if vector is None else "hit").inc()
        if vector is None:
            with self._watched():
                vector = (await self._model.embed_query(text)).astype("<f4").tobytes()
            EMBEDDED.inc()
            self._queries[key] = vector
            if len(self._queries) > _QUERIES_KEPT:
                self._queries.popitem(last=False)
        else:
            self._queries.move_to_end(key)
        return Embedding.model_construct(
            model=self._model.name,
            dimensions=self._model.dimensions,
            min_similarity=self._model.default_min_similarity,
            embedding=vector,
        )

    async def embed_memories(self, events: Sequence[Event[MemoryEventData]]) -> None:
        """Store the vectors of the memories' current contents; those that are gone by now are skipped.

        Raises:
            RetryLater: the model or a service is away.
            GiveUp: a content will never get a vector.
        """
        wanted = list(
            dict.fromkeys(
                OwnedMemory(tenant_id=event.tenantid, user_id=event.userid, memory_id=event.data.memory_id)
                for event in events
            )
        )
        contents = await self._fetch(wanted)
        if not contents:
            return
        vectors = await self._vectors([Text(c.tenant_id, c.user_id, c.content) for c in contents])
        await self._store(contents, vectors)

    async def ping(self) -> None:
        """Raise when the model's last answer was that it is away."""
        if self._unavailable is not None:
            raise self._unavailable

    async def sweep(self) -> None:
        """Drop expired vectors, again and again."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self._cache.drop_expired()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("sweep_failed", error=type(error).__name__)

    async def _fetch(self, wanted: list[OwnedMemory]) -> list[MemoryContent]:
        contents: list[MemoryContent] = []
        while wanted:
            reply = await self._rpc.call(
                FETCH_CONTENTS, FetchContents(memories=tuple(wanted)), _ME, timeout_seconds=_RPC_SECONDS
            )
            if not reply.contents and not reply.gone:
                raise RetryLater("memory-store answered none of the contents")
            contents += reply.contents
            answered = {memory.key for memory in (*reply.contents, *reply.gone)}
            wanted = [memory for memory in wanted if memory.key not in answered]
        return contents

    async def _vectors(self, texts: list[Text]) -> list[bytes]:
        keys = [text.key(self._secret) for text in texts]
        known = await self._cache.find(self._model.name, keys)
        missing = {key: text.content for key, text in zip(keys, texts, strict=True) if key not in known}
        CACHE.labels("hit").inc(len(keys) - len(missing))
        CACHE.labels("miss").inc(len(missing))
        if missing:
            made = await self._embed(list(missing.values()))
            fresh = dict(zip(missing, made, strict=True))
            await self._cache.keep(self._model.name, fresh)
            known |= fresh
        return [known[key] for key in keys]

    async def _embed(self, contents: list[str]) -> list[bytes]:
        try:
            with self._watched():
                matrix = await self._model.embed(contents)
        except EmbeddingUnavailable as error:
            raise RetryLater(str(error), error.retry_after) from error
        except EmbeddingRejected as error:
            raise GiveUp(str(error)) from error
        EMBEDDED.inc(len(contents))
        return [np.asarray(row, dtype="<f4").tobytes() for row in matrix]

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except EmbeddingUnavailable as error:
            ERRORS.labels("unavailable").inc()
            self._unavailable = error
            raise
        except EmbeddingRejected:
            ERRORS.labels("rejected").inc()
            raise
        self._unavailable = None

    async def _store(self, contents: list[MemoryContent], vectors: list[bytes]) -> None:
        size = self._model.dimensions * 4 * 4 // 3 + _VECTOR_OVERHEAD
        page = max(1, MAX_MESSAGE_BYTES // size)
        items = [
            MemoryVector.model_construct(
                tenant_id=content.tenant_id,
                user_id=content.user_id,
                memory_id=content.memory_id,
                content_version=content.content_version,
                embedding=vector,
            )
            for content, vector in zip(contents, vectors, strict=True)
        ]
        for start in range(0, len(items), page):
            request = StoreVectors(
                model=self._model.name,
                dimensions=self._model.dimensions,
                vectors=tuple(items[start : start + page]),
            )
            await self._rpc.call(STORE_VECTORS, request, _ME, timeout_seconds=_RPC_SECONDS)
