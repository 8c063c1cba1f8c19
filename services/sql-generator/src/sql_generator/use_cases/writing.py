"""Writing SQL for a question: the model drafts, the guard and the source check, errors go back to the model twice."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from prometheus_client import Counter

from contracts.sql_generator import Advice, DatabaseSchema, QueryResult, QueryStatus, ResultLimits
from sql_generator.domain.advice import advice_on
from sql_generator.domain.simplification import simplified
from sql_generator.domain.statements import asks_for_change, changes_data, is_query, signature
from sql_generator.generation.model import (
    Attempt,
    Draft,
    GenerationContext,
    ModelAnswerInvalid,
    ModelUnavailable,
    SqlModel,
)
from sql_generator.progress import report
from sql_generator.rules.enforcing import RuleBroken
from sql_generator.rules.rulebook import RuleBook
from sql_generator.sources import (
    Limits,
    Source,
    SourceUnreachable,
    StatementFailed,
    StatementTimedOut,
    one_line,
)
from sql_guard import Verdict, check

REPAIRS = Counter("memori_sql_repairs_total", "Answers that went back to the model")

MAX_REPAIRS = 2
_WRITING_SECONDS = 50.0
_EXPLAIN = Limits(seconds=10.0)
_SHOWN_SQL = 200
_LEAST_SECONDS = 0.1
_BROKEN = "rule_broken"
_AWAY = "the data source cannot be reached"
_NO_QUERY = "the answer must be a SELECT; EXPLAIN, PRAGMA, SHOW and DESCRIBE answer no question"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The guard's verdict on what may run, and what else the statement's text tells.

    `drafted` is the statement before the rules had their say: the one to learn from, and to put under the rules of
    another day. `done` says what each rule did to it.
    """

    verdict: Verdict
    changes: bool = False
    signature: str | None = None
    drafted: str = ""
    done: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of running a statement; `is_statements_fault` tells a bad statement from a source that is away."""

    result: QueryResult | None = None
    error: str | None = None
    is_statements_fault: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a question. `judgement` is that of the statement that passed; without one there is no SQL to run."""

    status: QueryStatus
    repairs: int = 0
    draft: Draft | None = None
    judgement: Judgement | None = None
    reason: str | None = None
    run: Run | None = None
    advice: tuple[Advice, ...] = ()
    is_explained: bool = True


class Writer:
    """Has a model write SQL until it passes, at most three times."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def write(
        self,
        model: SqlModel,
        context: GenerationContext,
        rules: RuleBook,
        source: Source | None,
        *,
        execute: bool,
        deadline: float,
        precedent: Draft | None = None,
    ) -> Written:
        """SQL for the question of `context` under the rules, run when `execute` says so.

        All of it happens by `deadline` (of the loop's clock).

        No model is asked where a `precedent` passes the same checks as a model's draft.

        Without a source, because it cannot be opened now, statements are neither explained nor run. A model that goes
        away before a repair leaves the question failed, for the reason that was to be repaired.

        Raises:
            ModelUnavailable: there is no answer to be had now.
        """
        drafted_by = min(asyncio.get_running_loop().time() + _WRITING_SECONDS, deadline)
        if precedent is not None:
            written, failed = await self.check(precedent, context, rules, source, execute=execute, deadline=deadline)
            if failed is None and written.judgement is not None:
                return written
        attempts: list[Attempt] = []
        written = Written("failed")
        for repairs in range(MAX_REPAIRS + 1):
            await (report("repairing", repair=repairs) if repairs else report("drafting"))
            try:
                draft = await _draft(model, replace(context, attempts=tuple(attempts)), drafted_by)
            except ModelAnswerInvalid as error:
                written = Written("failed", repairs=repairs, reason=f"the model's answer could not be read: {error}")
                attempts.append(Attempt(sql="", error=str(error)))
            except ModelUnavailable as error:
                if not attempts:
                    raise
                return replace(written, reason=f"{written.reason}; the model could not repair it: {error}")
            else:
                written, attempt = await self.check(draft, context, rules, source, execute=execute, deadline=deadline)
                written = replace(written, repairs=repairs)
                if attempt is None:
                    break
                attempts.append(attempt)
            if repairs < MAX_REPAIRS:
                REPAIRS.inc()
        return written

    async def check(
        self,
        draft: Draft,
        context: GenerationContext,
        rules: RuleBook,
        source: Source | None,
        *,
        execute: bool,
        deadline: float,
    ) -> tuple[Written, Attempt | None]:
        """What a draft comes to, whoever wrote it, and what is to be repaired, if that may help."""
        if draft.sql is None:
            return _declined(draft, context.question), None
        await report("checking")
        judgement = await judge(draft.sql, context.schema, rules)
        if judgement.verdict.allowed and not is_query(judgement.verdict.sql):
            failed = Written("failed", draft=draft, reason=f"the model's statement is no query: {_NO_QUERY}")
            return failed, Attempt(sql=judgement.verdict.sql, error=_NO_QUERY)
        if judgement.verdict.allowed:
            return await self._try(draft, judgement, context.schema, source, execute=execute, deadline=deadline)
        reason = judgement.verdict.reason
        if judgement.changes:
            shown = one_line(draft.sql[:_SHOWN_SQL])
            return Written("refused", draft=draft, reason=f"{reason}; the model wrote: {shown}"), None
        failed = Written("failed", draft=draft, reason=refusal(judgement.verdict))
        return failed, Attempt(sql=draft.sql, error=f"refused: {reason}")

    async def _try(
        self,
        draft: Draft,
        judgement: Judgement,
        schema: DatabaseSchema,
        source: Source | None,
        *,
        execute: bool,
        deadline: float,
    ) -> tuple[Written, Attempt | None]:
        sql = judgement.verdict.sql
        full_scans: tuple[str, ...] = ()
        away = None if source is not None else _AWAY
        try:
            if source is not None:
                full_scans = await source.explain(sql, _until(deadline, _EXPLAIN))
        except StatementFailed as error:
            failed = Written("failed", draft=draft, reason=f"the statement is not valid: {error.detail}")
            return failed, Attempt(sql=judgement.drafted, error=error.detail)
        except (SourceUnreachable, StatementTimedOut) as error:
            away = error.detail
        advice = await asyncio.to_thread(advice_on, sql, schema, full_scans)
        written = Written("generated", draft=draft, judgement=judgement, advice=advice, is_explained=away is None)
        if not execute:
            return written, None
        ran = Run(error=away) if away is not None else await self.run(sql, source, deadline=deadline)
        if ran.error is None:
            return replace(written, status="executed", run=ran), None
        failed = replace(written, status="failed", run=ran, reason=ran.error)
        return failed, Attempt(sql=judgement.drafted, error=ran.error) if ran.is_statements_fault else None

    async def run(self, sql: str, source: Source | None, *, deadline: float = math.inf) -> Run:
        """Run a statement that the guard rendered, within the limits and by the deadline."""
        if source is None:
            return Run(error=_AWAY)
        await report("executing")
        try:
            result = await source.execute(sql, _until(deadline, self._limits))
        except StatementFailed as error:
            return Run(error=error.detail, is_statements_fault=True)
        except (SourceUnreachable, StatementTimedOut) as error:
            return Run(error=error.detail)
        caps = ResultLimits(**asdict(self._limits))
        return Run(result=result.model_copy(update={"limits": caps, "read_at": result.read_at or datetime.now(UTC)}))


async def _draft(model: SqlModel, context: GenerationContext, deadline: float) -> Draft:
    try:
        async with asyncio.timeout_at(deadline):
            return await model.draft(context)
    except TimeoutError:
        raise ModelUnavailable(f"{model.name}: no usable statement in time") from None


def _until(deadline: float, limits: Limits) -> Limits:
    left = deadline - asyncio.get_running_loop().time()
    return replace(limits, seconds=max(_LEAST_SECONDS, min(limits.seconds, left)))


async def judge(sql: str, schema: DatabaseSchema, rules: RuleBook) -> Judgement:
    """The guard's verdict on a statement as the rules want it: whatever runs on a source comes from here.

    Parsing takes up to tens of milliseconds, so it happens on a thread.
    """
    return await asyncio.to_thread(_judge, sql, schema, rules)


def _judge(sql: str, schema: DatabaseSchema, rules: RuleBook) -> Judgement:
    dialect, relations = schema.dialect, frozenset(table.name for table in schema.tables)
    verdict = check(sql, dialect, relations=relations)
    if not verdict.allowed:
        too_long = verdict.code in {"too_large", "too_deep", "too_complex"}
        return Judgement(verdict, changes=not too_long and changes_data(sql, dialect))
    if (simpler := simplified(verdict.sql, dialect)) != verdict.sql:
        again = check(simpler, dialect, relations=relations)
        verdict = again if again.allowed else verdict
    drafted, its_signature = verdict.sql, signature(verdict.sql, dialect)
    if not is_query(drafted):
        return Judgement(verdict, signature=its_signature, drafted=drafted)
    try:
        applied = rules.apply(verdict)
    except RuleBroken as broken:
        return Judgement(Verdict(allowed=False, reason=str(broken), code=_BROKEN))
    if applied.done:
        verdict = check(applied.sql, dialect, relations=relations)
    return Judgement(verdict, signature=its_signature, drafted=drafted, done=applied.done)


def refusal(verdict: Verdict) -> str:
    """Why a statement may not run, and who says so."""
    return verdict.reason if verdict.code == _BROKEN else f"the guard refused the statement: {verdict.reason}"


def _declined(draft: Draft, question: str) -> Written:
    if asks_for_change(question):
        return Written("refused", draft=draft, reason="data is only read here, never changed")
    return Written("abstained", draft=draft, reason=draft.explanation or draft.clarifying_question)
