"""What is refused of a superuser's statements, by the names in the plan that the server makes of them.

A superuser's session continues as `pg_read_all_data`, but that role may read the verifiers of passwords, and
`set_config('role', …)` within the statement takes it back, after which SQL in a string runs with all rights. The plan
names functions and relations as the server resolved them, however they were written; it does not show the expression of
a LIMIT, which is one of the reasons why a login that can only read is better.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import asyncpg

from sql_generator.sources import StatementFailed

_SECRETS: Final = frozenset(
    {"pg_authid", "pg_largeobject", "pg_statistic", "pg_subscription", "pg_user_mapping", "pg_foreign_server"}
)
_FUNCTIONS: Final = re.compile(
    r"\b(set_config|ts_stat|ts_rewrite|(?:query|cursor|table|schema|database)_to_xml\w*|xpath_table|dblink\w*"
    r"|crosstab\w*|connectby|lo_\w+|loread|lowrite)\(",
)
_EXPLAIN: Final = re.compile(r"\s*EXPLAIN\b(?P<runs>.*\bANALY[ZS]E\b)?", re.IGNORECASE | re.DOTALL)
_SHOW: Final = re.compile(r"\s*SHOW\b", re.IGNORECASE)


async def check_plan(connection: asyncpg.Connection, sql: str) -> None:
    """Raises `StatementFailed` where a prepared statement would touch what only superusers may."""
    if explain := _EXPLAIN.match(sql):
        if explain["runs"]:
            raise StatementFailed("not permitted as a superuser: EXPLAIN ANALYZE; use a login that can only read")
        return
    if _SHOW.match(sql):
        return
    # With its options in parentheses, a text that goes on with ANALYZE is an error instead of a run.
    plan = await connection.fetchval(f"EXPLAIN (VERBOSE, COSTS FALSE, FORMAT JSON) {sql}")
    for name in _named(json.loads(plan)):
        raise StatementFailed(f"not permitted as a superuser: {name}; use a login that can only read")


def _named(node: Any) -> Iterator[str]:
    match node:
        case str():
            yield from _FUNCTIONS.findall(node)
        case list():
            for item in node:
                yield from _named(item)
        case dict():
            if node.get("Schema") == "pg_catalog" and node.get("Relation Name") in _SECRETS:
                yield str(node["Relation Name"])
            for item in node.values():
                yield from _named(item)
