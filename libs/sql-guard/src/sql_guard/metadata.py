"""Statements that describe tables (`SHOW COLUMNS FROM t`, `DESCRIBE t`, `PRAGMA table_info(t)`) and plans (`EXPLAIN`).

They are few and short, so they are matched word by word rather than parsed; whatever differs is refused.
"""

import re
from dataclasses import dataclass
from typing import Final

from sqlglot.tokenizer_core import Token, TokenType

from sql_guard.relations import AllowedRelations, Relation, check_relation
from sql_guard.statement import QUERY_WORDS
from sql_guard.verdict import Dialect, Refusal

_PART: Final = r"(?:[\w$]+|`[^`]+`|\"[^\"]+\"|'[^']+')"
_NAME: Final = rf"(?P<table>{_PART}(?:\.{_PART})*)"
_LIKE: Final = r"(?: LIKE (?P<like>'[^'\\]*'))?"
_DATABASE: Final = rf"(?: (?:FROM|IN) (?P<database>{_PART}))?"
# `EXPLAIN DELETE t` is no description of a table named DELETE.
_NO_VERB: Final = r"(?!(?:DELETE|UPDATE|INSERT|REPLACE|ANALYZE|FORMAT|FOR|INTO|TABLE)\b)"

_PATTERNS: Final[dict[Dialect, tuple[str, ...]]] = {
    "postgres": (),
    "mysql": (
        rf"SHOW (?:FULL )?TABLES{_DATABASE}{_LIKE}",
        rf"SHOW TABLE STATUS{_DATABASE}{_LIKE}",
        rf"SHOW (?:DATABASES|SCHEMAS){_LIKE}",
        rf"SHOW (?:FULL )?(?:COLUMNS|FIELDS) (?:FROM|IN) {_NAME}{_DATABASE}{_LIKE}",
        rf"SHOW (?:INDEX|INDEXES|KEYS) (?:FROM|IN) {_NAME}{_DATABASE}",
        rf"SHOW CREATE (?:TABLE|VIEW) {_NAME}",
        rf"(?:DESCRIBE|DESC|EXPLAIN) {_NO_VERB}{_NAME}(?: {_PART})?",
    ),
    "sqlite": (
        rf"PRAGMA (?:main\.)?(?:table_info|table_xinfo|index_list|foreign_key_list) \( {_NAME} \)",
        r"PRAGMA table_list",
    ),
    "duckdb": (
        r"SHOW (?:ALL )?TABLES",
        r"SHOW (?:DATABASES|SCHEMAS)",
        r"DESCRIBE|DESC",
        rf"(?:DESCRIBE|DESC|SHOW|SUMMARIZE) (?:TABLE )?{_NAME}",
        r"PRAGMA show_tables",
        rf"PRAGMA (?:table_info|show) \( {_NAME} \)",
    ),
}
_COMPILED: Final = {
    dialect: tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)
    for dialect, patterns in _PATTERNS.items()
}

_EXPLAIN: Final[dict[Dialect, re.Pattern[str]]] = {
    "postgres": re.compile(r"EXPLAIN(?: ANALYZE)?(?: VERBOSE)?|EXPLAIN \( (?P<options>.+?) \)", re.IGNORECASE),
    "mysql": re.compile(
        r"(?:EXPLAIN|DESCRIBE|DESC)(?: (?:EXTENDED|PARTITIONS|ANALYZE))?(?: FORMAT = (?:JSON|TREE|TRADITIONAL))?",
        re.IGNORECASE,
    ),
    "sqlite": re.compile(r"EXPLAIN(?: QUERY PLAN)?", re.IGNORECASE),
    "duckdb": re.compile(r"EXPLAIN(?: ANALYZE)?(?: \( FORMAT \w+ \))?|DESCRIBE|DESC|SUMMARIZE", re.IGNORECASE),
}
_EXPLAIN_OPTION: Final = re.compile(
    r"(?:ANALYZE|VERBOSE|COSTS|BUFFERS|TIMING|SUMMARY|WAL|MEMORY|GENERIC_PLAN)(?: (?:TRUE|FALSE|ON|OFF|0|1))?"
    r"|FORMAT (?:TEXT|JSON|XML|YAML)",
    re.IGNORECASE,
)
_METADATA_WORDS: Final = frozenset({"SHOW", "DESCRIBE", "DESC", "EXPLAIN", "PRAGMA", "SUMMARIZE"})
_MAX_WORDS: Final = 40
_QUOTED: Final = frozenset({TokenType.IDENTIFIER, TokenType.STRING})
_PLAIN: Final = re.compile(r"[\w$%-]*")


@dataclass(frozen=True, slots=True)
class Description:
    """A checked statement about a table or about all of them."""

    sql: str
    relation: Relation | None


def describes(tokens: list[Token]) -> bool:
    """Whether the first word begins a statement of this module."""
    return tokens[0].text.upper() in _METADATA_WORDS and tokens[0].token_type not in _QUOTED


def split_explain(tokens: list[Token], dialect: Dialect) -> tuple[str, list[Token]] | None:
    """`("EXPLAIN ...", tokens of the query)` where the statement is the plan or the description of a query."""
    depth = 0
    for position, token in enumerate(tokens[:_MAX_WORDS]):
        word = token.text.upper()
        if position and depth == 0 and word in QUERY_WORDS and not _opens_options(tokens, position, dialect):
            prefix = _words(tokens[:position], dialect)
            match = _EXPLAIN[dialect].fullmatch(prefix)
            if match is None:
                return None
            options = match.groupdict().get("options")
            if options and not all(_EXPLAIN_OPTION.fullmatch(option) for option in options.split(" , ")):
                raise Refusal("not_a_query", "an option of EXPLAIN is not allowed")
            return prefix.upper(), tokens[position:]
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
    return None


def _opens_options(tokens: list[Token], position: int, dialect: Dialect) -> bool:
    if tokens[position].text != "(" or dialect not in {"postgres", "duckdb"}:
        return False
    following = tokens[position + 1].text.upper() if position + 1 < len(tokens) else ""
    return following not in QUERY_WORDS


def check_description(tokens: list[Token], dialect: Dialect, allowed: AllowedRelations | None) -> Description:
    """The statement as it may run, and the relation it describes. Raises `Refusal`."""
    text = _words(tokens, dialect) if len(tokens) <= _MAX_WORDS else ""
    for pattern in _COMPILED[dialect]:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        groups = match.groupdict()
        database, table = groups.get("database"), groups.get("table")
        relation = Relation((*_parts(database), *_parts(table))) if table else None
        if relation is not None:
            check_relation(relation, dialect, allowed)
        elif allowed is not None:
            raise Refusal("relation_not_allowed", "listing all relations is not allowed")
        elif database:
            check_relation(Relation((*_parts(database), "-")), dialect, None)
        return Description(text.replace(" ( ", "(").replace(" )", ")"), relation)
    raise Refusal("not_a_query", f"this form of {tokens[0].text.upper()} is not allowed")


def _words(tokens: list[Token], dialect: Dialect) -> str:
    """The tokens with one space between, dotted names without. Quoted names keep to letters, digits, `_`, `$`, `-`."""
    quote = "`" if dialect == "mysql" else '"'
    text = ""
    for token in tokens:
        word = token.text
        if token.token_type in _QUOTED:
            if not _PLAIN.fullmatch(word):
                raise Refusal("not_a_query", "a quoted name with other characters than letters and digits")
            mark = "'" if token.token_type == TokenType.STRING else quote
            word = f"{mark}{word}{mark}"
        joined = not text or word == "." or text.endswith(".")
        text += word if joined else f" {word}"
    return text


def _parts(name: str | None) -> tuple[str, ...]:
    return tuple(part.strip("\"'`") for part in name.split(".")) if name else ()
