"""A syntax tree as text: names quoted only where they must be, qualified only where there is more than one table."""

import re
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from contracts.sql_generator import SourceKind
from sql_generator.generation.offline.lexicon import listed

_RESERVED: Final = frozenset(
    listed(
        """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
    current_date current_role current_time current_timestamp current_user default deferrable desc distinct do
    else end except exists false fetch for foreign from full grant group having in index initially inner
    intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull
    null offset on only or order outer overlaps placing primary references returning right select session_user
    set similar some symmetric table then to trailing true union unique update user using values variadic
    verbose when where window with between by delete insert drop alter match cross escape transaction commit
    describe lambda pivot pivot_longer pivot_wider qualify show summarize unpivot
    """
    )
)
_PLAIN: Final[dict[SourceKind, re.Pattern[str]]] = {
    "postgres": re.compile(r"[a-z_][a-z0-9_]*\Z"),
    "mysql": re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z"),
    "sqlite": re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z"),
    "duckdb": re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z"),
}


def needs_quotes(name: str, dialect: SourceKind) -> bool:
    """Whether a name means itself only in quotes: Postgres folds capitals, and all reserve words."""
    return _PLAIN[dialect].match(name) is None or name.lower() in _RESERVED


def render(tree: exp.Expression, dialect: SourceKind, *, aliases: bool = False) -> str:
    """The statement as text of the dialect. With `aliases` every table gets one, introduced with AS."""
    tree = tree.copy()
    tables = list(tree.find_all(exp.Table))
    if aliases:
        _give_aliases(tree, tables)
    elif len(tables) == 1:
        for column in tree.find_all(exp.Column):
            column.set("table", None)
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("quoted", needs_quotes(identifier.name, dialect))
    return tree.sql(dialect=dialect)


def with_aliases(sql: str, dialect: SourceKind) -> str:
    """A query with an alias for each table that has none, and nothing else changed; other text as it is."""
    try:
        tree = sqlglot.parse_one(sql, dialect=dialect)
    except SqlglotError:
        return sql
    if not isinstance(tree, exp.Query):
        return sql
    _give_aliases(tree, [table for table in tree.find_all(exp.Table) if not table.alias])
    return tree.sql(dialect=dialect)


def _give_aliases(tree: exp.Expr, tables: list[exp.Table]) -> None:
    given: dict[str, str] = {}
    taken = {table.alias for table in tree.find_all(exp.Table) if table.alias}
    for table in tables:
        if table.name not in given:
            given[table.name] = alias_of(table.name, taken | set(given.values()))
        table.set("alias", exp.TableAlias(this=exp.to_identifier(given[table.name])))
    for column in tree.find_all(exp.Column):
        if column.table in given:
            column.set("table", exp.to_identifier(given[column.table]))


def alias_of(name: str, taken: set[str]) -> str:
    """A short alias for a table of this name, other than those taken."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])", name) if word]
    initials = "".join(word[0] for word in words).lower() or "t"
    stem = initials if initials[0].isalpha() else f"t{initials}"
    number = 1
    alias = stem
    while alias in taken or alias in _RESERVED:
        number += 1
        alias = f"{stem}{number}"
    return alias
