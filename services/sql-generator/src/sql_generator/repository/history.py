"""Past queries as their user reads them, in Postgres."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, tuple_, update

from contracts.identity import Identity
from contracts.sql_generator import ListQueries, QueryDetail, QueryOverview, Rate
from persistence import Transaction
from sql_generator.repository import owned
from sql_generator.repository.patterns import is_query
from sql_generator.tables import query_patterns as table

_STANDING = (
    table.c.trust,
    table.c.verified_by,
    table.c.user_satisfaction_score.label("score"),
    table.c.modification_notes.label("notes"),
    table.c.was_modified,
    table.c.superseded_by,
)
_OVERVIEW = (
    table.c.pattern_id.label("query_id"),
    table.c.data_source_id,
    table.c.conversation_id,
    func.coalesce(table.c.answer["question"].astext, table.c.natural_language_query).label("question"),
    table.c.generated_sql.label("sql"),
    table.c.status,
    table.c.query_intent.label("intent"),
    table.c.result_row_count.label("row_count"),
    table.c.execution_time_ms.label("elapsed_ms"),
    table.c.created_at,
    table.c.updated_at,
    *_STANDING,
)
_DETAIL = (*_OVERVIEW, table.c.tables_used, table.c.columns_used, table.c.error_message, table.c.answer)
_NEWEST = (table.c.created_at.desc(), table.c.pattern_id.desc())


async def detail(
    transaction: Transaction, owner: Identity, query_id: UUID, *, lock: bool = False
) -> QueryDetail | None:
    """The query with its whole answer, held for the transaction if wanted; None when this user has none of that id."""
    statement = select(*_DETAIL).where(is_query(owner, query_id))
    row = (await transaction.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return _detail(row) if row else None


async def page(
    transaction: Transaction, owner: Identity, asked: ListQueries, *, after: tuple[datetime, UUID] | None
) -> list[QueryOverview]:
    """The queries asked for, the newest first, after a position; one more than the limit where there are more."""
    statement = select(*_OVERVIEW).where(owned(table, owner)).order_by(*_NEWEST).limit(asked.limit + 1)
    for column, value in (
        (table.c.data_source_id, asked.data_source_id),
        (table.c.conversation_id, asked.conversation_id),
        (table.c.status, asked.status),
        (table.c.trust, asked.trust),
        (table.c.query_intent, asked.intent),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if asked.since is not None:
        statement = statement.where(table.c.created_at >= asked.since)
    if after is not None:
        statement = statement.where(tuple_(table.c.created_at, table.c.pattern_id) < tuple_(*after))
    return [QueryOverview.model_validate(row._mapping) for row in await transaction.execute(statement)]  # noqa: SLF001


async def rate(transaction: Transaction, owner: Identity, said: Rate) -> None:
    """Keep the score and the notes of a query; what is left out stays as it was."""
    given = {"user_satisfaction_score": said.score, "modification_notes": said.notes}
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if values:
        await transaction.execute(update(table).where(is_query(owner, said.query_id)).values(**values))


async def remove(transaction: Transaction, owner: Identity, query_id: UUID) -> bool:
    """Delete the query; False when there is none."""
    return (await transaction.execute(delete(table).where(is_query(owner, query_id)))).rowcount > 0


def _detail(row: Row[Any]) -> QueryDetail:
    kept = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it
    # A question that no model was there for has no answer yet.
    answer = kept.pop("answer") or {"explanation": "", "confidence": 0.0, "model": "", "reason": row.error_message}
    return QueryDetail.model_validate(answer | kept | {"tables": row.tables_used, "columns": row.columns_used})
