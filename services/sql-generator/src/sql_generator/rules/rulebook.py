"""The rules of one user for one data source: which hold for a question and a statement, and what they make of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from uuid import UUID

from sqlglot.errors import SqlglotError

from contracts.sql_generator import DatabaseSchema, Effect, ForbidReading, MaskColumn, Rule, Table, UsedRule
from sql_generator.generation.intents import intent_of
from sql_generator.rules.conditions import Judged, Statement, judged
from sql_generator.rules.conflicts import RuleEffects, clash, conflicts_of, precedence
from sql_generator.rules.enforcing import InForce, RuleBroken, enforce
from sql_generator.rules.names import find_column, find_table
from sql_generator.rules.reading import read
from sql_guard import Verdict
from sql_guard.parsing import SQLGLOT_FAULTS

MAX_SHOWN: Final = 20
_NO_SCHEMA: Final = DatabaseSchema(dialect="sqlite", tables=())
ASKED: Final = "asked of the model"


@dataclass(frozen=True, slots=True)
class Applied:
    """A statement under the rules: its text, and what each rule did, by id."""

    sql: str
    done: dict[UUID, str] = field(default_factory=dict)


class RuleBook:
    """Active rules for one question; of two that cannot both hold, the one with the higher precedence does."""

    def __init__(self, rules: Sequence[Rule], question: str, schema: DatabaseSchema) -> None:
        self._rules = sorted(rules, key=precedence, reverse=True)
        self._question = question
        self._schema = schema

    @cached_property
    def shown(self) -> tuple[Rule, ...]:
        """The rules that apply or may apply, before there is a statement; the most important ones, for the model."""
        return self._possible[:MAX_SHOWN]

    @property
    def shows_all(self) -> bool:
        """Whether the model is shown all rules that may apply."""
        return len(self._possible) <= MAX_SHOWN

    @cached_property
    def _possible(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self._rules if self.judged(rule, Statement()).applies is not False)

    def used(self, done: Mapping[UUID, str], said: Collection[UUID] = ()) -> tuple[UsedRule, ...]:
        """What the rules did to a statement; those that the model said it followed were asked of it."""
        return tuple(
            UsedRule(
                rule_id=rule.rule_id,
                rule_name=rule.rule_name,
                rule_type=rule.rule_type,
                effect=done.get(rule.rule_id, ASKED),
            )
            for rule in self._rules
            if rule.rule_id in done or rule.rule_id in said
        )

    def judged(self, rule: Rule, statement: Statement) -> Judged:
        """Whether the rule applies to the question and the statement."""
        return judged(rule.conditions, self._question, statement, self._schema.dialect)

    @cached_property
    def effects(self) -> dict[UUID, tuple[Effect, ...]]:
        """What each rule does to statements of this schema, without effects on tables and columns that it lacks."""
        return {rule.rule_id: effects_of(rule, self._schema) for rule in self._rules}

    def without_covered_samples(self, schema: DatabaseSchema) -> DatabaseSchema:
        """The schema without sample values of columns that a rule masks or forbids: a model may repeat them."""
        covered = {
            (effect.table, effect.column)
            for effects in self.effects.values()
            for effect in effects
            if isinstance(effect, MaskColumn | ForbidReading)
        }
        if not covered:
            return schema

        def shown(table: Table) -> Table:
            columns = tuple(
                column.model_copy(update={"samples": ()})
                if (table.name, column.name) in covered or (table.name, None) in covered
                else column
                for column in table.columns
            )
            return table.model_copy(update={"columns": columns})

        return schema.model_copy(update={"tables": tuple(map(shown, schema.tables))})

    def applies_itself(self, rule: Rule) -> bool:
        """Whether all that the rule says is done to the statement here, so that no model need do it."""
        return bool(self.effects[rule.rule_id])

    def apply(self, verdict: Verdict) -> Applied:
        """What the rules make of a query that the guard allowed; the guard has to judge the result again.

        Raises:
            RuleBroken: the query does what a rule does not allow, or cannot be put under the rules.
        """
        held, beaten = self.in_force(self.statement(verdict.sql, verdict.tables))
        try:
            enforced = enforce(verdict.sql, self._schema, held)
        except (SqlglotError, RecursionError, *SQLGLOT_FAULTS) as error:
            raise RuleBroken("the statement cannot be put under the rules: write it in a simpler way") from error
        for winner, loser in beaten:
            if winner.rule_id in enforced.done:
                enforced.note(winner, f"in place of the rule {loser.rule_name!r}, which conflicts with it")
        return Applied(enforced.sql, {rule_id: "; ".join(what) for rule_id, what in enforced.done.items()})

    def statement(self, sql: str, tables: Collection[str]) -> Statement:
        """What conditions ask of a query that reads these tables."""
        try:
            intent = intent_of(sql, self._schema.dialect)
        except (RecursionError, *SQLGLOT_FAULTS):
            intent = None
        return Statement(tables, intent)

    def in_force(self, statement: Statement) -> tuple[list[InForce], list[tuple[Rule, Rule]]]:
        """The effects that hold, and the rules that gave way (the winner first)."""
        held: list[InForce] = []
        beaten: dict[tuple[UUID, UUID], tuple[Rule, Rule]] = {}
        for rule in self._rules:
            # What cannot be told of the statement does not keep a rule from applying.
            if self.judged(rule, statement).applies is False:
                continue
            for effect in self.effects[rule.rule_id]:
                winner = next((each.rule for each in held if clash(each.effect, effect) is not None), None)
                if winner is None:
                    held.append(InForce(rule, effect))
                elif winner.rule_id != rule.rule_id:
                    beaten[winner.rule_id, rule.rule_id] = (winner, rule)
        return held, list(beaten.values())


def effects_of(rule: Rule, schema: DatabaseSchema) -> tuple[Effect, ...]:
    """A rule's own effects, else those that its words say for sure, with the names of the schema."""
    found = rule.effects or read(rule.rule_content, schema)
    return tuple(bound for effect in found if (bound := _bound(effect, schema)) is not None)


def _bound(effect: Effect, schema: DatabaseSchema) -> Effect | None:
    name = getattr(effect, "table", None)
    if name is None:
        return effect
    table = find_table(schema, name)
    if table is None:
        return None
    wanted = getattr(effect, "column", None)
    if wanted is None:
        return effect.model_copy(update={"table": table.name})
    column = find_column(table, wanted)
    return None if column is None else effect.model_copy(update={"table": table.name, "column": column.name})


def with_conflicts(found: Sequence[Rule], active: Sequence[Rule], schema: DatabaseSchema | None) -> list[Rule]:
    """The rules with the active ones that cannot hold together with them; retired rules conflict with nothing."""
    known = schema or _NO_SCHEMA
    others = [RuleEffects(rule, _effects_for_sure(rule, known)) for rule in active]
    return [
        rule.model_copy(
            update={"conflicts_with": conflicts_of(RuleEffects(rule, _effects_for_sure(rule, known)), others)}
        )
        if rule.status != "retired"
        else rule
        for rule in found
    ]


def _effects_for_sure(rule: Rule, schema: DatabaseSchema) -> tuple[Effect, ...]:
    return rule.effects or read(rule.rule_content, schema)
