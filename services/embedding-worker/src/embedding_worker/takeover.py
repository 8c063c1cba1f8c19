"""The models that came before the configured one, as long as memories are found by their vectors only."""

import asyncio
from collections.abc import Callable

from contracts.identity import service_identity
from contracts.memory_store import COVERAGE, ModelCoverage
from contracts.methods import Empty, ProblemError
from embedding_worker.domain import covered, taken_over
from embedding_worker.models import EmbeddingError, EmbeddingModel
from embedding_worker.rounds import Rounds
from messaging import RpcClient
from observability import logger

_log = logger(__name__)

_ME = service_identity("embedding-worker")
_COVERAGE_SECONDS = 10.0
_PROBE = "memory"

Recreate = Callable[[str, int], EmbeddingModel | None]
"""Makes the model of a name and a number of dimensions, off the event loop; None where it cannot be made here."""


class Takeover:
    """Keeps the older models at hand while the configured one does not cover every memory, looking again each round.

    Every replica does so for itself, since each of them answers queries.
    """

    def __init__(self, model: str, recreate: Recreate, rpc: RpcClient, rounds: Rounds) -> None:
        self._model = model
        self._recreate = recreate
        self._rpc = rpc
        self._rounds = rounds
        self._older: dict[str, EmbeddingModel] = {}
        self._unknown: set[str] = set()
        self._memories: int | None = None
        self.catching_up = False
        """Whether the configured model covered fewer than all memories at the last look."""

    @property
    def models(self) -> tuple[EmbeddingModel, ...]:
        """The older models that can be asked now."""
        return tuple(self._older.values())

    def look_again(self) -> None:
        """Look now instead of at the next round."""
        self._rounds.ask()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self._look()
            except ProblemError as error:
                # What is at hand stays so: an unnecessary vector costs little, a missing one hides memories.
                _log.info("coverage_unknown", reason=error.problem.type)
            except Exception:  # the next round is another try; queries are answered without  # noqa: BLE001
                _log.exception("takeover_failed")
            await self._rounds.next()

    async def close(self) -> None:
        """Release the older models."""
        while self._older:
            _, model = self._older.popitem()
            await model.close()

    async def _look(self) -> None:
        coverage = await self._rpc.call(COVERAGE, Empty(), _ME, timeout_seconds=_COVERAGE_SECONDS)
        before = coverage.memories if self._memories is None else self._memories
        self._memories = coverage.memories
        self.catching_up = covered(coverage, self._model) < coverage.memories
        needed = {found.model: found for found in taken_over(coverage, self._model, memories_before=before)}
        for name in self._older.keys() - needed.keys():
            model = self._older.pop(name)
            await model.close()
            _log.info("older_model_unloaded", model=name)
        for name in needed.keys() - self._older.keys():
            await self._load(needed[name])

    async def _load(self, wanted: ModelCoverage) -> None:
        model = await asyncio.to_thread(self._recreate, wanted.model, wanted.dimensions)
        reason = "this installation does not have it"
        if model is not None:
            try:
                # A provider may not know a model of this name: learned here, and not by each query.
                await model.embed_query(_PROBE)
            except EmbeddingError as error:
                await model.close()
                reason = str(error)
            else:
                self._older[wanted.model] = model
                self._unknown.discard(wanted.model)
                _log.info("older_model_loaded", model=wanted.model, memories=wanted.memories)
                return
        if wanted.model not in self._unknown:
            self._unknown.add(wanted.model)
            _log.warning("older_model_missing", model=wanted.model, memories=wanted.memories, reason=reason)
