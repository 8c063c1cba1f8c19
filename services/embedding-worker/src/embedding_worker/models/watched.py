"""A model under observation: what it embedded and failed at is counted, and whether it is away is known."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from embedding_worker.metrics import EMBEDDED, ERRORS
from embedding_worker.models import EmbeddingModel, EmbeddingRejected, EmbeddingUnavailable


class WatchedModel:
    """Implements EmbeddingModel by another one."""

    def __init__(self, model: EmbeddingModel) -> None:
        self.name = model.name
        self.dimensions = model.dimensions
        self.default_min_similarity = model.default_min_similarity
        self.max_tokens = model.max_tokens
        self._model = model
        self._unavailable: EmbeddingUnavailable | None = None

    async def split(self, texts: Sequence[str]) -> list[list[str]]:
        return await self._model.split(texts)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._watched(len(texts)):
            return await self._model.embed(texts)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        with self._watched(1):
            return await self._model.embed_query(text)

    async def close(self) -> None:
        await self._model.close()

    async def ping(self) -> None:
        """Raise when the model's last answer was that it is away."""
        if self._unavailable is not None:
            raise self._unavailable

    @contextmanager
    def _watched(self, texts: int) -> Iterator[None]:
        try:
            yield
        except EmbeddingUnavailable as error:
            ERRORS.labels("unavailable").inc()
            self._unavailable = error
            raise
        except EmbeddingRejected:
            ERRORS.labels("rejected").inc()
            raise
        EMBEDDED.inc(texts)
        self._unavailable = None
