"""The vectors of queries, asked of embedding-worker; a search never waits long for one."""

import time

from contracts.embedding_worker import EMBED, Embed, Embedding
from contracts.identity import Identity
from contracts.methods import ProblemError
from messaging import RpcClient
from observability import logger

_log = logger(__name__)

_TIMEOUT_SECONDS = 0.8
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0


class QueryVectors:
    """Asks embedding-worker, and leaves it alone for a while when it does not answer.

    After a failure no search asks for half a second, then a single one tries again, while the others go on without;
    each further failure doubles the pause, up to five seconds.
    """

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc
        self._ask_again_at = 0.0
        self._pause = 0.0

    async def embed(self, text: str, identity: Identity) -> Embedding | None:
        """The vector of a text, or None when there is none to be had now."""
        if self._pause:
            now = time.monotonic()
            if now < self._ask_again_at:
                return None
            # Held until this attempt is over, so that the others do not wait with it.
            self._ask_again_at = now + _TIMEOUT_SECONDS + _LONGEST_PAUSE_SECONDS
        try:
            answer = await self._rpc.call(EMBED, Embed(text=text), identity, timeout_seconds=_TIMEOUT_SECONDS)
        except ProblemError as error:
            self._back_off(failed=error.problem.is_transient)
            _log.warning("query_not_embedded", reason=error.problem.type, pause_seconds=self._pause)
            return None
        self._pause = 0.0
        return answer

    def _back_off(self, *, failed: bool) -> None:
        # A refusal of this text is an answer: others are not kept waiting for it.
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS) if failed else 0.0
        self._ask_again_at = time.monotonic() + self._pause
