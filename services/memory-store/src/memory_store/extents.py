"""How much each user has, so that a search knows which way to go; five minutes old at most."""

import time
from collections import OrderedDict

from contracts.identity import Identity
from memory_store.repository import candidates
from memory_store.repository.candidates import Extent
from persistence import Transaction

_SECONDS = 300.0
_USERS_KEPT = 100_000


class Extents:
    """Remembers extents. Only the way of searching and the rarity of words depend on them, never what may be found."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[float, Extent]] = OrderedDict()

    async def of(self, transaction: Transaction, owner: Identity) -> Extent:
        """How much a user has."""
        key = (owner.tenant_id, owner.user_id)
        counted_at, size = self._known.get(key, (0.0, None))
        if size is None or time.monotonic() - counted_at > _SECONDS:
            size = await candidates.extent(transaction, owner)
            self._known[key] = (time.monotonic(), size)
            self._known.move_to_end(key)
            if len(self._known) > _USERS_KEPT:
                self._known.popitem(last=False)
        return size
