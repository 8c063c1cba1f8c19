"""The project's own attacks and honest queries, by dialect."""

import json
from pathlib import Path
from typing import Any

import pytest

from sql_guard import check

STATEMENTS = Path(__file__).parent / "guard_statements"


def load(name: str) -> list[Any]:
    rows = json.loads((STATEMENTS / f"{name}.json").read_text())
    return [pytest.param(row["dialect"], row["sql"], id=f"{row['dialect']}: {row['sql'][:80]}") for row in rows]


@pytest.mark.parametrize(("dialect", "sql"), load("attacks"))
def test_an_attack_is_refused_with_a_reason(dialect: Any, sql: str) -> None:
    verdict = check(sql, dialect)
    assert not verdict.allowed
    assert verdict.reason
    assert verdict.code != "ok"
    assert verdict.sql == ""


@pytest.mark.parametrize(("dialect", "sql"), load("legit"))
def test_an_honest_query_is_allowed_and_its_rendering_is_stable(dialect: Any, sql: str) -> None:
    verdict = check(sql, dialect)
    assert verdict.allowed, verdict.reason
    again = check(verdict.sql, dialect)
    assert again.allowed, again.reason
    assert again.sql == verdict.sql


@pytest.mark.parametrize(
    ("dialect", "sql", "code"),
    [
        ("postgres", "DELETE FROM orders", "not_a_query"),
        ("postgres", "SELECT 1; SELECT 2", "multiple_statements"),
        ("postgres", "SELECT pg_sleep(1)", "function_not_allowed"),
        ("postgres", "SELECT * FROM pg_authid", "relation_not_allowed"),
        ("postgres", "SELECT * FROM orders FOR UPDATE", "locking_clause"),
        ("postgres", "SELECT * INTO copy FROM orders", "select_into"),
        ("postgres", "SELECT 'pg_authid'::regclass", "type_not_allowed"),
        ("postgres", "SELECT 1 OPERATOR(pg_catalog.+) 1", "operator_not_allowed"),
        ("postgres", "SELECT $1", "variable"),
        ("postgres", "SELECT FROM WHERE", "unparsable"),
        ("mysql", "SELECT @@datadir", "variable"),
        ("mysql", "SELECT 1 /*!50000 + 1 */", "executable_comment"),
        ("mysql", "SELECT /*+ SET_VAR(sql_mode='') */ 1", "hint_not_allowed"),
        ("sqlite", "", "empty"),
        ("sqlite", " ; -- nothing", "empty"),
        ("duckdb", "FROM range(1000000000000)", "oversized_literal"),
    ],
)
def test_the_code_names_what_is_wrong(dialect: Any, sql: str, code: str) -> None:
    assert check(sql, dialect).code == code
