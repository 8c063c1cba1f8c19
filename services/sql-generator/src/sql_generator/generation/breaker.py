"""A circuit breaker: a model that was away several times in a row is left alone for a while, so that nobody waits."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import Gauge

from sql_generator.generation.model import Draft, GenerationContext, ModelAnswerInvalid, ModelUnavailable, SqlModel

CIRCUIT_OPEN = Gauge("memori_llm_circuit_open", "1 while a language model is left alone", ("model",))

_JITTER: Final = (0.8, 1.2)


class CircuitBreaker:
    """Closed until `failures` calls in a row found nobody; then open for about `seconds`, or as long as the model says.

    After that one call goes through: its success closes the circuit, its failure keeps it open as long again. The time
    varies by a fifth, so that several processes do not try in the same moment. For one event loop, not for threads.
    """

    def __init__(
        self, name: str, *, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._retry_at = 0.0
        self._probing = False
        CIRCUIT_OPEN.labels(name).set(0)

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for the one that finds out."""
        return self._failures >= self._limit

    @contextmanager
    def call(self) -> Iterator[None]:
        """A block that calls the model; what it raises says how that went.

        Raises:
            ModelUnavailable: the circuit is open; `retry_after` says for how long at least.
        """
        probes = self.is_open
        wait = self._retry_at - self._clock() if probes else 0.0
        if probes and (self._probing or wait > 0):
            detail = f"{self._name}: not asked, because it was away {self._failures} times in a row"
            raise ModelUnavailable(detail, max(wait, 1.0))
        self._probing = self._probing or probes
        try:
            yield
        except ModelUnavailable as error:
            if error.is_outage:
                self._failed(error.retry_after or 0.0)
            raise
        except ModelAnswerInvalid:
            self._answered()
            raise
        else:
            self._answered()
        finally:
            if probes:
                self._probing = False

    def _answered(self) -> None:
        self._failures = 0
        CIRCUIT_OPEN.labels(self._name).set(0)

    def _failed(self, asked_to_wait: float) -> None:
        self._failures += 1
        if self.is_open:
            pause = max(self._seconds, asked_to_wait) * random.uniform(*_JITTER)  # noqa: S311  # jitter, not a secret
            self._retry_at = self._clock() + pause
            CIRCUIT_OPEN.labels(self._name).set(1)


class BreakingModel:
    """A `SqlModel` behind a circuit breaker."""

    def __init__(self, model: SqlModel, *, failures: int, seconds: float) -> None:
        self.name = model.name
        self._model = model
        self._circuit = CircuitBreaker(model.name, failures=failures, seconds=seconds)

    async def draft(self, context: GenerationContext) -> Draft:
        """As the model inside does, or `ModelUnavailable` at once."""
        with self._circuit.call():
            return await self._model.draft(context)

    async def close(self) -> None:
        """Close the model inside."""
        await self._model.close()
