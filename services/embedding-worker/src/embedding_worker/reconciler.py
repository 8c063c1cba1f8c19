"""The reconciler: finds memories that no event brought, or that another model embedded, and has them embedded."""

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from contracts.identity import service_identity
from contracts.memory_store import FIND_UNEMBEDDED, FindUnembedded, OwnedMemory
from embedding_worker.domain import Refusals
from embedding_worker.metrics import RECONCILED, REFUSED
from embedding_worker.rounds import Rounds
from embedding_worker.use_cases import Embeddings
from messaging import RpcClient
from messaging.errors import is_passing, reason_of
from observability import logger

_log = logger(__name__)

_ME = service_identity("embedding-worker")
_FIND_SECONDS = 10.0
_ON_ITS_WAY_SECONDS = 60.0


class Reconciler:
    """Goes over the whole store, round after round; one replica at a time, one batch at a time.

    So a broker that lost its disk, or a new model, repairs itself, beside the events and queries that go on.
    """

    def __init__(
        self,
        model: str,
        embeddings: Embeddings,
        rpc: RpcClient,
        rounds: Rounds,
        *,
        batch: int,
        progressed: Callable[[], None] = lambda: None,
    ) -> None:
        """`progressed` is called after each round that embedded something."""
        self._model = model
        self._embeddings = embeddings
        self._rpc = rpc
        self._rounds = rounds
        self._batch = batch
        self._progressed = progressed
        self._refusals = Refusals[tuple[str, str, UUID]]()

    def wake(self) -> None:
        """Begin a round now instead of at the next time, if this is the replica that makes them."""
        self._rounds.ask()

    async def run(self) -> None:
        """Make rounds until cancelled, without pause as long as there is something to embed."""
        try:
            while True:
                while await self._embeds_something():
                    self._progressed()
                await self._rounds.next()
        finally:
            REFUSED.set(0)  # from here on another replica counts them

    async def _embeds_something(self) -> bool:
        """Whether one round over the store embedded anything; what is away now waits for the next one."""
        try:
            return await self._round() > 0
        except Exception as error:  # noqa: BLE001  # the next round is another try
            if not is_passing(error):
                _log.exception("reconciler_failed")
            else:
                _log.info("reconciler_waits", reason=reason_of(error))
            return False

    async def _round(self) -> int:
        embedded = 0
        refused: set[tuple[str, str, UUID]] = set()
        after: int | None = 0
        while after is not None:
            request = FindUnembedded(model=self._model, after=after, older_than_seconds=_ON_ITS_WAY_SECONDS)
            found = await self._rpc.call(FIND_UNEMBEDDED, request, _ME, timeout_seconds=_FIND_SECONDS)
            now = time.monotonic()
            due = [memory for memory in found.memories if not self._refusals.pausing(memory.key, now)]
            for start in range(0, len(due), self._batch):
                embedded += await self._embed(due[start : start + self._batch])
            refused.update(memory.key for memory in found.memories if memory.key in self._refusals)
            after = found.next
        self._refusals.keep_only(refused)
        REFUSED.set(len(self._refusals))
        return embedded

    async def _embed(self, memories: Sequence[OwnedMemory]) -> int:
        """How many of them have their vectors now; one that cannot be embedded does not keep the others from it."""
        try:
            embedded = await self._embeddings.embed(memories)
        except Exception as error:
            if is_passing(error):
                raise
            if len(memories) > 1:
                half = len(memories) // 2
                return await self._embed(memories[:half]) + await self._embed(memories[half:])
            self._refusals.note(memories[0].key, time.monotonic())
            REFUSED.set(len(self._refusals))
            _log.warning("memory_refused", memory_id=str(memories[0].memory_id), reason=reason_of(error))
            return 0
        RECONCILED.inc(embedded)
        return embedded
