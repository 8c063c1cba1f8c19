"""Facts and their mentions in Postgres."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from contracts import entity_extractor as contract
from contracts.identity import Identity
from entity_extractor.domain.facts import Fact, Mention, Statement
from entity_extractor.repository import among, owned
from entity_extractor.repository.turns import TurnKey
from entity_extractor.tables import fact_mentions, facts, forgotten_facts
from persistence import Transaction

_MAX_KNOWN = 100
_KEY = ("tenant_id", "user_id", "fact_id")


async def add_mentions(transaction: Transaction, owner: Identity, mentions: Iterable[Mention]) -> None:
    """Note what was said and where."""
    rows = [
        {
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "source_type": mention.source_type,
            "source_id": mention.source_id,
            "fact_id": mention.statement.fact_id(owner),
            "conversation_id": mention.conversation_id,
            **_statement_values(mention.statement),
            "said_at": mention.said_at,
        }
        for mention in mentions
    ]
    if rows:
        statement = insert(fact_mentions).values(created_at=func.now()).on_conflict_do_nothing()
        await transaction.execute(statement, rows)


async def remove_mentions(transaction: Transaction, owner: Identity, sources: Collection[TurnKey]) -> set[UUID]:
    """Forget what these turns and memories say; the facts that they said."""
    if not sources:
        return set()
    said = and_(owned(fact_mentions, owner), among(fact_mentions, sources))
    statement = delete(fact_mentions).where(said).returning(fact_mentions.c.fact_id)
    return set((await transaction.execute(statement)).scalars())


async def mentions_of(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> dict[UUID, list[Mention]]:
    """The mentions of these facts."""
    rows = await transaction.execute(
        select(fact_mentions).where(owned(fact_mentions, owner), fact_mentions.c.fact_id.in_(ids))
    )
    found: dict[UUID, list[Mention]] = defaultdict(list)
    for row in rows:
        found[row.fact_id].append(
            Mention(_statement(row), row.source_type, row.source_id, row.conversation_id, row.said_at)
        )
    return found


async def find(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> dict[UUID, Fact]:
    """Those of these facts that there are."""
    return await _facts(transaction, owner, facts.c.fact_id.in_(ids)) if ids else {}


async def of_slots(transaction: Transaction, owner: Identity, slots: Collection[UUID]) -> dict[UUID, Fact]:
    """All facts of these slots."""
    return await _facts(transaction, owner, facts.c.slot_id.in_(slots)) if slots else {}


async def latest(transaction: Transaction, owner: Identity) -> list[Statement]:
    """What is known of a user, the latest said first; as much as whoever reads needs in order not to say it again."""
    statement = (
        select(facts)
        .where(owned(facts, owner), facts.c.superseded_by.is_(None))
        .order_by(facts.c.said_at.desc(), facts.c.fact_id.desc())
        .limit(_MAX_KNOWN)
    )
    return [_statement(row) for row in await transaction.execute(statement)]


async def definitions(transaction: Transaction, owner: Identity) -> list[Statement]:
    """What a user's words mean; of several definitions of a term the one said last comes last."""
    statement = (
        select(facts)
        .where(owned(facts, owner), facts.c.superseded_by.is_(None), facts.c.kind == "definition")
        .order_by(facts.c.said_at, facts.c.fact_id)
    )
    return [_statement(row) for row in await transaction.execute(statement)]


async def save(transaction: Transaction, owner: Identity, changed: Iterable[Fact]) -> None:
    """Add these facts, or replace what is kept of them."""
    rows = [
        {
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "fact_id": fact.fact_id,
            "slot_id": fact.slot_id,
            **_statement_values(fact.statement),
            "mention_count": fact.mention_count,
            "source_type": fact.source_type,
            "source_id": fact.source_id,
            "said_at": fact.said_at,
            "from_message": fact.from_message,
            "superseded_by": fact.superseded_by,
            "remembered_at": fact.remembered_at,
        }
        for fact in changed
    ]
    if rows:
        statement = insert(facts).values(created_at=func.now(), updated_at=func.now())
        replaced = {column.name: statement.excluded[column.name] for column in facts.c if column.name not in _KEY}
        del replaced["created_at"]
        await transaction.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=replaced), rows)


async def remove(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> None:
    """Delete these facts."""
    if ids:
        await transaction.execute(delete(facts).where(owned(facts, owner), facts.c.fact_id.in_(ids)))


async def forget(transaction: Transaction, owner: Identity, fact_id: UUID, at: datetime) -> None:
    """Have nothing that was said until then say this fact, whenever it is read."""
    row = {"tenant_id": owner.tenant_id, "user_id": owner.user_id, "fact_id": fact_id, "forgotten_at": at}
    statement = insert(forgotten_facts).values(created_at=func.now(), **row)
    latest = func.greatest(forgotten_facts.c.forgotten_at, statement.excluded.forgotten_at)
    await transaction.execute(statement.on_conflict_do_update(index_elements=_KEY, set_={"forgotten_at": latest}))
    await transaction.execute(
        delete(fact_mentions).where(
            owned(fact_mentions, owner), fact_mentions.c.fact_id == fact_id, fact_mentions.c.said_at <= at
        )
    )


async def forgotten(transaction: Transaction, owner: Identity, ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Until when what was said does not say these facts; those that were never forgotten are left out."""
    if not ids:
        return {}
    statement = select(forgotten_facts.c.fact_id, forgotten_facts.c.forgotten_at).where(
        owned(forgotten_facts, owner), forgotten_facts.c.fact_id.in_(ids)
    )
    return {row.fact_id: row.forgotten_at for row in await transaction.execute(statement)}


async def reset(transaction: Transaction, owner: Identity) -> None:
    """Delete all facts and mentions of a user; what they had forgotten stays forgotten."""
    for table in (fact_mentions, facts):
        await transaction.execute(delete(table).where(owned(table, owner)))


async def page(
    transaction: Transaction, owner: Identity, request: contract.ListFacts, after: tuple[datetime, UUID] | None
) -> list[contract.Fact]:
    """Facts after a position (time, id), the latest said first; one more than asked for."""
    conditions = [owned(facts, owner)]
    if request.kind is not None:
        conditions.append(facts.c.kind == request.kind)
    if request.subject is not None:
        conditions.append(func.lower(facts.c.subject) == request.subject.lower())
    if not request.include_superseded:
        conditions.append(facts.c.superseded_by.is_(None))
    if after is not None:
        conditions.append(tuple_(facts.c.said_at, facts.c.fact_id) < tuple_(*after))
    statement = (
        select(facts)
        .where(*conditions)
        .order_by(facts.c.said_at.desc(), facts.c.fact_id.desc())
        .limit(request.limit + 1)
    )
    rows = await transaction.execute(statement)
    return [contract.Fact.model_validate(dict(row._mapping)) for row in rows]  # noqa: SLF001  # SQLAlchemy's public name


async def _facts(transaction: Transaction, owner: Identity, which: ColumnElement[bool]) -> dict[UUID, Fact]:
    rows = await transaction.execute(select(facts).where(owned(facts, owner), which))
    return {row.fact_id: _fact(row) for row in rows}


def _fact(row: Row[Any]) -> Fact:
    return Fact(
        fact_id=row.fact_id,
        slot_id=row.slot_id,
        statement=_statement(row),
        mention_count=row.mention_count,
        source_type=row.source_type,
        source_id=row.source_id,
        said_at=row.said_at,
        from_message=row.from_message,
        superseded_by=row.superseded_by,
        remembered_at=row.remembered_at,
    )


def _statement(row: Row[Any]) -> Statement:
    return Statement(row.kind, row.subject, row.predicate, row.object, row.confidence)


def _statement_values(statement: Statement) -> dict[str, Any]:
    return {
        "kind": statement.kind,
        "subject": statement.subject,
        "predicate": statement.predicate,
        "object": statement.object,
        "confidence": statement.confidence,
    }
