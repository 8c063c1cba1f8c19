"""Which rules apply to a question and to a statement, and why."""

import asyncio
from collections.abc import Sequence

from contracts.identity import Identity
from contracts.sql_generator import (
    DatabaseSchema,
    MatchedRule,
    MatchRules,
    Rule,
    RuleMatches,
)
from messaging import paging
from persistence import Database
from sql_generator.errors import conflict
from sql_generator.repository import rules
from sql_generator.rules.conditions import Statement
from sql_generator.rules.rulebook import RuleBook, effects_of
from sql_generator.use_cases.data_sources import DataSourceUseCases
from sql_generator.use_cases.writing import Judgement, judge, refusal

_WHY_NOT = {
    "proposed": "it waits for confirmation",
    "retired": "it is retired",
}
_ONLY_ASKED = "what it does cannot be read in its words for sure: it is asked of the model"
_NOTHING_THERE = "the data source has no table or column of that name"


class RuleMatching:
    """Judges the rules of a user."""

    def __init__(self, database: Database, sources: DataSourceUseCases) -> None:
        self._database = database
        self._sources = sources

    async def match(self, request: MatchRules, owner: Identity) -> RuleMatches:
        """All rules for the data source, judged, and what they make of the statement if there is one.

        Raises:
            ProblemError: there is no such data source, or it has not been synced yet (`conflict`).
        """
        source_id = request.data_source_id
        stored = await (self._sources.stored(source_id, owner) if source_id else self._sources.only(owner))
        source_id = stored.source.data_source_id
        schema = await stored.schema()
        if schema is None:
            raise conflict("the data source has not been synced yet")
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await rules.for_source(transaction, owner, source_id, limit=rules.MAX_ACTIVE)
        book = RuleBook([rule for rule in found if rule.status == "active"], request.question, schema)
        judgement = await judge(request.sql, schema, book) if request.sql else None
        matched = await asyncio.to_thread(
            _matched, found, book, schema, _statement(request, book, judgement), judgement
        )
        refused = judgement is not None and not judgement.verdict.allowed
        return RuleMatches(
            data_source_id=source_id,
            rules=paging.fitting(matched, reserved=len(judgement.verdict.sql.encode()) if judgement else 0),
            sql=judgement.verdict.sql if judgement and not refused else None,
            refused=refusal(judgement.verdict) if judgement and refused else None,
        )


def _statement(request: MatchRules, book: RuleBook, judgement: Judgement | None) -> Statement:
    if judgement is not None and judgement.verdict.allowed:
        return book.statement(judgement.drafted, judgement.verdict.tables)
    return Statement(request.tables or None)


def _matched(
    found: Sequence[Rule], book: RuleBook, schema: DatabaseSchema, statement: Statement, judgement: Judgement | None
) -> list[MatchedRule]:
    _, beaten = book.in_force(statement)
    gave_way = {loser.rule_id: winner for winner, loser in beaten}
    done = judgement.done if judgement is not None else {}
    return [
        _judged(rule, book, schema, statement, gave_way.get(rule.rule_id), done.get(rule.rule_id, "")) for rule in found
    ]


def _judged(
    rule: Rule, book: RuleBook, schema: DatabaseSchema, statement: Statement, winner: Rule | None, effect: str
) -> MatchedRule:
    effects = effects_of(rule, schema)
    judged = book.judged(rule, statement)
    reasons = list(judged.reasons)
    if rule.status != "active":
        reasons.append(_WHY_NOT[rule.status])
    if winner is not None:
        reasons.append(f"it gives way to the rule {winner.rule_name!r}, which conflicts with it")
    if not effects:
        reasons.append(_NOTHING_THERE if rule.effects else _ONLY_ASKED)
    return MatchedRule(
        rule_id=rule.rule_id,
        rule_name=rule.rule_name,
        rule_type=rule.rule_type,
        priority=rule.priority,
        status=rule.status,
        applies=judged.applies if rule.status == "active" else False,
        reasons=tuple(reasons),
        effects=effects,
        effect=effect,
    )
