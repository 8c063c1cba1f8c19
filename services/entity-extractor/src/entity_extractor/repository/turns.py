"""Which turns and memories were read, in Postgres."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from contracts.entity_extractor import FactSource
from contracts.identity import Identity
from entity_extractor.repository import among, owned
from entity_extractor.tables import turns
from persistence import Transaction

_NAMESPACE = UUID("8b8d9a0e-3c61-4a55-a9ad-6a0a3f0f5f0d")
_MAX_TURNS = 50_000
_LOCK = text("select pg_advisory_xact_lock(:id)")


@dataclass(frozen=True, slots=True, order=True)
class TurnKey:
    """A turn of a conversation or a memory; ids come from clients, so one may name both."""

    source_type: FactSource
    source_id: UUID


async def lock(transaction: Transaction, owner: Identity) -> None:
    """Keep others who read turns of this user waiting until the transaction ends."""
    name = uuid5(_NAMESPACE, f"{len(owner.tenant_id)}:{owner.tenant_id}:{owner.user_id}")
    await transaction.execute(_LOCK, {"id": int.from_bytes(name.bytes[:8], signed=True)})


async def versions(transaction: Transaction, owner: Identity, keys: Collection[TurnKey]) -> dict[TurnKey, int]:
    """Which versions of these were read; those that never were are left out."""
    statement = select(turns.c.source_type, turns.c.source_id, turns.c.content_version).where(
        owned(turns, owner), among(turns, keys)
    )
    rows = await transaction.execute(statement)
    return {TurnKey(row.source_type, row.source_id): row.content_version for row in rows}


async def of_conversations(transaction: Transaction, owner: Identity, conversations: Collection[UUID]) -> list[TurnKey]:
    """The turns of these conversations that were read."""
    if not conversations:
        return []
    statement = select(turns.c.source_type, turns.c.source_id).where(
        owned(turns, owner), turns.c.conversation_id.in_(conversations)
    )
    return [TurnKey(row.source_type, row.source_id) for row in await transaction.execute(statement)]


@dataclass(frozen=True, slots=True)
class Read:
    """A turn or memory that was read: of its text only the stems are kept."""

    key: TurnKey
    content_version: int
    words: Collection[str]
    conversation_id: UUID | None = None
    data_source_id: UUID | None = None


async def mark(transaction: Transaction, owner: Identity, read: Iterable[Read]) -> None:
    """Note which versions were read, and their words."""
    rows = [
        {
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "source_type": each.key.source_type,
            "source_id": each.key.source_id,
            "content_version": each.content_version,
            "conversation_id": each.conversation_id,
            "data_source_id": each.data_source_id,
            "words": sorted(each.words),
        }
        for each in read
    ]
    if rows:
        statement = insert(turns).values(created_at=func.now())
        replaced = {name: statement.excluded[name] for name in ("content_version", "words")}
        primary = ["tenant_id", "user_id", "source_type", "source_id"]
        await transaction.execute(statement.on_conflict_do_update(index_elements=primary, set_=replaced), rows)


async def latest(transaction: Transaction, owner: Identity) -> list[Read]:
    """What was read of a user, the latest first; of very much the latest."""
    statement = select(turns).where(owned(turns, owner)).order_by(turns.c.created_at.desc()).limit(_MAX_TURNS)
    return [
        Read(
            TurnKey(row.source_type, row.source_id),
            row.content_version,
            row.words,
            row.conversation_id,
            row.data_source_id,
        )
        for row in await transaction.execute(statement)
    ]


async def reset(transaction: Transaction, owner: Identity) -> None:
    """Forget that anything of a user was read, and what it named."""
    await transaction.execute(delete(turns).where(owned(turns, owner)))


async def unmark(transaction: Transaction, owner: Identity, keys: Collection[TurnKey]) -> None:
    """Forget that these were read."""
    if keys:
        await transaction.execute(delete(turns).where(owned(turns, owner), among(turns, keys)))
