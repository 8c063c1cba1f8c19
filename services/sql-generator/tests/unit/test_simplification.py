import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.domain.simplification import simplified


@pytest.mark.parametrize(
    ("sql", "simpler"),
    [
        ("SELECT a FROM t WHERE 1 = 1 AND a = 1", "SELECT a FROM t WHERE a = 1"),
        ("SELECT a FROM t WHERE TRUE", "SELECT a FROM t"),
        ("SELECT a FROM t WHERE a = 1 AND (b = 2 AND (a = 1))", "SELECT a FROM t WHERE a = 1 AND b = 2 AND (a = 1)"),
        ("SELECT a FROM t WHERE a = 1 OR b = 2 OR a = 1", "SELECT a FROM t WHERE a = 1 OR b = 2"),
        (
            "SELECT a FROM t WHERE NOT NOT (a = 1 OR b = 2) AND a > 0",
            "SELECT a FROM t WHERE (a = 1 OR b = 2) AND a > 0",
        ),
        ("SELECT a FROM t WHERE ((a = 1))", "SELECT a FROM t WHERE (a = 1)"),
        ("SELECT t.a FROM t JOIN u ON TRUE AND t.a = u.a", "SELECT t.a FROM t JOIN u ON t.a = u.a"),
        ("SELECT a FROM t GROUP BY a HAVING 1 = 1", "SELECT a FROM t GROUP BY a"),
        ("SELECT 1 FROM t HAVING 1 = 1", "SELECT 1 FROM t HAVING TRUE"),
        ("SELECT 1 FROM t WHERE a IN (SELECT a FROM u WHERE 2 = 2)", "SELECT 1 FROM t WHERE a IN (SELECT a FROM u)"),
    ],
)
def test_what_says_nothing_goes(sql, simpler):
    assert simplified(sql, "postgres") == simpler


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a AND NOT a, 1 = 1 FROM t",
        "SELECT a FROM t WHERE 'a' = 'A' AND '1' = 1 AND 0.1 + 0.2 = 0.3",
        "SELECT a FROM t WHERE random() > 0.5 AND random() > 0.5",
        "SELECT a FROM t WHERE 1 = 2 OR 3 > 2",
        "SELECT  a FROM t  -- as it was written",
        "this is no SQL (",
    ],
)
def test_what_only_the_engine_can_tell_stays_as_it_is_written(sql):
    assert simplified(sql, "mysql") == sql


atoms = st.sampled_from(["a = 1", "b > a", "a IS NULL", "1 = 1", "TRUE", "FALSE", "NULL", "b", "a IN (1, 2)", "1 = 2"])
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR "]), inner).map("".join),
        inner.map("({})".format),
        inner.map("NOT ({})".format),
        inner.map("NOT NOT ({})".format),
    ),
    max_leaves=8,
)


@given(conditions, conditions)
def test_the_rows_stay_the_same(where, on):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            "CREATE TABLE t (a INT, b INT); INSERT INTO t VALUES (1, 1), (1, NULL), (NULL, 2), (2, 0), (3, 3);"
            "CREATE TABLE u (a INT); INSERT INTO u VALUES (1), (NULL)"
        )
        for written in (
            f"SELECT a, b FROM t WHERE {where}",
            f"SELECT * FROM t LEFT JOIN (SELECT a AS c FROM u) ON {on} ORDER BY 1, 2, 3",
        ):
            simpler = simplified(written, "sqlite")
            assert connection.execute(simpler).fetchall() == connection.execute(written).fetchall()
