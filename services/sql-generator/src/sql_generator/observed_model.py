"""A model whose failures and tokens are seen: in the metrics, and in how the service says it is."""

import asyncio
import time

from prometheus_client import Counter, Histogram

from sql_generator.generation.model import (
    Draft,
    GenerationContext,
    ModelAnswerInvalid,
    ModelUnavailable,
    SqlModel,
    Tokens,
)

ERRORS = Counter("memori_llm_errors_total", "Calls of the language model that failed", ("kind",))
TOKENS = Counter("memori_llm_tokens_total", "Tokens the language model read and wrote", ("direction",))
SECONDS = Histogram(
    "memori_llm_seconds", "Time to a draft", buckets=(0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
)

_REMEMBERED_SECONDS = 300.0


class ObservedModel:
    """A `SqlModel` around another one."""

    def __init__(self, model: SqlModel) -> None:
        self.name = model.name
        self._model = model
        self._failed_at: float | None = None

    async def warm(self) -> None:
        """Prepare the model where it can be prepared, so that the first question does not wait for it."""
        if (warm := getattr(self._model, "warm", None)) is not None:
            await warm()

    async def draft(self, context: GenerationContext) -> Draft:
        """As the model inside does."""
        try:
            with SECONDS.time():
                draft = await self._model.draft(context)
        except ModelUnavailable:
            ERRORS.labels("unavailable").inc()
            self._failed_at = time.monotonic()
            raise
        except ModelAnswerInvalid as error:
            ERRORS.labels("invalid").inc()
            self._failed_at = None
            _count(error.tokens)
            raise
        self._failed_at = None
        _count(draft.tokens)
        return draft

    async def close(self) -> None:
        """Close the model inside."""
        await self._model.close()

    async def ping(self) -> None:
        """Raise when the last question, not too long ago, found the model unavailable. Asks nothing of the model."""
        await asyncio.sleep(0)
        if self._failed_at is not None and time.monotonic() - self._failed_at < _REMEMBERED_SECONDS:
            raise ModelUnavailable("the model did not answer the last question")


def _count(tokens: Tokens) -> None:
    for direction in ("input", "output", "cache_read", "cache_write"):
        TOKENS.labels(direction).inc(getattr(tokens, direction))
