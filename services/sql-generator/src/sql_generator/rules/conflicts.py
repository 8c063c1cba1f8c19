"""Effects that cannot hold together, and rules that want opposite things."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.sql_generator import (
    Effect,
    FilterRows,
    ForbidReading,
    LimitRows,
    MaskColumn,
    RequireCondition,
    RoundNumbers,
    Rule,
    RuleConflict,
    Value,
)
from sql_generator.generation.words import stem, words
from sql_generator.rules.names import folded

_WORD: Final = re.compile(r"[^\W_]+")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")
_NEGATIONS: Final = frozenset(
    ("never", "not", "no", "don", "t", "dont", "without", "avoid", "dislike", "dislikes", "hate", "hates")
)
# What says that something is wanted, of whom or of what in general, but not what.
_FILLERS: Final = words(
    "the a an user i we prefer prefers like likes want wants use uses using always please do does should must for in "
    "on of to all every each any table query statement sql be is are have with"
)


@dataclass(frozen=True, slots=True)
class RuleEffects:
    """A rule with what it does: its own effects, or those read in its words."""

    rule: Rule
    effects: tuple[Effect, ...]


def conflicts_of(one: RuleEffects, others: Sequence[RuleEffects]) -> tuple[RuleConflict, ...]:
    """The rules among the others that cannot hold together with this one where both apply."""
    found = []
    for other in others:
        reason = None if other.rule.rule_id == one.rule.rule_id else _clash_of_rules(one, other)
        if reason is not None:
            wins = precedence(other.rule) > precedence(one.rule)
            found.append(
                RuleConflict(rule_id=other.rule.rule_id, rule_name=other.rule.rule_name, reason=reason, wins=wins)
            )
    return tuple(found)


def precedence(rule: Rule) -> tuple[int, float, int]:
    """Of two rules the one with the higher precedence holds: by priority, then by age, the newer first."""
    return rule.priority, rule.created_at.timestamp(), rule.rule_id.int


def _clash_of_rules(one: RuleEffects, other: RuleEffects) -> str | None:
    if not _may_apply_together(one.rule, other.rule):
        return None
    for first in one.effects:
        for second in other.effects:
            if (reason := clash(first, second)) is not None:
                return reason
    return _opposite_words(one.rule.rule_content, other.rule.rule_content)


def _may_apply_together(one: Rule, other: Rule) -> bool:
    sources = {one.data_source_id, other.data_source_id} - {None}
    intents = {one.conditions.intent, other.conditions.intent} - {None}
    return len(sources) <= 1 and len(intents) <= 1


def _opposite_words(one: str, other: str) -> str | None:
    """Two sentences of the same words, one of which has a "never" or "not"."""
    (first, denied), (second, also_denied) = _subject(one), _subject(other)
    if first and first == second and denied != also_denied:
        return f"one wants what the other does not: {' '.join(sorted(first))}"
    return None


def _subject(text: str) -> tuple[frozenset[str], bool]:
    said = [word.casefold() for word in _WORD.findall(text)]
    subject = frozenset(stem(word) for word in said if word not in _NEGATIONS)
    return subject - _FILLERS, not _NEGATIONS.isdisjoint(said)


def clash(one: Effect, other: Effect) -> str | None:
    """Why two effects cannot hold together; None where they can."""
    return _ordered_clash(one, other) or _ordered_clash(other, one)


def _ordered_clash(one: Effect, other: Effect) -> str | None:
    reason = None
    match one, other:
        case FilterRows(), FilterRows() if _same_column(one, other) and not _satisfiable(one, other):
            reason = f"no value of {one.table}.{one.column} meets both conditions"
        case MaskColumn(), MaskColumn() if _same_column(one, other) and one.how != other.how:
            reason = f"{one.table}.{one.column} is masked in two ways: {one.how} and {other.how}"
        case ForbidReading(), MaskColumn(how="none") if _covers(one, other):
            reason = f"{other.table}.{other.column} is forbidden and shown"
        case ForbidReading(), RequireCondition() if _covers(one, other):
            reason = f"{other.table}.{other.column} is forbidden and required"
        case LimitRows(mode="default"), LimitRows(mode="default") if one.rows != other.rows:
            reason = f"two default limits: {one.rows} and {other.rows}"
        case RoundNumbers(), RoundNumbers() if one.decimals != other.decimals:
            reason = f"two numbers of decimals: {one.decimals} and {other.decimals}"
    return reason


def _same_column(one: FilterRows | MaskColumn, other: FilterRows | MaskColumn) -> bool:
    return folded(one.table) == folded(other.table) and folded(one.column) == folded(other.column)


def _covers(forbidden: ForbidReading, other: MaskColumn | RequireCondition) -> bool:
    same_table = folded(forbidden.table) == folded(other.table)
    return same_table and (forbidden.column is None or folded(forbidden.column) == folded(other.column))


def _satisfiable(one: FilterRows, other: FilterRows) -> bool:
    """Whether some value meets both conditions, as far as that can be told: true where it cannot."""
    operators = {one.operator, other.operator}
    if "is null" in operators:
        return not operators - {"is null", "<>", "not in"}
    for first, second in ((one, other), (other, one)):
        if first.operator in {"=", "in"}:
            return any(_meets(value, second) for value in first.values)
    return _overlap(one, other)


def _overlap(one: FilterRows, other: FilterRows) -> bool:
    """Whether two comparisons with bounds leave something between them."""
    above = next((each for each in (one, other) if each.operator in {">", ">="}), None)
    below = next((each for each in (one, other) if each.operator in {"<", "<="}), None)
    if above is None or below is None:
        return True
    order = _compared(above.values[0], below.values[0])
    is_closed = above.operator == ">=" and below.operator == "<="
    return order is None or order < 0 or (order == 0 and is_closed)


def _meets(value: Value, condition: FilterRows) -> bool:
    if condition.operator in {"=", "in"}:
        return value in condition.values
    if condition.operator in {"<>", "not in"}:
        return value not in condition.values
    order = _compared(value, condition.values[0]) if condition.values else None
    if order is None:
        return True
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[condition.operator]


def _is_date(value: Value) -> bool:
    return isinstance(value, str) and _DATE.match(value) is not None


def _compared(one: Value, other: Value) -> int | None:
    """-1, 0 or 1; None for values of two kinds, whose order is the engine's to say."""
    if isinstance(one, str) or isinstance(other, str):
        # Of text only dates are in the same order everywhere; the rest depends on the collation.
        if not (_is_date(one) and _is_date(other)):
            return None
        one, other = str(one), str(other)
        return (one > other) - (one < other)
    return (one > other) - (one < other)
