"""Query patterns in Postgres: every question with what came of it."""

import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Double,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from contracts.embedding_worker import Embedding
from contracts.identity import Identity
from contracts.sql_generator import Answer, QueryStatus, Trust
from persistence import Transaction
from sql_generator.domain.patterns import Candidate
from sql_generator.domain.questions import question_key
from sql_generator.repository import owned
from sql_generator.repository.grades import Grade
from sql_generator.tables import Vector
from sql_generator.tables import query_patterns as table

_CANDIDATES = 100

OFFERED = and_(
    table.c.was_successful.is_not(False),
    or_(table.c.trust == "verified", and_(table.c.trust == "candidate", table.c.was_successful)),
)
"""May serve as an example: somebody verified it, or it ran at least. A failure never."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is kept of a question. `drafted` is the SQL before the rules had their say, where that is not the same;
    `is_final` is False when the same id may be asked once more.
    """

    answer: Answer
    signature: str | None
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    was_successful: bool | None
    embedding: Embedding | None
    drafted: str | None = None
    is_final: bool = True

    @property
    def question(self) -> str:
        """The question as it can be understood by itself."""
        return self.answer.question_in_full or self.answer.question


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """A question as it is kept; without an answer it may be asked once more."""

    query_id: UUID
    data_source_id: UUID
    question: str
    sql: str | None
    drafted: str | None
    status: QueryStatus
    signature: str | None
    trust: Trust
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A question of a conversation, with its SQL or with what was asked back."""

    question: str
    sql: str | None
    clarifying_question: str | None
    asked_at: datetime


async def put(transaction: Transaction, owner: Identity, pattern: Pattern, grade: Grade, now: datetime) -> bool:
    """Keep a question and its answer; False when this id has an answer already, which stays as it is."""
    answer = pattern.answer
    values: dict[str, Any] = {
        "conversation_id": answer.conversation_id,
        "data_source_id": answer.source_id,
        "natural_language_query": pattern.question,
        "question_key": question_key(pattern.question),
        "generated_sql": answer.sql,
        "drafted_sql": pattern.drafted if pattern.drafted != answer.sql else None,
        "query_intent": answer.intent,
        "query_signature": pattern.signature,
        "tables_used": list(pattern.tables),
        "columns_used": list(pattern.columns),
        "was_modified": grade.was_modified,
        "trust": grade.trust,
        "verified_by": grade.verified_by,
        "verified_at": grade.verified_at,
        "superseded_by": grade.superseded_by,
        "question_embedding": _vector(pattern.embedding.embedding) if pattern.embedding else None,
        "embedding_model": pattern.embedding.model if pattern.embedding else None,
        "created_at": now,
        "updated_at": now,
        **_outcome(answer, was_successful=pattern.was_successful, is_final=pattern.is_final),
    }
    statement = (
        insert(table)
        .values(tenant_id=owner.tenant_id, user_id=owner.user_id, pattern_id=answer.query_id, **values)
        .on_conflict_do_update(
            index_elements=[table.c.tenant_id, table.c.user_id, table.c.pattern_id],
            set_=values,
            where=table.c.answer.is_(None),
        )
        .returning(table.c.pattern_id)
    )
    return (await transaction.execute(statement)).one_or_none() is not None


async def find(transaction: Transaction, owner: Identity, query_id: UUID) -> StoredQuery | None:
    """The question, or None when this user has none of that id."""
    statement = select(
        table.c.data_source_id,
        table.c.natural_language_query,
        table.c.generated_sql,
        table.c.drafted_sql,
        table.c.status,
        table.c.query_signature,
        table.c.trust,
        table.c.answer,
    ).where(is_query(owner, query_id))
    row = (await transaction.execute(statement)).one_or_none()
    if row is None:
        return None
    return StoredQuery(
        query_id=query_id,
        data_source_id=row.data_source_id,
        question=row.natural_language_query,
        sql=row.generated_sql,
        drafted=row.drafted_sql or row.generated_sql,
        status=row.status,
        signature=row.query_signature,
        trust=row.trust,
        answer=Answer.model_validate(row.answer) if row.answer is not None else None,
    )


async def turns(
    transaction: Transaction, owner: Identity, conversation_id: UUID, data_source_id: UUID, *, limit: int
) -> list[PastTurn]:
    """The last questions of a conversation that were asked of a data source and answered, the newest first."""
    statement = (
        select(
            table.c.natural_language_query.label("question"),
            func.coalesce(table.c.drafted_sql, table.c.generated_sql).label("sql"),
            table.c.answer["clarifying_question"].astext.label("clarifying_question"),
            table.c.created_at.label("asked_at"),
        )
        .where(
            owned(table, owner),
            table.c.conversation_id == conversation_id,
            table.c.data_source_id == data_source_id,
            table.c.status.in_(("generated", "executed", "abstained")),
            table.c.answer.is_not(None),
        )
        .order_by(table.c.created_at.desc())
        .limit(limit)
    )
    return [PastTurn(**row._mapping) for row in await transaction.execute(statement)]  # noqa: SLF001  # public


async def last_source(transaction: Transaction, owner: Identity, conversation_id: UUID) -> UUID | None:
    """The data source that was asked last in a conversation."""
    statement = (
        select(table.c.data_source_id)
        .where(owned(table, owner), table.c.conversation_id == conversation_id)
        .order_by(table.c.created_at.desc())
        .limit(1)
    )
    found: UUID | None = (await transaction.execute(statement)).scalar_one_or_none()
    return found


async def set_outcome(
    transaction: Transaction, owner: Identity, answer: Answer, *, was_successful: bool | None, now: datetime
) -> bool:
    """Keep what running the query came to; success that is unknown (None) stays as it was. False when it is gone."""
    drafted = func.coalesce(table.c.drafted_sql, table.c.generated_sql)
    values = {
        **_outcome(answer, was_successful=was_successful),
        "generated_sql": answer.sql,
        "drafted_sql": func.nullif(drafted, answer.sql),
    }
    if was_successful is None:
        del values["was_successful"]
    statement = update(table).where(is_query(owner, answer.query_id)).values(**values, updated_at=now)
    return (await transaction.execute(statement)).rowcount > 0


async def copy_embedding(transaction: Transaction, owner: Identity, query_id: UUID, to: UUID) -> None:
    """Give the query `to` the vector of another one with the same question."""
    other = table.alias()
    await transaction.execute(
        update(table)
        .where(is_query(owner, to), other.c.pattern_id == query_id)
        .where(other.c.tenant_id == table.c.tenant_id, other.c.user_id == table.c.user_id)
        .values(question_embedding=other.c.question_embedding, embedding_model=other.c.embedding_model)
    )


async def candidates(
    transaction: Transaction, owner: Identity, data_source_id: UUID, question: str, embedding: Embedding | None
) -> list[Candidate]:
    """Past queries of a data source that may serve as examples: of the same wording, then the nearest, the newest.

    The cosine is exact; it is None for questions without a vector of the same model.
    """
    cosine = _cosine(embedding).label("cosine")
    statement = (
        select(
            table.c.pattern_id,
            table.c.natural_language_query.label("question"),
            func.coalesce(table.c.drafted_sql, table.c.generated_sql).label("sql"),
            table.c.trust,
            cosine,
        )
        .where(
            owned(table, owner),
            table.c.data_source_id == data_source_id,
            OFFERED,
        )
        .order_by(
            func.coalesce(table.c.question_key == literal(question_key(question), Text), false()).desc(),
            cosine.desc().nulls_last(),
            table.c.created_at.desc(),
        )
        .limit(_CANDIDATES)
    )
    return [
        Candidate(row.pattern_id, row.question, row.sql, row.trust, row.cosine)
        for row in await transaction.execute(statement)
    ]


def _outcome(answer: Answer, *, was_successful: bool | None, is_final: bool = True) -> dict[str, Any]:
    kept = answer.model_copy(update={"result": None, "chart": None})
    return {
        "status": answer.status,
        "execution_time_ms": answer.result.elapsed_ms if answer.result else None,
        "result_row_count": answer.result.row_count if answer.result else None,
        "was_successful": was_successful,
        "error_message": answer.reason,
        "answer": kept.model_dump(mode="json") if is_final else null(),
    }


def _cosine(embedding: Embedding | None) -> ColumnElement[float | None]:
    if embedding is None:
        return cast(null(), Double)
    comparable = and_(
        table.c.embedding_model == embedding.model,
        func.vector_dims(table.c.question_embedding) == embedding.dimensions,
    )
    distance: ColumnElement[float] = table.c.question_embedding.op("<=>", return_type=Double())(
        cast(literal(_vector(embedding.embedding), Text), Vector)
    )
    # A CASE, because comparing vectors of different lengths is an error.
    return case((comparable, 1 - distance))


def _vector(embedding: bytes) -> str:
    """The text form of a vector of little-endian float32."""
    return f"[{','.join(map(repr, struct.unpack(f'<{len(embedding) // 4}f', embedding)))}]"


def is_query(owner: Identity, query_id: UUID) -> ColumnElement[bool]:
    return and_(owned(table, owner), table.c.pattern_id == query_id)
