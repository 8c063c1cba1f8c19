"""Answering questions with SQL, and running it."""

import asyncio
import math
from collections.abc import Collection
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prometheus_client import Counter

from contracts.identity import Identity
from contracts.sql_generator import (
    Answer,
    Generate,
    QueryRecord,
    QueryRef,
)
from persistence import Database
from sql_generator.connections import Connections
from sql_generator.domain.charts import chart_for
from sql_generator.errors import conflict, not_found, unavailable
from sql_generator.generation.model import ModelUnavailable
from sql_generator.progress import Reporter, report
from sql_generator.repository import patterns
from sql_generator.repository.data_sources import StoredSource
from sql_generator.repository.patterns import Pattern, StoredQuery
from sql_generator.rules.rulebook import ASKED, RuleBook
from sql_generator.use_cases.accounts import Accounts, Meter
from sql_generator.use_cases.answers import answer_of, pattern_of, was_successful, which_source
from sql_generator.use_cases.context import ContextGatherer, Gathered
from sql_generator.use_cases.data_sources import DataSourceUseCases
from sql_generator.use_cases.precedents import Precedents
from sql_generator.use_cases.recommending import Recommending
from sql_generator.use_cases.recording import Recorder
from sql_generator.use_cases.rulebooks import rulebook
from sql_generator.use_cases.writing import Run, Writer, Written, judge, refusal

QUERIES = Counter("memori_queries_total", "Questions by what came of them", ("status",))

_RETRY_SECONDS = 5
# From the request to the answer, so that it comes before whoever asked stops waiting.
_SECONDS = 80.0


class QueryUseCases:
    """The verbs of queries. Without a recorder nothing is kept: neither the question nor what came of it.

    Without precedents nothing that was verified is reused.
    """

    def __init__(
        self,
        database: Database,
        sources: DataSourceUseCases,
        recommending: Recommending,
        connections: Connections,
        gatherer: ContextGatherer,
        writer: Writer,
        accounts: Accounts,
        recorder: Recorder | None,
        precedents: Precedents | None,
        reporter: Reporter,
    ) -> None:
        self._database = database
        self._sources = sources
        self._recommending = recommending
        self._connections = connections
        self._gatherer = gatherer
        self._writer = writer
        self._accounts = accounts
        self._recorder = recorder
        self._precedents = precedents
        self._reporter = reporter

    async def generate(self, request: Generate, owner: Identity) -> Answer:
        """SQL for a question, run when that was asked for. The same query id again gets the answer it got."""
        with self._reporter.following(request.progress_id):
            return await self._generate(request, owner)

    async def _generate(self, request: Generate, owner: Identity) -> Answer:
        began, deadline = datetime.now(UTC), asyncio.get_running_loop().time() + _SECONDS
        if (earlier := await self._earlier(request, owner)) is not None:
            return earlier
        choice = await self._recommending.choose(request, owner)
        if (stored := choice.stored) is None:
            QUERIES.labels("abstained").inc()
            return which_source(request, choice)
        await report("source")
        schema = await self._sources.schema_of(stored, owner)
        if request.conversation_id is not None:
            await self._gatherer.require_conversation(request.conversation_id, owner)
        await report("context")
        gathered = await self._gatherer.gather(
            request.question, stored.source.data_source_id, owner, asked_in=request.conversation_id
        )
        rules = RuleBook(gathered.rules, request.question, schema)
        context = gathered.context(rules, request.question, schema)
        precedent = await self._precedents.find(request, gathered, schema, owner) if self._precedents else None
        meter = self._accounts.meter(owner, began)
        try:
            async with AsyncExitStack() as stack:
                source = await self._connections.reachable_source(stack, stored, owner)
                written = await self._writer.write(
                    meter, context, rules, source, execute=request.execute, deadline=deadline, precedent=precedent
                )
        except ModelUnavailable as error:
            await self._keep_unanswered(request, stored, gathered, rules, meter, str(error), owner, began)
            retry_after = math.ceil(error.retry_after) if error.retry_after else _RETRY_SECONDS
            raise unavailable(str(error), retry_after) from error
        answer = answer_of(request, stored, gathered, rules, written, meter)
        answer = answer.model_copy(update={"recommended_sources": choice.candidates})
        QUERIES.labels(answer.status).inc()
        if not await self._kept(pattern_of(answer, written, gathered, schema), owner, began):
            # The same request came twice, and the other one was faster: both get the same answer.
            if (earlier := await self._earlier(request, owner)) is None:
                raise not_found("query_id", "query")
            return earlier
        return answer

    async def execute(self, request: QueryRef, owner: Identity) -> Answer:
        """Run the SQL of a query; when it fails, the answer says why.

        Raises:
            ProblemError: there is no such query, or none of its statements passed (`conflict`).
        """
        query = await self._find(request.query_id, owner)
        if query is None:
            raise not_found("query_id", "query")
        if query.drafted is None or query.answer is None:
            raise conflict(f"the query was {query.status}: it has no SQL to run")
        ran, under_rules, applied = await self._run(query, query.drafted, query.answer, owner)
        answer = query.answer.model_copy(
            update={
                "status": "executed" if ran.result is not None else "failed",
                "reason": ran.error,
                "result": ran.result,
                "chart": chart_for(ran.result) if ran.result else None,
                **under_rules,
            }
        )
        QUERIES.labels(answer.status).inc()
        if self._recorder is not None:
            await self._recorder.execution(
                query, answer, owner, was_successful=was_successful(ran), applied_rules=applied
            )
        return answer

    async def get(self, request: QueryRef, owner: Identity) -> QueryRecord:
        """A query as it is kept."""
        query = await self._find(request.query_id, owner)
        if query is None:
            raise not_found("query_id", "query")
        stored = await self._sources.stored(query.data_source_id, owner)
        return QueryRecord(
            query_id=query.query_id,
            data_source_id=query.data_source_id,
            dialect=stored.source.kind,
            question=query.question,
            sql=query.drafted,
            status=query.status,
        )

    async def _earlier(self, request: Generate, owner: Identity) -> Answer | None:
        """The answer that this query id got, with rows when they are asked for; None when it has none yet.

        Raises:
            ProblemError: the id was used for another question, or for the same one of another source (`conflict`).
        """
        query = await self._find(request.query_id, owner)
        if query is None:
            return None
        asked = query.answer.question if query.answer else query.question
        if asked != request.question or request.data_source_id not in {None, query.data_source_id}:
            raise conflict("this query id was used for another question")
        if query.answer is None:
            return None
        return await self._again(query, query.answer, owner, execute=request.execute)

    async def _again(self, query: StoredQuery, answer: Answer, owner: Identity, *, execute: bool) -> Answer:
        # Rows are not kept, so whoever asks for them again has the statement run again.
        if execute and answer.status in {"generated", "executed"}:
            return await self.execute(QueryRef(query_id=query.query_id), owner)
        return answer

    async def _run(
        self, query: StoredQuery, drafted: str, answer: Answer, owner: Identity
    ) -> tuple[Run, dict[str, Any], Collection[UUID]]:
        """What running a query again came to, what of its answer the rules of today change, and the rules that did."""
        stored = await self._sources.stored(query.data_source_id, owner)
        schema = await self._sources.schema_of(stored, owner)
        rules = await rulebook(self._database, owner, query.data_source_id, question=query.question, schema=schema)
        # What passed once is judged again: tables may have gone, the guard may have learned, and rules change.
        judgement = await judge(drafted, schema, rules)
        if not judgement.verdict.allowed:
            return Run(error=refusal(judgement.verdict), is_statements_fault=True), {}, ()
        asked = [used.rule_id for used in answer.rules if used.effect == ASKED]
        changes = {"sql": judgement.verdict.sql, "rules": rules.used(judgement.done, asked)}
        async with AsyncExitStack() as stack:
            source = await self._connections.reachable_source(stack, stored, owner)
            return await self._writer.run(judgement.verdict.sql, source), changes, judgement.done.keys()

    async def _find(self, query_id: UUID, owner: Identity) -> StoredQuery | None:
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            return await patterns.find(transaction, owner, query_id)

    async def _kept(self, pattern: Pattern, owner: Identity, began: datetime) -> bool:
        return self._recorder is None or await self._recorder.question(pattern, owner, began=began)

    async def _keep_unanswered(
        self,
        request: Generate,
        stored: StoredSource,
        gathered: Gathered,
        rules: RuleBook,
        meter: Meter,
        reason: str,
        owner: Identity,
        began: datetime,
    ) -> None:
        """Keep that the question failed, in a way that lets it be asked again under its id."""
        QUERIES.labels("failed").inc()
        answer = answer_of(request, stored, gathered, rules, Written("failed", reason=reason), meter)
        pattern = Pattern(answer, None, (), (), was_successful=False, embedding=gathered.embedding, is_final=False)
        await self._kept(pattern, owner, began)
