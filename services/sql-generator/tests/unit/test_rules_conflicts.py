"""Rules that cannot both hold."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sql_generator import (
    AliasTables,
    FilterRows,
    ForbidReading,
    LimitRows,
    MaskColumn,
    RequireCondition,
    RoundNumbers,
    Rule,
    RuleConditions,
)
from sql_generator.rules.conflicts import RuleEffects, clash, conflicts_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def where(operator, *values, column="status"):
    return FilterRows(table="orders", column=column, operator=operator, values=values)


def masked(how, table="customers"):
    return MaskColumn(table=table, column="email", how=how)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (where("=", "paid"), where("=", "void")),
        (where("=", "paid"), where("<>", "paid")),
        (where("=", "paid"), where("not in", "paid", "void")),
        (where("in", "paid", "void"), where("not in", "paid", "void")),
        (where("is null"), where("=", "paid")),
        (where("is null"), where("is not null")),
        (where(">", 5), where("<", 5)),
        (where(">=", 5), where("<", 5)),
        (where(">", "2026-01-01"), where("<", "2025-01-01")),
        (where("=", 3), where(">", 3)),
        (masked("full"), masked("hash")),
        (masked("full"), masked("none", table="Customers")),
        (ForbidReading(table="customers", column="email"), masked("none")),
        (ForbidReading(table="customers"), masked("none")),
        (ForbidReading(table="t", column="c"), RequireCondition(table="t", column="c")),
        (LimitRows(rows=10), LimitRows(rows=20)),
        (RoundNumbers(decimals=0), RoundNumbers(decimals=2)),
    ],
)
def test_effects_that_cannot_hold_together_clash(one, other):
    assert clash(one, other)
    assert clash(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (where("=", "paid"), where("=", "paid")),
        (where("=", "paid"), where("in", "paid", "void")),
        (where("<>", "paid"), where("<>", "void")),
        (where("is null"), where("<>", "paid")),
        (where("=", "paid"), where("=", "web", column="channel")),
        (where(">", 5), where("<", 7)),
        (where(">=", 5), where("<=", 5)),
        (where(">", "a"), where("<", "B")),  # whether something is between depends on the collation
        (masked("full"), masked("hash", table="suppliers")),
        (ForbidReading(table="customers", column="email"), masked("full")),
        (LimitRows(rows=10), LimitRows(rows=20, mode="maximum")),
        (AliasTables(), AliasTables()),
    ],
)
def test_effects_that_can_hold_together_do_not(one, other):
    assert clash(one, other) is None
    assert clash(other, one) is None


numbers = st.builds(
    where,
    st.sampled_from(["=", "<>", "<", "<=", ">", ">="]),
    st.integers(-3, 3),
)
COMPARE = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@given(numbers, numbers)
def test_two_conditions_on_numbers_clash_just_when_no_number_meets_both(one, other):
    # Halves, because columns of fractions have values between two integers.
    candidates = [half / 2 for half in range(-10, 11)]
    both = [
        each
        for each in candidates
        if COMPARE[one.operator](each, one.values[0]) and COMPARE[other.operator](each, other.values[0])
    ]
    assert (clash(one, other) is None) == bool(both)


def rule(content="a rule", *effects, age=0, **changes):
    made = NOW - timedelta(days=age)
    given = {"rule_id": uuid4(), "rule_name": content, "rule_type": "constraint", "rule_content": content}
    state = {"status": "active", "origin": "user", "application_count": 0, "last_applied_at": None}
    return RuleEffects(Rule(**{**given, **state, "created_at": made, "updated_at": made, **changes}), effects)


def test_the_higher_priority_wins_then_the_newer():
    high, new, old = (
        rule("high", LimitRows(rows=1), priority=200, age=9),
        rule("new", LimitRows(rows=2), age=1),
        rule("old", LimitRows(rows=3), age=5),
    )
    found = {conflict.rule_name: conflict.wins for conflict in conflicts_of(new, [high, new, old])}
    assert found == {"high": True, "old": False}


@pytest.mark.parametrize(
    "changes",
    [
        ({"data_source_id": uuid4()}, {"data_source_id": uuid4()}),
        ({"conditions": RuleConditions(intent="join")}, {"conditions": RuleConditions(intent="filter")}),
    ],
)
def test_rules_that_never_apply_together_do_not_conflict(changes):
    one, other = (rule("r", LimitRows(rows=number), **each) for number, each in enumerate(changes, 1))
    assert conflicts_of(one, [other]) == ()
    assert conflicts_of(one, [rule("r", LimitRows(rows=9))])


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        ("The user prefers aliases for all tables", "Never use aliases", True),
        ("Show dates as month names", "Do not show dates as month names", True),
        ("Show dates as month names", "Show dates as ISO dates", False),
        ("Never use aliases", "Avoid aliases", False),
        ("always", "never", False),
    ],
)
def test_words_that_want_and_do_not_want_the_same_conflict(one, other, conflict):
    assert bool(conflicts_of(rule(one), [rule(other)])) is conflict
