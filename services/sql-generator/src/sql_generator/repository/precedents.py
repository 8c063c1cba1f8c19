"""Verified answers as they are reused, in Postgres."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, case, exists, func, select

from contracts.identity import Identity
from persistence import Transaction
from sql_generator.domain.precedents import Precedent
from sql_generator.repository import owned
from sql_generator.repository.patterns import OFFERED
from sql_generator.rules.rulebook import ASKED
from sql_generator.tables import query_patterns as table


async def still_verified(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> list[Precedent]:
    """Those of the queries that are verified still; what was verified by success holds as of when it was asked."""
    other = table.alias()
    doubted = exists().where(
        and_(
            other.c.tenant_id == table.c.tenant_id,
            other.c.user_id == table.c.user_id,
            other.c.data_source_id == table.c.data_source_id,
            other.c.query_signature == table.c.query_signature,
            other.c.trust == "deprecated",
        )
    )
    statement = select(
        table.c.pattern_id,
        table.c.natural_language_query.label("question"),
        func.coalesce(table.c.drafted_sql, table.c.generated_sql).label("sql"),
        table.c.conversation_id,
        table.c.verified_by,
        case((table.c.verified_by == "person", table.c.verified_at), else_=table.c.created_at).label("as_of"),
        table.c.answer["rules"].label("rules"),
        doubted.label("is_doubted"),
    ).where(owned(table, owner), table.c.pattern_id.in_(ids), table.c.trust == "verified", OFFERED)
    return [_precedent(row) for row in await transaction.execute(statement)]


def _precedent(row: Row[Any]) -> Precedent:
    return Precedent(
        pattern_id=row.pattern_id,
        question=row.question,
        sql=row.sql,
        conversation_id=row.conversation_id,
        # What else rules did, they do again if they still hold.
        rule_ids=tuple(UUID(rule["rule_id"]) for rule in row.rules or () if rule["effect"] == ASKED),
        verified_by=row.verified_by,
        as_of=row.as_of,
        is_doubted=row.is_doubted,
    )
