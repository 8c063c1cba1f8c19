"""What people say of answers: scores move their trust, corrected SQL takes their place."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from uuid import UUID, uuid5

from contracts.events import QueryRated
from contracts.identity import Identity
from contracts.sql_generator import Answer, DatabaseSchema, QueryDetail, Rate, Rated, UsedRule
from messaging import Outbox
from persistence import Database, Transaction
from sql_generator.connections import Connections
from sql_generator.domain.trust import after_rating
from sql_generator.domain.used_names import used_names
from sql_generator.errors import conflict, invalid, not_found
from sql_generator.generation.intents import intent_of
from sql_generator.generation.model import Draft, GenerationContext
from sql_generator.repository import grades, history, patterns
from sql_generator.repository.grades import Given, Grade
from sql_generator.repository.patterns import Pattern
from sql_generator.use_cases.data_sources import DataSourceUseCases
from sql_generator.use_cases.recording import Recorder
from sql_generator.use_cases.rulebooks import rulebook
from sql_generator.use_cases.writing import Judgement, Writer, Written, judge

# From the request to the answer, so that it comes before whoever asked stops waiting.
_SECONDS = 80.0
_PERSON = "person"


class FeedbackUseCases:
    """Takes feedback on queries. Without a recorder nothing is kept, so there is nothing to rate."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        sources: DataSourceUseCases,
        connections: Connections,
        writer: Writer,
        recorder: Recorder | None,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._sources = sources
        self._connections = connections
        self._writer = writer
        self._recorder = recorder

    async def rate(self, request: Rate, owner: Identity) -> Rated:
        """The query as it is trusted now, and the answer that the corrected SQL is.

        Raises:
            ProblemError: there is no such query, or its corrected SQL may not run or cannot (`invalid`).
        """
        if self._recorder is None:
            raise conflict("nothing is kept of queries here: MEMORI_ENABLED is false")
        began = datetime.now(UTC)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            query = await _found(transaction, owner, request.query_id)
        correction = await self._correction(query, request, owner)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            before = await _found(transaction, owner, request.query_id, lock=True)
            await self._recorder.hold(transaction, owner, before.source_id, began)
            await history.rate(transaction, owner, request)
            if correction is not None:
                await self._correct(self._recorder, transaction, owner, before, correction, began)
            elif (trust := _trust_after(before, request)) == "verified":
                await grades.verify(transaction, owner, Given.by(before), began)
            elif trust == "deprecated":
                await grades.deprecate(transaction, owner, Given.by(before))
            after = await _found(transaction, owner, request.query_id)
            if after != before:
                await self._outbox.emit(transaction, _rated(after), identity=owner)
        return Rated(query=after, correction=correction.answer if correction else None)

    async def _correction(self, query: QueryDetail, request: Rate, owner: Identity) -> Pattern | None:
        """What the corrected SQL came to; None where there is none, or it says what the query said already."""
        if request.corrected_sql is None:
            return None
        stored = await self._sources.stored(query.source_id, owner)
        schema = await stored.schema()
        if schema is None:
            raise conflict("the data source has not been synced yet")
        rules = await rulebook(self._database, owner, query.source_id, question=query.question, schema=schema)
        judgement = await judge(request.corrected_sql, schema, rules)
        if not judgement.verdict.allowed:
            raise invalid("corrected_sql", judgement.verdict.reason)
        sql = judgement.drafted
        if query.sql in {sql, judgement.verdict.sql}:
            return None
        draft = Draft(sql, "A person wrote this SQL.", intent_of(sql, schema.dialect), 1.0)
        deadline = asyncio.get_running_loop().time() + _SECONDS
        async with AsyncExitStack() as stack:
            source = await self._connections.reachable_source(stack, stored, owner)
            context = GenerationContext(query.question, schema)
            written, failed = await self._writer.check(
                draft, context, rules, source, execute=request.execute, deadline=deadline
            )
        if failed is not None or written.judgement is None:
            raise invalid("corrected_sql", failed.error if failed else written.reason or "it may not run")
        used = rules.used(written.judgement.done)
        return _pattern(query, draft, written, written.judgement, used, schema)

    async def _correct(
        self,
        recorder: Recorder,
        transaction: Transaction,
        owner: Identity,
        query: QueryDetail,
        correction: Pattern,
        began: datetime,
    ) -> None:
        """Have the correction stand in the place of the answer, and of an earlier correction of it."""
        right = correction.answer
        grade = Grade("verified", "person", began, was_modified=True)
        if await recorder.keep(transaction, owner, correction, grade, began=began):
            await patterns.copy_embedding(transaction, owner, query.query_id, right.query_id)
        await grades.verify(transaction, owner, Given.by(right), began)
        earlier = await history.detail(transaction, owner, query.superseded_by) if query.superseded_by else None
        for wrong in (query, earlier):
            if wrong is not None and wrong.query_id != right.query_id:
                await grades.supersede(transaction, owner, Given.by(wrong), right.query_id)


async def _found(transaction: Transaction, owner: Identity, query_id: UUID, *, lock: bool = False) -> QueryDetail:
    found = await history.detail(transaction, owner, query_id, lock=lock)
    if found is None:
        raise not_found("query_id", "query")
    return found


def _pattern(
    query: QueryDetail,
    draft: Draft,
    written: Written,
    judgement: Judgement,
    rules: tuple[UsedRule, ...],
    schema: DatabaseSchema,
) -> Pattern:
    used = used_names(judgement.verdict, schema)
    result = written.run.result if written.run else None
    answer = Answer(
        # The same correction again is the same query.
        query_id=uuid5(query.query_id, judgement.drafted),
        question=query.question,
        question_in_full=query.question_in_full,
        data_source_id=query.data_source_id,
        conversation_id=query.conversation_id,
        status="executed" if result else "generated",
        sql=judgement.verdict.sql,
        explanation=draft.explanation,
        intent=draft.intent,
        confidence=draft.confidence,
        model=_PERSON,
        rules=rules,
        reason=written.reason,
        degraded=() if written.is_explained else ("source",),
        result=result,
    )
    return Pattern(
        answer=answer,
        signature=judgement.signature,
        tables=used.tables,
        columns=used.columns,
        was_successful=True if result else None,
        embedding=None,
        drafted=judgement.drafted,
    )


def _trust_after(query: QueryDetail, said: Rate) -> str:
    """What the query is to be trusted. SQL that somebody sent back as it was is right, unless the score says no."""
    if said.score is not None:
        trust = after_rating(said.score, query.trust)
    else:
        trust = "verified" if said.corrected_sql is not None else query.trust
    return query.trust if trust == "verified" and query.superseded_by is not None else trust


def _rated(query: QueryDetail) -> QueryRated:
    return QueryRated(
        query_id=query.query_id,
        data_source_id=query.data_source_id,
        score=query.score,
        trust=query.trust,
        superseded_by=query.superseded_by,
    )
