"""Text made to break the guard rather than the database: it answers, and soon."""

import time
from typing import Any, get_args

import pytest

from sql_guard import Dialect, check

DEPTH = 40
HOSTILE = {
    "a megabyte": "SELECT " + "1 " * 500_000,
    "a NUL": "SELECT 1\0",
    "a lone surrogate": "SELECT '\ud800'",
    "an open string": "SELECT 'a",
    "an open comment": "SELECT 1 /* a",
    "open parentheses": "SELECT " + "(" * 5_000,
    "nested parentheses": "SELECT " + "(" * DEPTH + "1" + ")" * DEPTH,
    "nested arrays": "SELECT " + "ARRAY[" * DEPTH + "1" + "]" * DEPTH,
    "nested types": "SELECT " + "date(" * DEPTH + "1" + ")" * DEPTH,
    "nested structs": "SELECT " + "{'a':" * DEPTH + "1" + "}" * DEPTH,
    "nested rows": "SELECT " + "row(" * DEPTH + "1" + ")" * DEPTH,
    "nested queries": "SELECT * FROM " + "(SELECT * FROM " * DEPTH + "t" + ") AS x" * DEPTH,
    "nested cases": "SELECT " + "CASE WHEN true THEN " * DEPTH + "1" + " END" * DEPTH,
    "signs": "SELECT " + "- " * 5_000 + "1",
    "negations": "SELECT " + "NOT " * 5_000 + "1",
    "a long sum": "SELECT " + "+".join(["1"] * 2_900),
    "a long chain of casts": "SELECT 1" + "::int" * 2_900,
    "a long path": "SELECT a" + ".b" * 2_900,
    "a long union": " UNION ALL ".join(["SELECT 1"] * 1_500),
    "a long join": "SELECT * FROM t" + " JOIN t ON true" * 1_000,
    "a long number": "SELECT " + "9" * 40_000,
    "a huge exponent": "SELECT repeat('x', 1e999999)",
    "nested comments": "/*" * 10_000 + "*/" * 10_000 + "SELECT 1",
    "control characters": "SELECT\x0b1\x0c\x1b\x7f",
    "full-width letters": "ＳＥＬＥＣＴ 1; ＤＲＯＰ TABLE t",
    "nothing but words": "SELECT " * 3_000,
    "many subscripts": "SELECT a" + "[1]" * 1_900,
    "many table expressions": "WITH c0 AS (SELECT 1), "
    + ", ".join(f"c{i} AS (SELECT * FROM c{i - 1})" for i in range(1, 500))
    + " SELECT * FROM c499",
    "many subqueries": "SELECT " + ", ".join(f"(SELECT {i} FROM t{i} WHERE x = {i})" for i in range(450)),
    "many functions in FROM": "SELECT a0.x FROM " + ", ".join(f"unnest(ARRAY[1]) AS a{i}(x)" for i in range(300)),
    "nested lambdas": "SELECT " + "list_transform(a, x -> " * DEPTH + "x" + ")" * DEPTH,
    "quotes": "SELECT " + "''" * 20_000,
    "backslashes": "SELECT '" + "\\" * 40_000 + "'",
    "dollars": "SELECT " + "$a$" * 15_000,
    "comments": "SELECT 1" + " /* x */" * 6_000,
    "comparisons": "SELECT a" + " = a" * 2_900,
    "explained explanations": "EXPLAIN " * 3_000 + "SELECT 1",
}


@pytest.mark.parametrize("dialect", get_args(Dialect))
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_gets_an_answer_within_seconds(dialect: Dialect, text: str) -> None:
    start = time.perf_counter()
    verdict = check(text, dialect)
    assert time.perf_counter() - start < 5
    assert verdict.allowed == (verdict.code == "ok")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HOSTILE["a megabyte"], "too_large"),
        (HOSTILE["a NUL"], "unparsable"),
        (HOSTILE["a lone surrogate"], "unparsable"),
        (HOSTILE["open parentheses"], "too_deep"),
        (HOSTILE["nested types"], "too_complex"),
        (HOSTILE["negations"], "too_deep"),
    ],
)
def test_what_cannot_be_judged_is_refused(text: str, code: str) -> None:
    assert check(text, "postgres").code == code


def test_a_list_of_two_thousand_values_is_no_attack() -> None:
    values = ", ".join(str(number) for number in range(2_000))
    assert check(f"SELECT * FROM orders WHERE id IN ({values})", "postgres").allowed


def test_the_guard_answers_from_deep_within_a_stack() -> None:
    def descend(levels: int) -> Any:
        return descend(levels - 1) if levels else check("SELECT count(*) FROM orders WHERE id = 1", "postgres")

    assert descend(850).code in {"ok", "too_deep"}
