"""Relationships in Postgres."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Row,
    Select,
    and_,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.selectable import LateralFromClause

from contracts import entity_extractor as contract
from contracts.identity import Identity
from entity_extractor.domain.cursor import Position
from entity_extractor.domain.graph import Relationship, SourceKey
from entity_extractor.repository import owned
from entity_extractor.tables import entities, relationships
from persistence import Transaction

USES: tuple[contract.RelationshipType, ...] = ("filters_by", "aggregates", "groups_by")
_KEPT = ("metadata", "strength", "usage_count", "last_used_at")
_MAX_EDGES = 5_000


def _end(entity_id: ColumnElement[Any], name: str) -> LateralFromClause:
    """One end of each relationship, if it is in service.

    The limit keeps the planner from making a plain join of it: without statistics, as after the first sync, that reads
    all entities of the user once for every relationship.
    """
    return (
        select(entities.c.entity_name)
        .where(
            entities.c.tenant_id == relationships.c.tenant_id,
            entities.c.user_id == relationships.c.user_id,
            entities.c.entity_id == entity_id,
            entities.c.retired_at.is_(None),
        )
        .limit(1)
        .lateral(name)
    )


_source = _end(relationships.c.source_entity_id, "source_entity")
_target = _end(relationships.c.target_entity_id, "target_entity")


@dataclass(frozen=True, slots=True)
class NamedEdge:
    """A relationship with the names of its ends."""

    relationship_type: contract.RelationshipType
    source_name: str
    target_name: str
    context: str
    strength: float
    usage_count: int


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
        select(relationships).where(owned(relationships, owner), relationships.c.relationship_id.in_(ids))
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
            "relationship_type": item.relationship_type,
            "context": item.context,
            "strength": item.strength,
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
            delete(relationships).where(owned(relationships, owner), relationships.c.relationship_id.in_(ids))
        )


async def of_question(transaction: Transaction, key: SourceKey, table_ids: Collection[UUID]) -> list[NamedEdge]:
    """All joins of a source, and the uses of the columns of these tables; the strongest and most used first."""
    statement = (
        _named(
            relationships.c.relationship_type,
            _source.c.entity_name.label("source_name"),
            _target.c.entity_name.label("target_name"),
            relationships.c.context,
            relationships.c.strength,
            relationships.c.usage_count,
        )
        .where(
            _of_source(key),
            or_(
                relationships.c.relationship_type == "joins_with",
                and_(relationships.c.relationship_type.in_(USES), relationships.c.source_entity_id.in_(table_ids)),
            ),
        )
        .order_by(relationships.c.strength.desc(), relationships.c.usage_count.desc(), relationships.c.relationship_id)
        .limit(_MAX_EDGES)
    )
    return [NamedEdge(**row._mapping) for row in await transaction.execute(statement)]  # noqa: SLF001  # public, in fact


async def page(
    transaction: Transaction, owner: Identity, request: contract.ListRelationships, after: Position | None
) -> list[contract.Relationship]:
    """Relationships in service after a position, the strongest first: one more than asked for, if there is."""
    order = (relationships.c.strength, relationships.c.usage_count, relationships.c.relationship_id)
    conditions = [owned(relationships, owner)]
    if request.data_source_id is not None:
        conditions.append(relationships.c.data_source_id == request.data_source_id)
    if request.relationship_type is not None:
        conditions.append(relationships.c.relationship_type == request.relationship_type)
    if after is not None:
        conditions.append(
            tuple_(*order) < tuple_(literal(after.weight, Double), literal(after.count, BigInteger), after.id)
        )
    statement = (
        _named(
            *relationships.c,
            _source.c.entity_name.label("source_name"),
            _target.c.entity_name.label("target_name"),
        )
        .where(*conditions)
        .order_by(*(column.desc() for column in order))
        .limit(request.limit + 1)
    )
    rows = await transaction.execute(statement)
    return [contract.Relationship.model_validate(dict(row._mapping)) for row in rows]  # noqa: SLF001  # public, in fact


def _named(*columns: Any) -> Select[Any]:
    """Relationships with their ends, as long as both are in service."""
    return select(*columns).select_from(relationships).join(_source, true()).join(_target, true())


def _of_source(key: SourceKey) -> ColumnElement[bool]:
    return and_(owned(relationships, key.owner), relationships.c.data_source_id == key.data_source_id)


def _relationship(row: Row[Any]) -> Relationship:
    return Relationship(
        relationship_id=row.relationship_id,
        source_entity_id=row.source_entity_id,
        target_entity_id=row.target_entity_id,
        relationship_type=row.relationship_type,
        context=row.context,
        metadata=row.metadata,
        usage_count=row.usage_count,
        last_used_at=row.last_used_at,
    )
