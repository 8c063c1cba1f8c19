"""The statement lists and gold queries that are shared between projects, where they are at hand."""

import json
import os
from pathlib import Path
from typing import Any, get_args

import pytest

from sql_guard import Dialect, check

REPOSITORY = Path(__file__).resolve().parents[4]
SHARED = Path(os.environ.get("MEMORI_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")


def read(relative: str) -> Any:
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"{relative} is not at hand: set MEMORI_SHARED_DATA")
    return json.loads(path.read_text())


def test_every_static_attack_of_the_shared_list_is_refused() -> None:
    attacks = [row for row in read("sql-guard/attacks.json") if row["layer"] == "static"]
    assert [row for row in attacks if check(row["sql"], row["dialect"]).allowed] == []


def test_every_honest_query_of_the_shared_list_is_allowed() -> None:
    verdicts = [(row["sql"], check(row["sql"], row["dialect"])) for row in read("sql-guard/legit.json")]
    assert [(sql, verdict.reason) for sql, verdict in verdicts if not verdict.allowed] == []


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_no_gold_query_is_refused(dialect: Dialect) -> None:
    queries = [row[f"sql_{dialect}"] for row in read("spiderman-dev/questions.json")]
    assert [sql for sql in queries if not check(sql, dialect).allowed] == []
