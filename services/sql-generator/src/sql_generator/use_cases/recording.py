"""Keeping what came of a question: its pattern, what it says to others, and what is remembered of it, all at once."""

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from contracts.events import QueryEventData, QueryExecuted, QueryFailed, QueryGenerated
from contracts.identity import Identity
from contracts.memory_store import CREATE, CreateMemories
from contracts.sql_generator import Answer
from messaging import Outbox
from persistence import Database, Transaction
from persistence.erasures import Erasures
from sql_generator.domain.remembering import interaction
from sql_generator.domain.trust import after_success
from sql_generator.errors import erased, not_found
from sql_generator.repository import data_sources, grades, patterns, rules
from sql_generator.repository.grades import Given, Grade
from sql_generator.repository.patterns import Pattern, StoredQuery


class Recorder:
    """Writes outcomes, each in one transaction."""

    def __init__(self, database: Database, outbox: Outbox, erasures: Erasures) -> None:
        self._database = database
        self._outbox = outbox
        self._erasures = erasures

    async def question(self, pattern: Pattern, owner: Identity, *, began: datetime) -> bool:
        """Keep a question and its answer; False when this query id has been answered meanwhile.

        Raises:
            ProblemError: the user was erased since the question `began` (`conflict`), or the data source is gone.
        """
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            await self.hold(transaction, owner, pattern.answer.source_id, began)
            grade = await grades.grade_of(transaction, owner, Given.by(pattern.answer))
            return await self.keep(transaction, owner, pattern, grade, began=began)

    async def hold(self, transaction: Transaction, owner: Identity, data_source_id: UUID, began: datetime) -> None:
        """Keep user and data source there until the transaction ends; raises as `question` does."""
        if not await self._erasures.hold(transaction, owner, began):
            raise erased()
        if not await data_sources.hold(transaction, owner, data_source_id):
            raise not_found("data_source_id", "data source")

    async def keep(
        self, transaction: Transaction, owner: Identity, pattern: Pattern, grade: Grade, *, began: datetime
    ) -> bool:
        """Keep a question and its answer with what follows from it; False when this query id has an answer already."""
        answer, now = pattern.answer, datetime.now(UTC)
        if not await patterns.put(transaction, owner, pattern, grade, now):
            return False
        ids = {"query_id": answer.query_id, "data_source_id": answer.source_id}
        events: list[QueryEventData] = []
        if answer.sql is not None:
            events.append(QueryGenerated(**ids))
            await rules.count_applications(transaction, owner, [used.rule_id for used in answer.rules], now)
            # Also where the source was away: the query can be run again, and this is not.
            remembered = CreateMemories(memories=(interaction(answer),), decided_at=began)
            await self._outbox.command(transaction, CREATE, remembered, owner)
        if answer.status == "executed":
            events.append(QueryExecuted(**ids))
            await self._count_success(transaction, owner, answer, pattern.signature, now)
        elif answer.status != "generated":
            events.append(QueryFailed(**ids))
        await self._outbox.emit(transaction, *events, identity=owner)
        return True

    async def execution(
        self,
        query: StoredQuery,
        answer: Answer,
        owner: Identity,
        *,
        was_successful: bool | None,
        applied_rules: Collection[UUID],
    ) -> None:
        """Keep what running a query again came to, and which rules had their say."""
        now = datetime.now(UTC)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await patterns.set_outcome(transaction, owner, answer, was_successful=was_successful, now=now):
                raise not_found("query_id", "query")
            await rules.count_applications(transaction, owner, applied_rules, now)
            if answer.status == "executed":
                await self._count_success(transaction, owner, answer, query.signature, now)
            said = QueryExecuted if answer.status == "executed" else QueryFailed
            event = said(query_id=answer.query_id, data_source_id=answer.source_id)
            await self._outbox.emit(transaction, event, identity=owner)

    async def _count_success(
        self, transaction: Transaction, owner: Identity, answer: Answer, signature: str | None, now: datetime
    ) -> None:
        if signature is None:
            return
        questions = await grades.count_questions(transaction, owner, answer.source_id, signature)
        if after_success(questions, "candidate") == "verified":
            await grades.verify_by_success(transaction, owner, answer.source_id, signature, now)
