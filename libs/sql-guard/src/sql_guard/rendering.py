"""The text that runs: rendered from the syntax tree, and proven to say what was judged."""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, TokenError, UnsupportedError
from sqlglot.generator import Generator
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.generators.mysql import MySQLGenerator
from sqlglot.generators.postgres import PostgresGenerator
from sqlglot.generators.sqlite import SQLiteGenerator

from sql_guard.parsing import SQLGLOT_FAULTS, CosineDistance, parse, tokenize
from sql_guard.verdict import Dialect, Refusal


def render_stably(tree: exp.Expr, dialect: Dialect) -> tuple[str, exp.Expr]:
    """The tree's text without comments, and the tree of that text, which is the one to judge.

    Some spellings change once (`a ** b` becomes a function call), so the second tree need not equal the first. But it
    must write exactly the text it was read from. Raises `Refusal` where it does not: then parser and generator disagree
    on what the statement says, and nobody knows what the engine would read.
    """
    try:
        text = render(tree, dialect)
        tokens = tokenize(text, dialect)
        if any(token.comments for token in tokens):
            raise Refusal("unstable_rendering", "the statement cannot be written without a comment")
        trees = parse(tokens, text, dialect)
        again = trees[0] if len(trees) == 1 else None
        if again is not None and render(again, dialect) == text:
            return text, again
    except (ParseError, TokenError, UnsupportedError) as error:
        raise Refusal("unstable_rendering", "the statement cannot be written back as it was read") from error
    raise Refusal("unstable_rendering", "the statement reads differently when written back")


def render(tree: exp.Expr, dialect: Dialect) -> str:
    """The tree as text of its own dialect, without comments. Raises `sqlglot.errors.UnsupportedError`."""
    generator = _GENERATORS[dialect](
        dialect=dialect,
        comments=False,
        normalize_functions=False,
        unsupported_level=ErrorLevel.RAISE,
        pretty=False,
    )
    try:
        return generator.generate(tree)
    except SQLGLOT_FAULTS as error:
        raise UnsupportedError("cannot be written in this dialect") from error


_Transforms = dict[type[exp.Expr], Callable[..., str]]
_ARROWS: Final[_Transforms] = {
    exp.JSONExtract: lambda self, e: self.binary(e, "->"),
    exp.JSONExtractScalar: lambda self, e: self.binary(e, "->>"),
}


def _mysql_tuple(generator: Generator, node: exp.Tuple) -> str:
    """`VALUES ROW(1), ROW(2)` of MySQL 8 parses as rows that hold one call of ROW."""
    first = node.expressions[0] if len(node.expressions) == 1 else None
    if isinstance(node.parent, exp.Values) and isinstance(first, exp.Anonymous) and first.name.upper() == "ROW":
        return generator.sql(first)
    return generator.tuple_sql(node)


class _Postgres(PostgresGenerator):
    # string_agg(DISTINCT a, b) takes two arguments; sqlglot would make them one row value.
    MULTI_ARG_DISTINCT = True
    TRANSFORMS: ClassVar[dict[Any, Any]] = {
        **PostgresGenerator.TRANSFORMS,
        **_ARROWS,
        CosineDistance: lambda self, e: self.binary(e, "<=>"),
        exp.CurrentTime: lambda self, e: f"CURRENT_TIME({self.sql(e, 'this')})" if e.this else "CURRENT_TIME",
    }


class _MySQL(MySQLGenerator):
    # Quoted, these would be the names of a table and of columns.
    RESERVED_KEYWORDS: ClassVar[set[str]] = MySQLGenerator.RESERVED_KEYWORDS - {
        *("dual", "utc_date", "utc_time", "utc_timestamp")
    }
    TRANSFORMS: ClassVar[dict[Any, Any]] = {
        **MySQLGenerator.TRANSFORMS,
        **_ARROWS,
        # The operator runs on MySQL and MariaDB; the function sqlglot would write exists on MySQL 8 only.
        exp.RegexpLike: lambda self, e: self.binary(e, "REGEXP"),
        exp.Tuple: _mysql_tuple,
    }


class _SQLite(SQLiteGenerator):
    TRANSFORMS: ClassVar[dict[Any, Any]] = {**SQLiteGenerator.TRANSFORMS, **_ARROWS}

    def cast_sql(self, expression: exp.Cast, safe_prefix: str | None = None) -> str:
        # CAST(x AS DATE) makes a number in SQLite; sqlglot would write date(x).
        return Generator.cast_sql(self, expression, safe_prefix)


class _DuckDB(DuckDBGenerator):
    MULTI_ARG_DISTINCT = True
    # sqlglot warns of differences between engines, of which there are none here.
    extract_sql = Generator.extract_sql
    TRANSFORMS: ClassVar[dict[Any, Any]] = {
        **DuckDBGenerator.TRANSFORMS,
        **_ARROWS,
        exp.WithinGroup: lambda self, e: f"{self.sql(e, 'this')} WITHIN GROUP ({self.sql(e, 'expression').lstrip()})",
        exp.IgnoreNulls: lambda self, e: f"{self.sql(e, 'this')} IGNORE NULLS",
        exp.RespectNulls: lambda self, e: f"{self.sql(e, 'this')} RESPECT NULLS",
    }


_GENERATORS: Final[dict[Dialect, type[Generator]]] = {
    "postgres": _Postgres,
    "mysql": _MySQL,
    "sqlite": _SQLite,
    "duckdb": _DuckDB,
}
