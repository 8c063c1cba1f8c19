"""How far past queries are trusted, in Postgres.

The same SQL for the same question of the same data source is one answer, however often it was given: a grade is that
of all its rows.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, case, cast, distinct, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.identity import Identity
from contracts.sql_generator import Answer, Trust, VerifiedBy
from persistence import Transaction
from sql_generator.domain.questions import question_key
from sql_generator.domain.used_names import Names
from sql_generator.repository import owned
from sql_generator.tables import query_patterns as table

_DEPRECATED: Final[dict[str, Any]] = {
    "trust": "deprecated",
    "trust_when_fresh": None,
    "verified_by": None,
    "verified_at": None,
}


@dataclass(frozen=True, slots=True)
class Grade:
    """The trust in an answer, and where it comes from."""

    trust: Trust = "candidate"
    verified_by: VerifiedBy | None = None
    verified_at: datetime | None = None
    superseded_by: UUID | None = None
    was_modified: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as one query gave it: with SQL it is one with those of the same wording and SQL."""

    query_id: UUID
    data_source_id: UUID
    question: str
    sql: str | None

    @classmethod
    def by(cls, answer: Answer) -> Self:
        """What an answer gave."""
        asked = answer.question_in_full or answer.question
        return cls(answer.query_id, answer.source_id, asked, answer.sql)


async def grade_of(transaction: Transaction, owner: Identity, given: Given) -> Grade:
    """The grade that this answer was given before; that of a candidate when it was given none."""
    statement = (
        select(table.c.trust, table.c.verified_by, table.c.verified_at, table.c.superseded_by)
        .where(_gives(owner, given), table.c.trust.in_(("verified", "deprecated")))
        .order_by(table.c.updated_at.desc())
        .limit(1)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return Grade(row.trust, row.verified_by, row.verified_at, row.superseded_by) if row else Grade()


async def verify(transaction: Transaction, owner: Identity, given: Given, now: datetime) -> None:
    """A person says that this answer is right. What failed when it ran stays as it is; what is stale stays stale."""
    is_stale = table.c.trust == "stale"
    await transaction.execute(
        update(table)
        .where(_gives(owner, given), table.c.generated_sql.is_not(None), table.c.was_successful.is_not(False))
        .values(
            trust=case((is_stale, "stale"), else_="verified"),
            trust_when_fresh=case((is_stale, "verified")),
            verified_by="person",
            verified_at=now,
            superseded_by=null(),
        )
    )


async def deprecate(transaction: Transaction, owner: Identity, given: Given) -> None:
    """A person says that this answer is wrong."""
    await transaction.execute(update(table).where(_gives(owner, given)).values(**_DEPRECATED))


async def supersede(transaction: Transaction, owner: Identity, given: Given, by: UUID) -> None:
    """A person says that this answer is wrong, and that the query `by` has the right one."""
    values = _DEPRECATED | {"superseded_by": by, "was_modified": True}
    await transaction.execute(update(table).where(_gives(owner, given)).values(**values))


async def follow_schema(transaction: Transaction, owner: Identity, data_source_id: UUID, names: Names) -> int:
    """Take out of use the queries that name what a data source does not have, and back those whose names are all there.

    Returns how many are out of use now.
    """
    is_known = and_(
        table.c.tables_used.op("<@")(cast(list(names.tables), ARRAY(Text))),
        table.c.columns_used.op("<@")(cast(list(names.columns), ARRAY(Text))),
    )
    of_source = _of_source(owner, data_source_id)
    await transaction.execute(
        update(table)
        .where(of_source, table.c.trust == "stale", is_known)
        .values(trust=table.c.trust_when_fresh, trust_when_fresh=null())
    )
    await transaction.execute(
        update(table)
        .where(of_source, table.c.trust.in_(("candidate", "verified")), table.c.generated_sql.is_not(None), ~is_known)
        .values(trust="stale", trust_when_fresh=table.c.trust)
    )
    count = select(func.count()).where(of_source, table.c.trust == "stale")
    stale: int = (await transaction.execute(count)).scalar_one()
    return stale


async def distrusted(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> set[UUID]:
    """Those of the queries whose answer is of no use: it failed, a person found it wrong, or what it reads is gone."""
    statement = select(table.c.pattern_id).where(
        owned(table, owner),
        table.c.pattern_id.in_(ids),
        or_(table.c.trust.in_(("deprecated", "stale")), table.c.was_successful.is_(False)),
    )
    return set((await transaction.execute(statement)).scalars())


async def count_questions(transaction: Transaction, owner: Identity, data_source_id: UUID, signature: str) -> int:
    """For how many different questions a query of a signature has run; 0 when a person found one of them wrong."""
    of_signature = _of_signature(owner, data_source_id, signature)
    doubted = select(literal(1)).where(of_signature, table.c.trust == "deprecated").exists()
    statement = select(func.count(distinct(table.c.question_key))).where(of_signature, table.c.was_successful, ~doubted)
    count: int = (await transaction.execute(statement)).scalar_one()
    return count


async def verify_by_success(
    transaction: Transaction, owner: Identity, data_source_id: UUID, signature: str, now: datetime
) -> None:
    """The candidates of a signature that have run are right as far as success tells."""
    await transaction.execute(
        update(table)
        .where(_of_signature(owner, data_source_id, signature), table.c.was_successful, table.c.trust == "candidate")
        .values(trust="verified", verified_by="success", verified_at=now)
    )


def _of_signature(owner: Identity, data_source_id: UUID, signature: str) -> ColumnElement[bool]:
    return and_(_of_source(owner, data_source_id), table.c.query_signature == signature)


def _gives(owner: Identity, given: Given) -> ColumnElement[bool]:
    of_source, key = _of_source(owner, given.data_source_id), question_key(given.question)
    if given.sql is None or key is None:
        return and_(of_source, table.c.pattern_id == given.query_id)
    the_same = and_(table.c.question_key == key, table.c.generated_sql == given.sql)
    return and_(of_source, or_(table.c.pattern_id == given.query_id, the_same))


def _of_source(owner: Identity, data_source_id: UUID) -> ColumnElement[bool]:
    return and_(
        owned(table, owner),
        table.c.data_source_id == data_source_id,
    )
