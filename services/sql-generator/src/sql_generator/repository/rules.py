"""Rules in Postgres."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Row, and_, delete, func, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from contracts.memory_store import MemoryContent
from contracts.sql_generator import ListRules, NewRule, Rule, RuleOrigin, RuleStatus, UpdateRule
from persistence import Transaction
from sql_generator.domain.rules import rule_name_of, rule_type_of
from sql_generator.repository import owned
from sql_generator.tables import rules as table

_COLUMNS = [column for column in table.c if column.name not in {"tenant_id", "user_id", "is_active"}]
_AS_JSON = {"conditions", "effects"}
_DEFAULT_PRIORITY = 100
MAX_ACTIVE = 500
"""How many rules of a user may hold for one data source: all of them are looked at for every question."""


async def add(
    transaction: Transaction,
    owner: Identity,
    new: NewRule,
    now: datetime,
    *,
    status: RuleStatus,
    origin: RuleOrigin,
) -> Rule | None:
    """The new rule, or None when the id exists already."""
    statement = (
        insert(table)
        .values(
            tenant_id=owner.tenant_id,
            user_id=owner.user_id,
            **new.model_dump(include=NewRule.model_fields.keys() - _AS_JSON),
            **new.model_dump(mode="json", include=_AS_JSON),
            status=status,
            origin=origin,
            application_count=0,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
        .returning(*_COLUMNS)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return _rule(row) if row else None


async def find(transaction: Transaction, owner: Identity, rule_id: UUID) -> Rule | None:
    """The rule, or None when this user has none of that id."""
    row = (
        await transaction.execute(select(*_COLUMNS).where(owned(table, owner), table.c.rule_id == rule_id))
    ).one_or_none()
    return _rule(row) if row else None


async def saying(transaction: Transaction, owner: Identity, new: NewRule) -> Rule | None:
    """The oldest rule that says the same of the same data source, whatever its status; case and layout aside."""
    statement = (
        select(*_COLUMNS)
        .where(
            owned(table, owner),
            table.c.data_source_id.is_not_distinct_from(new.data_source_id),
            _plain(table.c.rule_content) == _plain(literal(new.rule_content)),
        )
        .order_by(table.c.created_at, table.c.rule_id)
        .limit(1)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return _rule(row) if row else None


async def page(
    transaction: Transaction,
    owner: Identity,
    wanted: ListRules,
    *,
    after: tuple[int, datetime, UUID] | None,
    limit: int,
) -> list[Rule]:
    """Up to `limit` of the wanted rules by priority, time and id, all falling."""
    order = (table.c.priority, table.c.created_at, table.c.rule_id)
    statement = select(*_COLUMNS).where(owned(table, owner)).order_by(*(column.desc() for column in order)).limit(limit)
    if wanted.data_source_id is not None:
        statement = statement.where(_holds_for(wanted.data_source_id))
    for column, value in (
        (table.c.status, wanted.status),
        (table.c.rule_type, wanted.rule_type),
        (table.c.origin, wanted.origin),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if after is not None:
        priority, *rest = after
        # As bigint: whoever writes a cursor of their own gets an empty page, not an error.
        statement = statement.where(tuple_(*order) < tuple_(literal(priority, BigInteger), *rest))
    return [_rule(row) for row in await transaction.execute(statement)]


async def active(transaction: Transaction, owner: Identity, data_source_id: UUID | None, *, limit: int) -> list[Rule]:
    """Up to `limit` active rules, of a data source those that hold for it."""
    return await for_source(transaction, owner, data_source_id, limit=limit, statuses=["active"])


async def for_source(
    transaction: Transaction,
    owner: Identity,
    data_source_id: UUID | None,
    *,
    limit: int,
    statuses: Collection[RuleStatus] = ("active", "proposed", "retired"),
) -> list[Rule]:
    """Up to `limit` rules of these statuses, the active and the most important first."""
    statement = (
        select(*_COLUMNS)
        .where(owned(table, owner), table.c.status.in_(statuses))
        .order_by(table.c.is_active.desc(), table.c.priority.desc(), table.c.created_at.desc())
        .limit(limit)
    )
    if data_source_id is not None:
        statement = statement.where(_holds_for(data_source_id))
    return [_rule(row) for row in await transaction.execute(statement)]


async def change(transaction: Transaction, owner: Identity, request: UpdateRule, now: datetime) -> Rule | None:
    """The rule with what the request gives; None when it is gone."""
    given = request.model_dump(exclude={"rule_id"} | _AS_JSON, exclude_none=True)
    as_json = request.model_dump(mode="json", include=_AS_JSON, exclude_none=True)
    statement = (
        update(table)
        .where(owned(table, owner), table.c.rule_id == request.rule_id)
        .values(**given, **as_json, updated_at=now)
        .returning(*_COLUMNS)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return _rule(row) if row else None


async def remove(transaction: Transaction, owner: Identity, rule_id: UUID) -> None:
    """Delete the rule."""
    await transaction.execute(delete(table).where(owned(table, owner), table.c.rule_id == rule_id))


async def count_applications(
    transaction: Transaction, owner: Identity, rule_ids: Collection[UUID], now: datetime
) -> None:
    """Note that the rules shaped one more statement."""
    if not rule_ids:
        return
    await transaction.execute(
        update(table)
        .where(owned(table, owner), table.c.rule_id.in_(rule_ids))
        .values(application_count=table.c.application_count + 1, last_applied_at=now)
    )


async def lock(transaction: Transaction, owner: Identity) -> None:
    """Have the rules that this user did not make, those learned and from memories, changed by one at a time."""
    key = func.hashtextextended(f"rules:{owner.tenant_id}:{owner.user_id}", 0)
    await transaction.execute(select(func.pg_advisory_xact_lock(key)))


async def put_from_memory(transaction: Transaction, owner: Identity, memory: MemoryContent, now: datetime) -> None:
    """Have an active rule say what the memory says; the same memory again changes nothing."""
    said = {
        "rule_name": rule_name_of(memory.content),
        "rule_type": rule_type_of(memory.content),
        "rule_content": memory.content,
    }
    statement = insert(table).values(
        tenant_id=owner.tenant_id,
        user_id=owner.user_id,
        rule_id=memory.memory_id,
        **said,
        conditions={},
        effects=[],
        priority=_DEFAULT_PRIORITY,
        status="active",
        origin="memory",
        application_count=0,
        created_at=now,
        updated_at=now,
    )
    await transaction.execute(
        statement.on_conflict_do_update(
            index_elements=[table.c.tenant_id, table.c.user_id, table.c.rule_id],
            set_=said | {"updated_at": now},
            where=and_(table.c.origin == "memory", table.c.rule_content != memory.content),
        )
    )


async def remove_from_memories(transaction: Transaction, owner: Identity, memory_ids: Collection[UUID]) -> None:
    """Delete the rules that came from these memories."""
    if memory_ids:
        await transaction.execute(
            delete(table).where(owned(table, owner), table.c.rule_id.in_(memory_ids), table.c.origin == "memory")
        )


def _holds_for(data_source_id: UUID) -> ColumnElement[bool]:
    return or_(table.c.data_source_id.is_(None), table.c.data_source_id == data_source_id)


def _plain(content: ColumnElement[str]) -> ColumnElement[str]:
    return func.lower(func.btrim(func.regexp_replace(content, r"[\s.!]+", " ", "g")))


def _rule(row: Row[Any]) -> Rule:
    return Rule.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it
