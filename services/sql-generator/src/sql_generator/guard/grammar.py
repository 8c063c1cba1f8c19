"""Parsers and generators that keep the engine's own words.

sqlglot maps many function names to typed nodes, so that it can translate between dialects. A guard must not: it would
judge one name and run another. These parsers build every call as `exp.Anonymous`, with exactly the name that the engine
will see, except where a call has a syntax of its own (`CAST(x AS t)`, `EXTRACT(y FROM x)`). They also know nothing but
queries: what sqlglot would keep as an opaque `Command` is a parse error here.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as SqlglotDialect
from sqlglot.errors import ErrorLevel
from sqlglot.generator import Generator
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.generators.mysql import MySQLGenerator
from sqlglot.generators.postgres import PostgresGenerator
from sqlglot.generators.sqlite import SQLiteGenerator
from sqlglot.parser import Parser
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.parsers.mysql import MySQLParser
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.parsers.sqlite import SQLiteParser
from sqlglot.tokens import Token, TokenType

from sql_generator.guard.verdict import Dialect

_Table = Mapping[Any, Callable[..., Any]]


def _only(parsers: _Table, *keys: Any) -> dict[Any, Callable[..., Any]]:
    return {key: parsers[key] for key in keys}


class _QueriesOnly:
    """Mixed in before a dialect's parser: no functions by name, no statement but a query, no fallback to `Command`."""

    FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}

    def _parse_command(self) -> exp.Command:
        raise_error: Callable[[str], None] = self.raise_error  # type: ignore[attr-defined]
        raise_error("not a query")
        return exp.Command()

    def _parse_as_command(self, start: Token) -> exp.Command:  # noqa: ARG002 - the signature of the base class
        return self._parse_command()


class _Postgres(_QueriesOnly, PostgresParser):  # type: ignore[misc]
    FUNCTION_PARSERS = _only(
        PostgresParser.FUNCTION_PARSERS,
        *("CAST", "EXTRACT", "JSON_TABLE", "JSON_VALUE", "OVERLAY", "POSITION", "SUBSTRING", "TRIM", "XMLTABLE"),
    )
    STATEMENT_PARSERS: ClassVar[dict[Any, Any]] = {}


class _MySQL(_QueriesOnly, MySQLParser):  # type: ignore[misc]
    FUNCTION_PARSERS = _only(
        MySQLParser.FUNCTION_PARSERS,
        *("CAST", "CHAR", "CONVERT", "EXTRACT", "GROUP_CONCAT", "JSON_TABLE", "JSON_VALUE", "MATCH", "POSITION"),
        *("SUBSTR", "SUBSTRING", "TRIM"),
    )
    STATEMENT_PARSERS: ClassVar[dict[Any, Any]] = {}


class _SQLite(_QueriesOnly, SQLiteParser):  # type: ignore[misc]
    FUNCTION_PARSERS = _only(SQLiteParser.FUNCTION_PARSERS, "CAST")
    STATEMENT_PARSERS: ClassVar[dict[Any, Any]] = {}


class _DuckDB(_QueriesOnly, DuckDBParser):  # type: ignore[misc]
    FUNCTION_PARSERS = _only(
        DuckDBParser.FUNCTION_PARSERS,
        *("CAST", "EXTRACT", "OVERLAY", "POSITION", "SUBSTRING", "TRIM", "TRY_CAST"),
    )
    STATEMENT_PARSERS: ClassVar[dict[Any, Any]] = _only(
        DuckDBParser.STATEMENT_PARSERS, TokenType.DESCRIBE, TokenType.PIVOT, TokenType.UNPIVOT
    )


class _MySQLGenerator(MySQLGenerator):
    TRANSFORMS: ClassVar[dict[Any, Any]] = {
        **MySQLGenerator.TRANSFORMS,
        # The operator runs on MySQL and MariaDB; the function sqlglot would write exists on MySQL 8 only.
        exp.RegexpLike: lambda self, e: self.binary(e, "REGEXP"),
    }


_PARSERS: dict[Dialect, type[Parser]] = {
    "postgres": _Postgres,
    "mysql": _MySQL,
    "sqlite": _SQLite,
    "duckdb": _DuckDB,
}
_GENERATORS: dict[Dialect, type[Generator]] = {
    "postgres": PostgresGenerator,
    "mysql": _MySQLGenerator,
    "sqlite": SQLiteGenerator,
    "duckdb": DuckDBGenerator,
}


def tokenize(sql: str, dialect: Dialect) -> list[Token]:
    """The statement's tokens. Raises `sqlglot.errors.TokenError`."""
    return SqlglotDialect.get_or_raise(dialect).tokenize(sql)


def parse(tokens: list[Token], sql: str, dialect: Dialect) -> list[exp.Expr | None]:
    """The syntax trees of the tokens, one a statement. Raises `sqlglot.errors.ParseError`."""
    parser = _PARSERS[dialect](error_level=ErrorLevel.IMMEDIATE, dialect=dialect)
    return list(parser.parse(tokens, sql))


def render(tree: exp.Expr, dialect: Dialect) -> str:
    """The tree as text of its own dialect, without comments. Raises `sqlglot.errors.UnsupportedError`."""
    generator = _GENERATORS[dialect](
        dialect=dialect,
        comments=False,
        normalize_functions=False,
        unsupported_level=ErrorLevel.RAISE,
        pretty=False,
    )
    return generator.generate(tree)
