"""Which turns and memories name which entities, in Postgres."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import delete, func, insert, select

from contracts.identity import Identity
from entity_extractor.repository import among, owned
from entity_extractor.repository.turns import TurnKey
from entity_extractor.tables import mentions
from persistence import Transaction

Mention = tuple[TurnKey, UUID]
"""A turn or memory, and an entity it names."""


async def of_turns(transaction: Transaction, owner: Identity, keys: Collection[TurnKey] | None) -> set[Mention]:
    """What these turns and memories name; all of the user's for None."""
    if keys is not None and not keys:
        return set()
    statement = select(mentions.c.source_type, mentions.c.source_id, mentions.c.entity_id).where(owned(mentions, owner))
    if keys is not None:
        statement = statement.where(among(mentions, keys))
    rows = await transaction.execute(statement)
    return {(TurnKey(row.source_type, row.source_id), row.entity_id) for row in rows}


async def add(transaction: Transaction, owner: Identity, new: Iterable[Mention]) -> None:
    """Note these mentions, none of which is there."""
    rows = [
        {
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "source_type": key.source_type,
            "source_id": key.source_id,
            "entity_id": entity_id,
        }
        for key, entity_id in new
    ]
    if rows:
        await transaction.execute(insert(mentions).values(created_at=func.now()), rows)


async def remove(transaction: Transaction, owner: Identity, gone: Collection[Mention]) -> None:
    """Forget these mentions."""
    by_entity: dict[UUID, list[TurnKey]] = defaultdict(list)
    for key, entity_id in gone:
        by_entity[entity_id].append(key)
    for entity_id, keys in by_entity.items():
        await transaction.execute(
            delete(mentions).where(owned(mentions, owner), mentions.c.entity_id == entity_id, among(mentions, keys))
        )


async def of_entity(transaction: Transaction, owner: Identity, entity_id: UUID) -> set[Mention]:
    """The mentions of an entity."""
    statement = select(mentions.c.source_type, mentions.c.source_id)
    rows = await transaction.execute(statement.where(owned(mentions, owner), mentions.c.entity_id == entity_id))
    return {(TurnKey(row.source_type, row.source_id), entity_id) for row in rows}


async def move(transaction: Transaction, owner: Identity, entity_id: UUID, into: UUID) -> int:
    """Have what names one entity name another one; how many turns and memories did not name that already."""
    moved = await of_entity(transaction, owner, entity_id)
    known = {key for key, _ in await of_entity(transaction, owner, into)}
    await remove(transaction, owner, moved)
    new = sorted((key, into) for key, _ in moved if key not in known)
    await add(transaction, owner, new)
    return len(new)


def counted(changed: Iterable[Mention]) -> Counter[UUID]:
    """How many of the mentions are of each entity."""
    return Counter(entity_id for _, entity_id in changed)
