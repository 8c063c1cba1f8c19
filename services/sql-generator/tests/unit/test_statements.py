from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.sql_generator import Column, DatabaseSchema, LimitRows, Rule, RuleConditions, Table
from sql_generator.domain.statements import MAX_SIGNATURE_CHARS, asks_for_change, changes_data, is_query, signature
from sql_generator.rules.rulebook import RuleBook
from sql_generator.use_cases.writing import judge
from sql_guard.functions import ALLOWED

BASE = "SELECT c.name, COUNT(*) FROM customers AS c WHERE c.city = 'Paris' AND c.id IN (1, 2) GROUP BY c.name LIMIT 5"


@pytest.mark.parametrize(
    "same",
    [
        BASE.lower().replace("paris", "Rome"),
        BASE.replace(" ", "\n  "),
        BASE.replace("LIMIT 5", "LIMIT 50"),
        BASE.replace("(1, 2)", "(7, 8, 9, 10)"),
        f"{BASE} -- a remark",
        BASE.replace("c.", "people.").replace("AS c", "people"),
        BASE.replace("c.city", '"c"."city"').replace("customers", '"customers"'),
        BASE.replace("c.city = 'Paris' AND c.id IN (1, 2)", "c.id IN (3) AND c.city = 'Paris'"),
        BASE.replace("'Paris'", "-5"),
    ],
)
def test_statements_that_differ_in_what_means_nothing_share_a_signature(same):
    assert signature(same, "postgres") == signature(BASE, "postgres")


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("c.city", "c.country"),
        BASE.replace("COUNT(*)", "COUNT(c.id)"),
        BASE.replace("= 'Paris'", "<> 'Paris'"),
        BASE.replace("LIMIT 5", ""),
        BASE.replace("IN (1, 2)", "IN (SELECT 1)"),
        BASE.replace("c.name,", '"c"."NAME",'),
    ],
)
def test_statements_that_mean_something_else_have_another_signature(other):
    assert signature(other, "postgres") != signature(BASE, "postgres")


CONDITIONS = {
    "{t}.city = {0}": st.sampled_from(["'Paris'", "'O''Brien'", "''"]),
    "{t}.age > {0}": st.integers(-9, 99).map(str),
    "({t}.a = {0} OR {t}.b = {0})": st.integers(0, 9).map(str),
    "{t}.id IN ({0})": st.lists(st.integers(0, 9).map(str), min_size=1, max_size=4).map(", ".join),
    "EXISTS(SELECT 1 FROM orders AS o WHERE o.id = {t}.id AND o.n = {0})": st.integers(0, 9).map(str),
}


@st.composite
def spelled(draw, conditions):
    """One query, spelled in some way: what it asks is the same, its literals aside."""
    alias = draw(st.sampled_from(["c", "cust", "X"]))
    name = draw(st.sampled_from(["people", "PEOPLE", '"people"']))
    said = [condition.format(draw(CONDITIONS[condition]), t=alias) for condition in draw(st.permutations(conditions))]
    sql = f"SELECT {alias}.name FROM {name} AS {alias} WHERE {' AND '.join(said)} LIMIT {draw(st.integers(1, 99))}"
    return draw(st.sampled_from([sql, sql.replace(" AND ", "\n and ").replace("SELECT", "select")]))


@settings(deadline=None)
@given(st.data(), st.sampled_from(["postgres", "sqlite", "duckdb", "mysql"]))
def test_however_a_query_is_spelled_it_has_one_signature(data, dialect):
    conditions = data.draw(st.lists(st.sampled_from(sorted(CONDITIONS)), min_size=1, unique=True))
    one, two = data.draw(spelled(conditions)), data.draw(spelled(conditions))
    if dialect == "mysql":  # there, double quotes make strings, and the case of tables may matter
        one, two = (sql.replace('"', "`").replace("PEOPLE", "people") for sql in (one, two))
    assert signature(one, dialect) == signature(two, dialect) is not None


@settings(deadline=None)
@given(st.data())
def test_a_condition_more_is_another_signature(data):
    conditions = data.draw(st.lists(st.sampled_from(sorted(CONDITIONS)), min_size=2, unique=True))
    assert signature(data.draw(spelled(conditions)), "sqlite") != signature(
        data.draw(spelled(conditions[1:])), "sqlite"
    )


@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
def test_a_signature_holds_no_literal(dialect):
    made = signature("SELECT name FROM people WHERE ssn = '123-45-6789' AND age > 17", dialect)
    assert made is not None
    assert "123-45" not in made
    assert "17" not in made


@given(st.lists(st.from_regex(r"[a-z]{3,12}", fullmatch=True), min_size=1, max_size=120))
def test_a_signature_is_never_longer_than_its_column(names):
    made = signature("SELECT " + ", ".join(f'"{name}"' for name in names) + " FROM t", "sqlite")
    assert made is not None
    assert len(made) <= MAX_SIGNATURE_CHARS


def test_long_statements_that_differ_have_different_signatures():
    one, two = (f"SELECT {', '.join(f'column_{n}' for n in range(count))} FROM t" for count in (200, 201))
    assert signature(one, "sqlite") != signature(two, "sqlite")


@pytest.mark.parametrize("sql", ["EXPLAIN SELECT 1", "PRAGMA table_info(t)", "SHOW TABLES"])
def test_what_is_no_query_has_no_signature(sql):
    assert not is_query(sql)
    assert signature(sql, "sqlite") is None


def limit_by_intent():
    """A rule that has to look at the statement."""
    now = datetime.now(UTC)
    said = {"rule_name": "r", "rule_type": "constraint", "rule_content": "r", "effects": (LimitRows(rows=9),)}
    state = {"status": "active", "origin": "user", "application_count": 0, "last_applied_at": None}
    times = {"created_at": now, "updated_at": now}
    return Rule(rule_id=uuid4(), conditions=RuleConditions(intent="select"), **said, **state, **times)


@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
@pytest.mark.parametrize("count", range(5))
async def test_a_call_with_any_number_of_arguments_is_judged(dialect, count):
    schema = DatabaseSchema(dialect=dialect, tables=(Table(name="t", columns=(Column(name="a", type="TEXT"),)),))
    rules = RuleBook([limit_by_intent()], "How many?", schema)
    arguments = ", ".join(("a", "'b'", "1", "c")[:count])
    judged = [
        await judge(f"SELECT {name}({arguments}) FROM t", schema, rules) for name in sorted(ALLOWED[dialect].scalar)
    ]
    assert any(one.verdict.allowed for one in judged)


async def test_a_call_that_only_the_engine_can_refuse_is_allowed_without_a_signature():
    schema = DatabaseSchema(dialect="postgres", tables=(Table(name="t", columns=()),))
    judged = await judge("SELECT lower() FROM t", schema, RuleBook([], "How many?", schema))
    assert judged.verdict.allowed
    assert judged.signature is None


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE t",
        "SELECT 1; drop table t",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
        "-- harmless\nDELETE FROM t",
        "EXPLAIN ANALYZE DELETE FROM t",
        "COPY t TO PROGRAM 'id'",
        "insert into t values (1)",
        "DROP 'unterminated",
    ],
)
def test_statements_meant_to_change_something_are_seen(sql):
    assert changes_data(sql, "postgres")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT REPLACE(name, 'a', 'b') FROM t",
        "SELECT 'drop table t'",
        'SELECT "delete" FROM t',
        "SELECT * FROM nowhere",
        "SELEC 1",
        "",
        "SELECT 'unterminated",
    ],
)
def test_statements_that_are_merely_wrong_are_not_taken_for_changes(sql):
    assert not changes_data(sql, "postgres")


@pytest.mark.parametrize(
    "question",
    [
        "Drop table customers",
        "please, delete all orders",
        "Show them; DROP TABLE orders;--",
        "Can you remove customer 5?",
    ],
)
def test_demands_for_a_change_are_seen(question):
    assert asks_for_change(question)


@pytest.mark.parametrize(
    "question",
    ["How many orders were deleted?", "Which customers update their profile?", "What is the drop in revenue?", ""],
)
def test_questions_about_changes_are_no_demands(question):
    assert not asks_for_change(question)
