"""Parsers that keep the engine's own words.

sqlglot maps many function names to typed nodes, so that it can translate between dialects. A guard must not: it would
judge one name and run another. These parsers build every call as `exp.Anonymous`, with exactly the name that the engine
will see, except where a call has a syntax of its own (`CAST(x AS t)`, `EXTRACT(y FROM x)`). They also know nothing but
queries: what sqlglot would keep as an opaque `Command` is a parse error here.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import ErrorLevel, ParseError
from sqlglot.parser import Parser
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.parsers.mysql import MySQLParser
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.parsers.sqlite import SQLiteParser
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from sql_guard.verdict import Dialect, Refusal

STEPS_PER_TOKEN: Final = 8
STEPS_FREE: Final = 5_000
"""The parser backtracks, so that a few nested brackets can cost it seconds; honest queries take two steps a token."""

MAX_SUBSCRIPTS: Final = 16
"""Of one value, `a[1][2]`: the parser looks at all that stand before each."""

SQLGLOT_FAULTS: Final = (AttributeError, AssertionError, IndexError, KeyError, TypeError, ValueError)
"""What sqlglot lets escape on malformed text, in corners of its parsers and generators."""

_Builders = Mapping[Any, Callable[..., Any]]


def tokenize(sql: str, dialect: Dialect) -> list[Token]:
    """The statement's tokens. Raises `sqlglot.errors.TokenError`."""
    return _TOKENIZERS[dialect](dialect=dialect).tokenize(sql)


def parse(tokens: list[Token], sql: str, dialect: Dialect) -> list[exp.Expr | None]:
    """The syntax trees of the tokens, one a statement.

    Raises `sqlglot.errors.ParseError`, or `Refusal` when parsing takes too many steps.
    """
    parser = _PARSERS[dialect](error_level=ErrorLevel.IMMEDIATE, dialect=dialect)
    parser.steps_left = STEPS_FREE + STEPS_PER_TOKEN * len(tokens)
    try:
        return list(parser.parse(tokens, sql))
    except SQLGLOT_FAULTS as error:
        raise ParseError("not a query of this dialect") from error


def parse_one(sql: str, dialect: Dialect) -> exp.Expr:
    """The tree of one statement that the guard has rendered, for whoever reads or rewrites it.

    Functions keep the engine's names; what is written back with `rendering.render` has to be judged again. Raises
    `sqlglot.errors.SqlglotError`.
    """
    try:
        trees = parse(tokenize(sql, dialect), sql, dialect)
    except (Refusal, RecursionError) as error:
        raise ParseError("too deep or too complex") from error
    if len(trees) != 1 or trees[0] is None:
        raise ParseError("not one statement")
    return trees[0]


class _QueriesOnly(Parser):
    """Before a dialect's parser: no functions by name, no statement but a query, no fallback to `Command`."""

    FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
    LIMIT_PERCENT: ClassVar[bool] = False
    """Whether `LIMIT 10 %` is a share of the rows; elsewhere `%` after LIMIT is an operator as anywhere."""
    steps_left: int = 0

    def _advance(self, times: int = 1) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise Refusal("too_complex", "the statement takes too long to parse")
        super()._advance(times)

    def _parse_term(self, parse_mod: bool = True) -> exp.Expr | None:
        return super()._parse_term(parse_mod=parse_mod or not self.LIMIT_PERCENT)

    def _parse_bracket(self, this: exp.Expr | None = None) -> exp.Expr | None:
        subscripts, value = 0, this
        while isinstance(value, exp.Bracket):
            subscripts, value = subscripts + 1, value.this
        if subscripts > MAX_SUBSCRIPTS:
            raise Refusal("too_deep", f"more than {MAX_SUBSCRIPTS} subscripts of one value")
        return super()._parse_bracket(this)

    def _parse_command(self) -> exp.Command:
        self.raise_error("not a query")
        return exp.Command()

    def _parse_connect(self, skip_start_token: bool = False) -> exp.Connect | None:  # noqa: ARG002 - as in the base class
        # None of our engines knows CONNECT BY, and sqlglot changes a table all its parsers share to parse it.
        return None

    def _parse_as_command(self, start: Token) -> exp.Command:  # noqa: ARG002 - the signature of the base class
        return self._parse_command()


def _only(builders: _Builders, *keys: Any) -> dict[Any, Callable[..., Any]]:
    return {key: builders[key] for key in keys}


def _operator(node: type[exp.Binary]) -> Callable[..., exp.Expr]:
    """Builds `a -> b` with its right side as written: sqlglot would turn `'a.b'` into the path `$.a.b`."""

    def build(parser: Parser, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        return parser.expression(node(this=left, expression=right))

    return build


_ARROWS: Final = {TokenType.ARROW: _operator(exp.JSONExtract), TokenType.DARROW: _operator(exp.JSONExtractScalar)}


def _arrow(parser: Parser, names: list[exp.Expr]) -> exp.Expr:
    """`f(meta -> '$.a')` of DuckDB takes a value out of JSON, `f(x -> x + 1)` is a function of x."""
    body = parser._parse_disjunction()  # noqa: SLF001  # called back by the parser, as its own builders are
    first = body
    while isinstance(first, exp.Binary | exp.Neg | exp.Cast):
        first = first.this
    if len(names) == 1 and isinstance(first, exp.Literal):
        return parser.expression(exp.JSONExtract(this=exp.Column(this=names[0]), expression=body))
    replaced = parser._replace_lambda(body, names)  # noqa: SLF001
    return parser.expression(exp.Lambda(this=replaced, expressions=names))


class CosineDistance(exp.Expression, exp.Binary):
    """`a <=> b` of pgvector, which sqlglot would take for MySQL's null-safe equality."""


class _Postgres(_QueriesOnly, PostgresParser):
    FUNCTION_PARSERS = _only(
        PostgresParser.FUNCTION_PARSERS,
        *("CAST", "EXTRACT", "JSON_TABLE", "JSON_VALUE", "OVERLAY", "POSITION", "SUBSTRING", "TRIM", "XMLTABLE"),
    )
    JSON_OPERATORS: ClassVar[dict[Any, Any]] = {
        **PostgresParser.JSON_OPERATORS,
        **_ARROWS,
        TokenType.NULLSAFE_EQ: _operator(CosineDistance),
    }
    STATEMENT_PARSERS: ClassVar[dict[Any, Any]] = {}


class _MySQL(_QueriesOnly, MySQLParser):
    FUNCTION_PARSERS = _only(
        MySQLParser.FUNCTION_PARSERS,
        *("CAST", "CHAR", "CONVERT", "EXTRACT", "GROUP_CONCAT", "JSON_TABLE", "JSON_VALUE", "MATCH", "POSITION"),
        *("SUBSTR", "SUBSTRING", "TRIM"),
    )
    COLUMN_OPERATORS: ClassVar[dict[Any, Any]] = {**MySQLParser.COLUMN_OPERATORS, **_ARROWS}
    STATEMENT_PARSERS: ClassVar[dict[Any, Any]] = {}


class _SQLite(_QueriesOnly, SQLiteParser):
    FUNCTION_PARSERS = _only(SQLiteParser.FUNCTION_PARSERS, "CAST")
    CONCAT_OPERATORS: ClassVar[dict[TokenType, Callable[..., Any]]] = {**SQLiteParser.CONCAT_OPERATORS, **_ARROWS}
    STATEMENT_PARSERS: ClassVar[dict[Any, Any]] = {}


class _DuckDB(_QueriesOnly, DuckDBParser):
    # `list(x)[1]` calls the aggregate; LIST[1] is no list of this dialect.
    ARRAY_CONSTRUCTORS: ClassVar[dict[str, type[exp.Func]]] = {"ARRAY": exp.Array}
    FUNCTION_PARSERS = _only(
        DuckDBParser.FUNCTION_PARSERS,
        *("CAST", "EXTRACT", "OVERLAY", "POSITION", "SUBSTRING", "TRIM", "TRY_CAST"),
    )
    JSON_OPERATORS: ClassVar[dict[Any, Any]] = {**DuckDBParser.JSON_OPERATORS, **_ARROWS}
    LAMBDAS: ClassVar[dict[Any, Any]] = {**DuckDBParser.LAMBDAS, TokenType.ARROW: _arrow}
    LIMIT_PERCENT = True
    STATEMENT_PARSERS: ClassVar[dict[Any, Any]] = {
        TokenType.DESCRIBE: DuckDBParser.STATEMENT_PARSERS[TokenType.DESCRIBE],
        TokenType.PIVOT: lambda self: self.parse_pivot_query(),
        TokenType.UNPIVOT: lambda self: self.parse_pivot_query(is_unpivot=True),
    }

    def parse_pivot_query(self, *, is_unpivot: bool | None = None) -> exp.Expr:
        """`PIVOT ... ORDER BY x LIMIT 1` as `SELECT * FROM (PIVOT ...) ORDER BY x LIMIT 1`, which sqlglot can hold."""
        pivot = self._parse_simplified_pivot(is_unpivot=is_unpivot)
        if not self._curr or self._curr.token_type not in {TokenType.ORDER_BY, TokenType.LIMIT, TokenType.OFFSET}:
            return pivot
        subquery = self.expression(exp.Subquery(this=pivot))
        query = self.expression(exp.Select(expressions=[exp.Star()], from_=exp.From(this=subquery)))
        return self._parse_query_modifiers(query) or query


# A tokenizer of sqlglot swallows what follows EXPLAIN, CALL and the like as one string: here they are words.
class _PostgresTokens(Postgres.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()


class _MySQLTokens(MySQL.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()


class _SQLiteTokens(SQLite.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()


class _DuckDBTokens(DuckDB.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()


_TOKENIZERS: Final[dict[Dialect, type[Tokenizer]]] = {
    "postgres": _PostgresTokens,
    "mysql": _MySQLTokens,
    "sqlite": _SQLiteTokens,
    "duckdb": _DuckDBTokens,
}
_PARSERS: Final[dict[Dialect, type[_QueriesOnly]]] = {
    "postgres": _Postgres,
    "mysql": _MySQL,
    "sqlite": _SQLite,
    "duckdb": _DuckDB,
}
