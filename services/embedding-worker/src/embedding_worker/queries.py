"""The vectors of questions: at once, beside whatever batches are running, by every model that memories need."""

import asyncio
import time
from collections import OrderedDict

from contracts.embedding_worker import Embedding, ModelVector
from contracts.identity import Identity
from embedding_worker.domain import Text
from embedding_worker.metrics import CACHE, OLDER_LEFT_OUT
from embedding_worker.models import EmbeddingModel
from embedding_worker.takeover import Takeover
from observability import logger

_log = logger(__name__)

_KEPT = 10_000
# Whoever searches waits for 0.8 seconds: better without the older vector than without any.
_OLDER_SECONDS = 0.6
_OLDER_PAUSE_SECONDS = 5.0

Key = tuple[str, str, str, bytes]


class Queries:
    """Embeds questions; the same user's same question is remembered in this process, for each model."""

    def __init__(self, model: EmbeddingModel, takeover: Takeover, secret: bytes) -> None:
        self._model = model
        self._takeover = takeover
        self._secret = secret
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._pausing: dict[str, float] = {}

    async def embed(self, text: str, identity: Identity) -> Embedding:
        """The vector of a question by the configured model, and by each older one that answers in time.

        Raises:
            EmbeddingUnavailable, EmbeddingRejected: as the configured model does.
        """
        tenant_id, user_id, digest = Text(identity.tenant_id, identity.user_id, text).key(self._secret)
        own = self._vector(self._model, text, (self._model.name, tenant_id, user_id, digest))
        older = (
            self._older_vector(model, text, (model.name, tenant_id, user_id, digest)) for model in self._takeover.models
        )
        vector, others = await asyncio.gather(own, asyncio.gather(*older))
        return Embedding.model_construct(
            model=vector.model,
            dimensions=vector.dimensions,
            min_similarity=vector.min_similarity,
            embedding=vector.embedding,
            others=tuple(other for other in others if other is not None),
        )

    def forget(self, owner: Identity) -> None:
        """Drop what is remembered of a user's questions."""
        for key in [key for key in self._kept if key[1:3] == (owner.tenant_id, owner.user_id)]:
            del self._kept[key]

    async def _vector(self, model: EmbeddingModel, text: str, key: Key) -> ModelVector:
        vector = self._kept.get(key)
        CACHE.labels("miss" if vector is None else "hit").inc()
        if vector is None:
            vector = (await model.embed_query(text)).astype("<f4").tobytes()
            self._kept[key] = vector
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return ModelVector.model_construct(
            model=model.name,
            dimensions=model.dimensions,
            min_similarity=model.default_min_similarity,
            embedding=vector,
        )

    async def _older_vector(self, model: EmbeddingModel, text: str, key: Key) -> ModelVector | None:
        if key not in self._kept and time.monotonic() < self._pausing.get(model.name, 0.0):
            return None
        try:
            async with asyncio.timeout(_OLDER_SECONDS):
                return await self._vector(model, text, key)
        except Exception as error:  # noqa: BLE001  # whatever an older model fails at, the query has its vector
            OLDER_LEFT_OUT.inc()
            self._pausing[model.name] = time.monotonic() + _OLDER_PAUSE_SECONDS
            _log.warning("older_model_left_out", model=model.name, error=type(error).__name__)
            return None
