"""Whom a service erased, so that work that began before cannot bring them back.

An erased user leaves one row: a keyed hash, and when. Whoever works on something older (an event, a question that is
still being answered) calls `hold` first in the transaction in which it writes: it either commits before the erasure
deletes its rows, or learns of the erasure and writes nothing.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    TextClause,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from persistence.database import Transaction

_LENGTH_BYTES = 4
_LOCK_BYTES = 8

# In one order for everybody: two who hold several of the same users, and an erasure that waits between them, would
# otherwise wait for each other.
_LOCK = text("select pg_advisory_xact_lock(id) from unnest(cast(:ids as bigint[])) as id")
_HOLD = text("select pg_advisory_xact_lock_shared(id) from unnest(cast(:ids as bigint[])) as id")

_erasures = Table(
    "memori_erasures",
    MetaData(),
    Column("user_key", LargeBinary, primary_key=True),
    Column("erased_at", DateTime(timezone=True), nullable=False),
)


class Erasures:
    """The erasures of one service, in the table that `policies.create_erasures` makes in its schema.

    `secrets` are values of SECRET_KEY, the current one first. Users are hashed (HMAC-SHA256) with a key derived from
    it, another one in each service; those erased under the previous key stay erased.
    """

    def __init__(self, secrets: Sequence[str], *, service: str) -> None:
        if not secrets:
            raise ValueError("at least one secret is needed")
        purpose = f"memori erasures of {service}".encode()
        self._keys = tuple(hmac.digest(secret.encode(), purpose, hashlib.sha256) for secret in secrets)

    def user_keys(self, owner: Identity) -> tuple[bytes, ...]:
        """What stands for a user, of 32 bytes, under each secret; the current one's first."""
        # Each id behind its length: no two pairs of ids read the same.
        ids = (owner.tenant_id.encode(), owner.user_id.encode())
        named = b"".join(len(part).to_bytes(_LENGTH_BYTES) + part for part in ids)
        return tuple(hmac.digest(key, named, hashlib.sha256) for key in self._keys)

    async def record(self, transaction: Transaction, owner: Identity) -> datetime:
        """Note that a user is erased, in the transaction that then deletes their rows; now, by the database's clock.

        It waits for those who hold the user, and keeps others from holding them until the transaction ends.
        """
        await self._lock(transaction, [owner], _LOCK)
        return await self._put(transaction, owner, func.clock_timestamp())

    async def record_past(self, transaction: Transaction, owner: Identity, at: datetime) -> bool:
        """Note that a user was erased elsewhere; False when an erasure then or later is known, and all is done."""
        await self._lock(transaction, [owner], _LOCK)
        known = (await self.latest(transaction, [owner])).get(_key(owner))
        if known is not None and known >= at:
            return False
        await self._put(transaction, owner, literal(at, DateTime(timezone=True)))
        return True

    async def hold(self, transaction: Transaction, owner: Identity, since: datetime) -> bool:
        """Keep the user from being erased until the transaction ends; False when they were, at `since` or later.

        `since` is when the work began: the time of its event, or of the request. Call it before anything else in the
        transaction locks a row, as an erasure does: it then waits in turn, and never in a circle.
        """
        return not await self.hold_each(transaction, [owner], since)

    async def hold_each(self, transaction: Transaction, owners: Iterable[Identity], since: datetime) -> set[Identity]:
        """Hold many users as `hold` does one; those of them that were erased at `since` or later."""
        wanted = list(owners)
        await self._lock(transaction, wanted, _HOLD)
        erased = await self.latest(transaction, wanted)
        return {owner for owner in wanted if (at := erased.get(_key(owner))) is not None and at >= since}

    async def latest(self, transaction: Transaction, owners: Iterable[Identity]) -> Mapping[tuple[str, str], datetime]:
        """When each of these users was last erased, by tenant and user id; those who never were are left out."""
        named = {key: _key(owner) for owner in owners for key in self.user_keys(owner)}
        statement = select(_erasures).where(_erasures.c.user_key.in_(named))
        found: dict[tuple[str, str], datetime] = {}
        for row in await transaction.execute(statement):
            user = named[row.user_key]
            found[user] = max(row.erased_at, found.get(user, row.erased_at))
        return found

    async def _put(self, transaction: Transaction, owner: Identity, at: ColumnElement[datetime]) -> datetime:
        new = insert(_erasures).values(user_key=self.user_keys(owner)[0], erased_at=at)
        later = func.greatest(_erasures.c.erased_at, new.excluded.erased_at)
        statement = new.on_conflict_do_update(index_elements=[_erasures.c.user_key], set_={"erased_at": later})
        erased_at: datetime = (await transaction.execute(statement.returning(_erasures.c.erased_at))).scalar_one()
        return erased_at

    async def _lock(self, transaction: Transaction, owners: Iterable[Identity], lock: TextClause) -> None:
        ids = {int.from_bytes(key[:_LOCK_BYTES], signed=True) for owner in owners for key in self.user_keys(owner)}
        await transaction.execute(lock, {"ids": sorted(ids)})


def _key(owner: Identity) -> tuple[str, str]:
    return owner.tenant_id, owner.user_id
