"""Entities in Postgres."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Uuid,
    and_,
    any_,
    delete,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from contracts import entity_extractor as contract
from contracts.identity import Identity
from entity_extractor.domain.graph import Entity, Node, SourceKey
from entity_extractor.repository import owned
from entity_extractor.tables import entities
from persistence import Transaction

# Mentions are counted by `count`, so that who counts and who reads a schema need not wait for each other.
_KEPT = ("properties", "description", "words", "retired_at")
_MAX_MATCHES = 500


async def of_source(transaction: Transaction, key: SourceKey) -> list[Entity]:
    """All entities of a data source, retired ones too."""
    rows = await transaction.execute(select(entities).where(_of_source(key)))
    return [_entity(row) for row in rows]


async def columns_of(transaction: Transaction, key: SourceKey) -> dict[str, Sequence[str]]:
    """The tables in service of a data source, with their columns."""
    table = entities.c.properties["table"].astext.label("table_name")
    columns = func.array_agg(entities.c.properties["column"].astext).label("column_names")
    statement = (
        select(table, columns)
        .where(_of_source(key), entities.c.entity_type == "column", entities.c.retired_at.is_(None))
        .group_by(table)
    )
    return {row.table_name: row.column_names for row in await transaction.execute(statement)}


async def find(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> list[Entity]:
    """Those of these entities that there are."""
    rows = await transaction.execute(select(entities).where(owned(entities, owner), entities.c.entity_id.in_(ids)))
    return [_entity(row) for row in rows]


async def named_by(transaction: Transaction, key: SourceKey, words: Collection[str]) -> list[Entity]:
    """The tables and columns of a source whose words are all among these; tables first, then those with the most words
    in common, then the most mentioned.
    """
    statement = (
        select(entities)
        .where(
            _of_source(key),
            entities.c.entity_type.in_(("table", "column")),
            entities.c.retired_at.is_(None),
            entities.c.words.contained_by(list(words)),
            func.cardinality(entities.c.words) > 0,
        )
        .order_by(
            entities.c.entity_type.desc(),
            func.cardinality(entities.c.words).desc(),
            entities.c.mention_count.desc(),
            entities.c.entity_name,
        )
        .limit(_MAX_MATCHES)
    )
    return [_entity(row) for row in await transaction.execute(statement)]


async def save(transaction: Transaction, key: SourceKey, changed: Iterable[Entity]) -> None:
    """Add these entities, or replace what is kept of them."""
    rows = [
        {
            "tenant_id": key.owner.tenant_id,
            "user_id": key.owner.user_id,
            "entity_id": entity.entity_id,
            "data_source_id": key.data_source_id,
            "entity_type": entity.node.entity_type,
            "entity_name": entity.node.entity_name,
            "properties": entity.properties,
            "description": entity.description,
            "words": list(entity.words),
            "mention_count": entity.mention_count,
            "importance_score": entity.importance_score,
            "retired_at": entity.retired_at,
        }
        for entity in sorted(changed, key=lambda entity: entity.entity_id)
    ]
    if rows:
        statement = insert(entities).values(created_at=func.now(), updated_at=func.now())
        replaced = {name: statement.excluded[name] for name in (*_KEPT, "updated_at")}
        await transaction.execute(
            statement.on_conflict_do_update(index_elements=["tenant_id", "user_id", "entity_id"], set_=replaced), rows
        )


async def count(transaction: Transaction, owner: Identity, changes: Mapping[UUID, int]) -> None:
    """Add to the mentions of entities."""
    if not changes:
        return
    wanted = func.unnest(literal(list(changes), ARRAY(Uuid)), literal(list(changes.values()), ARRAY(BigInteger)))
    changed = wanted.table_valued("entity_id", "change", name="changed").render_derived()
    # In one order, so that nobody waits for another in a circle.
    locked = (
        select(entities.c.entity_id)
        .where(owned(entities, owner), entities.c.entity_id == any_(literal(list(changes), ARRAY(Uuid))))
        .order_by(entities.c.entity_id)
        .with_for_update(key_share=True)
    )
    await transaction.execute(locked)
    mentions = entities.c.mention_count + changed.c.change
    await transaction.execute(
        update(entities)
        .where(owned(entities, owner), entities.c.entity_id == changed.c.entity_id)
        .values(
            mention_count=mentions, importance_score=1 - func.power(0.5, 1 + mentions / 10.0), updated_at=func.now()
        )
    )


async def known(transaction: Transaction, owner: Identity) -> list[tuple[UUID | None, Entity]]:
    """The entities in service that a text may name, each with its data source."""
    statement = select(entities).where(
        owned(entities, owner),
        entities.c.entity_type.in_(("table", "column", "concept")),
        or_(entities.c.retired_at.is_(None), entities.c.properties.has_key("merged_into")),
        func.cardinality(entities.c.words) > 0,
    )
    return [(row.data_source_id, _entity(row)) for row in await transaction.execute(statement)]


async def shown(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> list[contract.Entity]:
    """Those of these entities that are in service, in this order."""
    statement = select(entities).where(
        owned(entities, owner),
        entities.c.entity_id == any_(literal(list(ids), ARRAY(Uuid))),
        entities.c.retired_at.is_(None),
    )
    rows = {row.entity_id: row for row in await transaction.execute(statement)}
    return [_shown(rows[each]) for each in ids if each in rows]


async def words_of(transaction: Transaction, key: SourceKey) -> set[str]:
    """The words that name tables and columns of a source."""
    statement = select(func.unnest(entities.c.words)).where(_of_source(key), entities.c.retired_at.is_(None)).distinct()
    return set((await transaction.execute(statement)).scalars())


async def concepts(transaction: Transaction, owner: Identity) -> dict[UUID, Entity]:
    """All concepts of a user, by id."""
    statement = select(entities).where(owned(entities, owner), entities.c.entity_type == "concept")
    return {row.entity_id: _entity(row) for row in await transaction.execute(statement)}


async def remove(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> None:
    """Delete these entities, and with them their relationships and mentions."""
    if ids:
        await transaction.execute(delete(entities).where(owned(entities, owner), entities.c.entity_id.in_(ids)))


async def reset(transaction: Transaction, owner: Identity) -> None:
    """Delete all entities and relationships of a user, but the concepts that they merged or deleted."""
    is_kept = and_(entities.c.entity_type == "concept", entities.c.retired_at.is_not(None))
    await transaction.execute(delete(entities).where(owned(entities, owner), ~is_kept))
    await transaction.execute(update(entities).where(owned(entities, owner)).values(mention_count=0))


async def remove_source(transaction: Transaction, key: SourceKey) -> None:
    """Delete the entities of a data source, and with them their relationships."""
    await transaction.execute(delete(entities).where(_of_source(key)))


async def page(
    transaction: Transaction, owner: Identity, request: contract.ListEntities, after: tuple[int, UUID] | None
) -> list[contract.Entity]:
    """Entities in service after a position (mentions, id), the most mentioned first; one more than asked for."""
    conditions = [owned(entities, owner), entities.c.retired_at.is_(None)]
    if request.data_source_id is not None:
        conditions.append(entities.c.data_source_id == request.data_source_id)
    if request.entity_type is not None:
        conditions.append(entities.c.entity_type == request.entity_type)
    if request.name is not None:
        conditions.append(entities.c.entity_name.icontains(request.name, autoescape=True))
    if after is not None:
        conditions.append(
            tuple_(entities.c.mention_count, entities.c.entity_id) < tuple_(literal(after[0], BigInteger), after[1])
        )
    statement = (
        select(entities)
        .where(*conditions)
        .order_by(entities.c.mention_count.desc(), entities.c.entity_id.desc())
        .limit(request.limit + 1)
    )
    rows = await transaction.execute(statement)
    return [_shown(row) for row in rows]


def _of_source(key: SourceKey) -> ColumnElement[bool]:
    return and_(owned(entities, key.owner), entities.c.data_source_id == key.data_source_id)


def _shown(row: Row[Any]) -> contract.Entity:
    return contract.Entity.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name


def _entity(row: Row[Any]) -> Entity:
    return Entity(
        entity_id=row.entity_id,
        node=Node(row.entity_type, row.entity_name),
        properties=row.properties,
        description=row.description,
        words=tuple(row.words),
        mention_count=row.mention_count,
        retired_at=row.retired_at,
    )
