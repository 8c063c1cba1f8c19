"""Names of tables and columns as SQL text."""

import re

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
# Those PostgreSQL reserves (https://www.postgresql.org/docs/current/sql-keywords-appendix.html) and those SQLite
# refuses as bare names.
_RESERVED_WORDS = """
add all alter analyse analyze and any array as asc asymmetric between both by case cast check collate column
commit constraint create cross current_date current_time current_timestamp current_user default deferrable delete
desc distinct do drop else end escape except exists false fetch for foreign from full grant group having if in
index initially inner insert intersect into is isnull join lateral leading left like limit localtime
localtimestamp natural not notnull null offset on only or order outer placing primary references returning right
select session_user set similar some symmetric table tablesample then to trailing transaction true union unique
update user using values variadic verbose when where window with
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())


def column_sql(table: str, column: str) -> str:
    """`table.column`, each part quoted where either engine would need it; `schema.table` keeps its dot bare."""
    return ".".join(_quoted(part) for part in (*table.split(".", 1), column))


def _quoted(name: str) -> str:
    if _PLAIN.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'
