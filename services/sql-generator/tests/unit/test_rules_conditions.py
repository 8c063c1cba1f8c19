"""Whether a rule applies to a question and a statement, and why."""

import pytest

from contracts.sql_generator import RuleConditions
from sql_generator.rules.conditions import Statement, judged


def applies(question="How many orders?", statement=Statement(), **conditions):  # noqa: B008  # it is frozen
    return judged(RuleConditions(**conditions), question, statement, "postgres").applies


def test_a_rule_without_conditions_always_applies():
    assert applies() is True


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sale",), True),
        (("refund", "SALES"), True),
        (("net sales",), False),
        (("may sales",), True),
    ],
)
def test_words_are_looked_for_in_singular_and_plural(words, expected):
    assert applies("What were our Sales in May?", words=words) is expected


@pytest.mark.parametrize(
    ("read", "expected"), [(None, None), ((), False), (("Orders",), True), (("sales.orders",), False)]
)
def test_tables_are_known_from_the_statement_on(read, expected):
    assert applies(statement=Statement(tables=read), tables=("public.orders", "refunds")) is expected


def test_all_conditions_must_hold():
    statement = Statement(tables=("orders",), intent="join")
    assert applies(statement=statement, tables=("orders",), intent="join", words=("order",)) is True
    assert applies(statement=statement, tables=("orders",), intent="filter") is False
    assert applies(intent="join", words=("refund",)) is False
    assert applies(intent="join", words=("order",)) is None


def test_every_condition_says_why():
    found = judged(RuleConditions(words=("refund",), intent="join"), "Sales?", Statement(intent="join"), "sqlite")
    assert found.reasons == ("the question says none of refund", "the statement's intent is join")
