"""Relationships in Postgres."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    Numeric,
    Row,
    Select,
    Uuid,
    and_,
    any_,
    case,
    cast,
    delete,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from contracts import entity_extractor as contract
from contracts.identity import Identity
from entity_extractor.domain.graph import FOREIGN_KEY, Aging, Relationship, SourceKey
from entity_extractor.repository import owned
from entity_extractor.tables import relationships
from persistence import Transaction

USES: tuple[contract.RelationshipType, ...] = ("filters_by", "aggregates", "groups_by")
_KEPT = ("metadata", "usage_count", "last_used_at")
_MAX_EDGES = 5_000
_IS_DECLARED = or_(
    relationships.c.relationship_type == "has_column", relationships.c.metadata["origin"].astext == FOREIGN_KEY
)
# Learned ones without regard to their age: which of very many are read at all.
_MOST_USED_FIRST = (
    _IS_DECLARED.desc(),
    relationships.c.usage_count.desc(),
    relationships.c.relationship_id.desc(),
)


async def declared(transaction: Transaction, key: SourceKey) -> list[Relationship]:
    """The relationships of a source that a schema may declare: columns of tables, and joins."""
    rows = await transaction.execute(
        select(relationships).where(
            _of_source(key), relationships.c.relationship_type.in_(("has_column", "joins_with"))
        )
    )
    return [_relationship(row) for row in rows]


async def find(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> list[Relationship]:
    """Those of these relationships that there are."""
    rows = await transaction.execute(
        select(relationships).where(owned(relationships, owner), _among(relationships.c.relationship_id, ids))
    )
    return [_relationship(row) for row in rows]


async def save(transaction: Transaction, key: SourceKey, changed: Iterable[Relationship]) -> None:
    """Add these relationships, or replace what is kept of them."""
    rows = [
        {
            "tenant_id": key.owner.tenant_id,
            "user_id": key.owner.user_id,
            "relationship_id": item.relationship_id,
            "data_source_id": key.data_source_id,
            "source_entity_id": item.source_entity_id,
            "target_entity_id": item.target_entity_id,
            "source_name": item.source_name,
            "target_name": item.target_name,
            "relationship_type": item.relationship_type,
            "context": item.context,
            "metadata": item.metadata,
            "usage_count": item.usage_count,
            "last_used_at": item.last_used_at,
        }
        for item in sorted(changed, key=lambda item: item.relationship_id)
    ]
    if rows:
        statement = insert(relationships).values(created_at=func.now(), updated_at=func.now())
        replaced = {name: statement.excluded[name] for name in (*_KEPT, "updated_at")}
        await transaction.execute(
            statement.on_conflict_do_update(index_elements=["tenant_id", "user_id", "relationship_id"], set_=replaced),
            rows,
        )


async def remove(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> None:
    """Delete these relationships."""
    if ids:
        await transaction.execute(
            delete(relationships).where(owned(relationships, owner), _among(relationships.c.relationship_id, ids))
        )


async def retire(transaction: Transaction, key: SourceKey, gone: Collection[UUID]) -> None:
    """Take the relationships of entities that are gone out of service."""
    if gone:
        statement = update(relationships).where(_of_source(key), _touches(gone), relationships.c.retired_at.is_(None))
        await transaction.execute(statement.values(retired_at=func.now(), updated_at=func.now()))


async def restore(
    transaction: Transaction, key: SourceKey, returned: Collection[UUID], retired: Collection[UUID]
) -> None:
    """Put the relationships of entities that are back in service again, unless their other end is still retired."""
    if returned:
        statement = update(relationships).where(_of_source(key), _touches(returned), not_(_touches(retired)))
        await transaction.execute(statement.values(retired_at=None, updated_at=func.now()))


async def of_question(transaction: Transaction, key: SourceKey, table_ids: Collection[UUID]) -> list[Relationship]:
    """All joins of a source, and the uses of the columns of these tables; the most used first."""
    joins = relationships.c.relationship_type == "joins_with"
    uses = and_(relationships.c.relationship_type.in_(USES), relationships.c.source_entity_id.in_(table_ids))
    statement = (
        select(relationships)
        .where(_of_source(key), relationships.c.retired_at.is_(None), or_(joins, uses))
        .order_by(*_MOST_USED_FIRST)
        .limit(_MAX_EDGES)
    )
    return [_relationship(row) for row in await transaction.execute(statement)]


async def neighbours(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> list[UUID]:
    """The other ends of the relationships in service of these entities, the most used first."""
    if not ids:
        return []
    statement = (
        select(relationships.c.source_entity_id, relationships.c.target_entity_id)
        .where(owned(relationships, owner), relationships.c.retired_at.is_(None), _touches(ids))
        .order_by(*_MOST_USED_FIRST)
        .limit(_MAX_EDGES)
    )
    rows = (await transaction.execute(statement)).all()
    return list(dict.fromkeys(end for row in rows for end in row))


async def among(
    transaction: Transaction, owner: Identity, ids: Collection[UUID], aging: Aging, *, limit: int
) -> list[contract.Relationship]:
    """The relationships in service between these entities, the most used first."""
    statement = (
        _shown_columns(aging)
        .where(
            owned(relationships, owner),
            relationships.c.retired_at.is_(None),
            _among(relationships.c.source_entity_id, ids),
            _among(relationships.c.target_entity_id, ids),
        )
        .order_by(*_MOST_USED_FIRST)
        .limit(limit)
    )
    return [_shown(row) for row in await transaction.execute(statement)]


async def page(
    transaction: Transaction,
    owner: Identity,
    request: contract.ListRelationships,
    aging: Aging,
    after: tuple[float, int, UUID] | None,
) -> list[contract.Relationship]:
    """Relationships in service after a position (strength, uses, id), the strongest first; one more than asked for."""
    conditions = [owned(relationships, owner), relationships.c.retired_at.is_(None)]
    if request.data_source_id is not None:
        conditions.append(relationships.c.data_source_id == request.data_source_id)
    if request.relationship_type is not None:
        conditions.append(relationships.c.relationship_type == request.relationship_type)
    if request.entity_id is not None:
        conditions.append(_touches([request.entity_id]))
    if request.name is not None:
        ends = (relationships.c.source_name, relationships.c.target_name)
        conditions.append(or_(*(end.icontains(request.name, autoescape=True) for end in ends)))
    order = (_strength(aging), relationships.c.usage_count, relationships.c.relationship_id)
    if after is not None:
        strength, uses, relationship_id = after
        position = tuple_(literal(strength, Double), literal(uses, BigInteger), relationship_id)
        conditions.append(tuple_(*order) < position)
    strongest_first = (column.desc() for column in order)
    statement = _shown_columns(aging).where(*conditions).order_by(*strongest_first).limit(request.limit + 1)
    return [_shown(row) for row in await transaction.execute(statement)]


def _strength(aging: Aging) -> ColumnElement[float]:
    """What `Aging.strength` says, in SQL."""
    unused = func.extract("epoch", literal(aging.at, DateTime(timezone=True)) - relationships.c.last_used_at)
    uses = relationships.c.usage_count * func.power(
        literal(0.5, Double), func.greatest(unused, 0) / aging.half_life.total_seconds()
    )
    doubt = func.power(literal(0.5, Double), cast(uses, Double))
    learned = cast(func.round(cast(1 - doubt, Numeric), 4), Double)
    return case((_IS_DECLARED, literal(1.0, Double)), else_=func.coalesce(learned, literal(0.0, Double)))


def _shown_columns(aging: Aging) -> Select[Any]:
    return select(*relationships.c, _strength(aging).label("strength"))


def _shown(row: Row[Any]) -> contract.Relationship:
    return contract.Relationship.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name


def _touches(ids: Collection[UUID]) -> ColumnElement[bool]:
    return or_(_among(relationships.c.source_entity_id, ids), _among(relationships.c.target_entity_id, ids))


def _among(column: ColumnElement[UUID], ids: Collection[UUID]) -> ColumnElement[bool]:
    # One array parameter: a statement takes 32,767 of them, and a schema may have more columns than that.
    return column == any_(literal(list(ids), ARRAY(Uuid)))


def _of_source(key: SourceKey) -> ColumnElement[bool]:
    return and_(owned(relationships, key.owner), relationships.c.data_source_id == key.data_source_id)


def _relationship(row: Row[Any]) -> Relationship:
    return Relationship(
        relationship_id=row.relationship_id,
        source_entity_id=row.source_entity_id,
        target_entity_id=row.target_entity_id,
        source_name=row.source_name,
        target_name=row.target_name,
        relationship_type=row.relationship_type,
        context=row.context,
        metadata=row.metadata,
        usage_count=row.usage_count,
        last_used_at=row.last_used_at,
    )
