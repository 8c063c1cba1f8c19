"""Which functions a statement may call, by dialect: everything that is not named here is refused.

Listed are functions that compute a value from their arguments (or read the clock, or draw a random number). Left out is
whatever reads files, the network, the environment, settings or other relations by name, runs SQL from a string, waits,
locks, writes, or changes the session.
"""

from dataclasses import dataclass

from sql_guard.functions import duckdb, mysql, postgres, sqlite
from sql_guard.verdict import Dialect


@dataclass(frozen=True, slots=True)
class FunctionAllowList:
    """Lower-case names: `scalar` in expressions (also aggregates and window functions), `table` where tables stand."""

    scalar: frozenset[str]
    table: frozenset[str]


ALLOWED: dict[Dialect, FunctionAllowList] = {
    "postgres": FunctionAllowList(postgres.SCALAR, postgres.TABLE),
    "mysql": FunctionAllowList(mysql.SCALAR, mysql.TABLE),
    "sqlite": FunctionAllowList(sqlite.SCALAR, sqlite.TABLE),
    "duckdb": FunctionAllowList(duckdb.SCALAR, duckdb.TABLE),
}
