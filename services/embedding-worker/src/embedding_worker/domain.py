"""What embedding-worker decides: which texts are equal, which models still matter, when to try a refused text again."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from contracts.memory_store import Coverage, ModelCoverage

KeyT = TypeVar("KeyT")

_FIRST_PAUSE_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 24 * 3600.0
_REFUSALS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a user; the key under which its vector is cached never reveals the text."""

    tenant_id: str
    user_id: str
    content: str

    def key(self, secret: bytes) -> tuple[str, str, bytes]:
        """Tenant, user and the keyed hash of the content."""
        digest = hmac.digest(secret, self.content.encode(), hashlib.sha256)
        return self.tenant_id, self.user_id, digest


def cache_secret(secret_key: str) -> bytes:
    """The key of the content hashes: derived, so that no other use of the secret can be turned against them."""
    return hmac.digest(secret_key.encode(), b"memori embedding cache", hashlib.sha256)


def at_most(vectors: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """The unit vectors of a text's pieces, `most` at most: where there are more, neighbours share their mean direction.

    So a text of a script of which the model needs many tokens is found by all of it, if less sharply.
    """
    if len(vectors) <= most:
        return vectors
    sums = np.stack([group.sum(axis=0) for group in np.array_split(vectors, most)])
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    shared: NDArray[np.float32] = sums / np.maximum(norms, np.finfo(np.float32).tiny)
    return shared


def taken_over(coverage: Coverage, model: str, *, memories_before: int) -> tuple[ModelCoverage, ...]:
    """The other models that queries still need, because `model` does not cover all memories yet.

    `memories_before` is how many memories there were at the last look: those since then are on their way as events,
    and only `model` ever embeds them.
    """
    if covered(coverage, model) >= min(coverage.memories, memories_before):
        return ()
    return tuple(other for other in coverage.models if other.model != model and other.memories)


def covered(coverage: Coverage, model: str) -> int:
    """How many memories a model covers."""
    return next((found.memories for found in coverage.models if found.model == model), 0)


@dataclass(slots=True)
class _Refusal:
    times: int = 0
    until: float = 0.0


@dataclass(slots=True)
class Refusals(Generic[KeyT]):
    """What cannot be embedded: tried again after a minute, and after twice as long with each refusal, up to a day.

    Times are seconds of any clock. Beyond ten thousand the ones noted first are forgotten, and so tried again.
    """

    _noted: OrderedDict[KeyT, _Refusal] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._noted)

    def __contains__(self, key: KeyT) -> bool:
        return key in self._noted

    def note(self, key: KeyT, now: float) -> None:
        """It was refused (again)."""
        refusal = self._noted.setdefault(key, _Refusal())
        refusal.until = now + min(_FIRST_PAUSE_SECONDS * 2.0**refusal.times, _LONGEST_PAUSE_SECONDS)
        refusal.times += 1
        if len(self._noted) > _REFUSALS_KEPT:
            self._noted.popitem(last=False)

    def pausing(self, key: KeyT, now: float) -> bool:
        """Whether it is too early to try it again."""
        return key in self._noted and now < self._noted[key].until

    def keep_only(self, keys: Collection[KeyT]) -> None:
        """Forget the rest: they are embedded by now, or gone."""
        for key in self._noted.keys() - set(keys):
            del self._noted[key]
