"""What a statement is, beyond whether it may run: its signature, and whether it was meant to change something."""

import hashlib
import re
from functools import reduce
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.tokenizer_core import Token, TokenType

from contracts.sql_generator import SourceKind
from sql_guard.parsing import SQLGLOT_FAULTS

MAX_SIGNATURE_CHARS: Final = 500

_CHANGING: Final = frozenset(
    (
        *("DROP", "DELETE", "UPDATE", "INSERT", "MERGE", "REPLACE", "UPSERT", "TRUNCATE", "ALTER", "CREATE", "RENAME"),
        *("GRANT", "REVOKE", "COPY", "CALL", "DO", "EXECUTE", "SET", "RESET", "VACUUM", "REINDEX", "ATTACH", "DETACH"),
        *("LOCK", "LOAD", "COMMENT", "REFRESH", "IMPORT"),
    )
)
_QUERY: Final = re.compile(r"\s*(?:SELECT|WITH|VALUES|\()", re.IGNORECASE)
_EXPLAINS: Final = re.compile(r"\s*EXPLAIN\b(?:\s*\([^)]*\))?(?:\s+(?:ANALYZE|VERBOSE|QUERY\s+PLAN)\b)*", re.IGNORECASE)
_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_NOT_A_WORD: Final = frozenset({TokenType.STRING, TokenType.IDENTIFIER})
_WANTS_CHANGE: Final = re.compile(
    r"""
    ^\W*(?:(?:please|now|just|kindly|can\ you|could\ you)\W+)*
        (?:delete|drop|truncate|erase|destroy|wipe|purge|remove|insert|update|alter|modify|overwrite|grant|revoke)\b
    | \b(?:drop|truncate|alter|create)\s+(?:table|view|schema|database|index|column|user|role)\b
    | \bdelete\s+from\b | \binsert\s+into\b | \bupdate\s+\S+\s+set\b | \btruncate\s+\w+\s*(?:;|$)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def signature(sql: str, dialect: SourceKind) -> str | None:
    """What queries have in common that differ only in literals, case, quotes and layout, in the aliases of tables, and
    in the order of the conditions that AND or OR joins; None for other statements.

    Literals become placeholders, a list of them one placeholder. A signature of more than 500 characters is replaced by
    the SHA-256 of it. `sql` is one that the guard has rendered; it has no signature either where sqlglot cannot read
    it, because sqlglot knows how many arguments a function takes and the guard leaves that to the engine.
    """
    if not is_query(sql):
        return None
    try:
        text = _without_particulars(sql, dialect)
    except (SqlglotError, RecursionError, *SQLGLOT_FAULTS):
        return None
    if len(text) <= MAX_SIGNATURE_CHARS:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def is_query(sql: str) -> bool:
    """Whether a statement that the guard rendered is a query, not a look at a plan or a schema (EXPLAIN, PRAGMA …)."""
    return _QUERY.match(sql) is not None


def _without_particulars(sql: str, dialect: SourceKind) -> str:
    tree = normalize_identifiers(sqlglot.parse_one(sql, read=dialect), dialect=dialect)
    tree = tree.transform(_without_literals)
    for identifier in tree.find_all(exp.Identifier):
        if _PLAIN_NAME.fullmatch(identifier.name):
            identifier.set("quoted", False)
    _number_aliases(tree)
    _sort_conditions(tree)
    return tree.sql(dialect=dialect, comments=False, normalize_functions="upper")


def _without_literals(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Literal) or (isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal)):
        return exp.Var(this="?")
    if isinstance(node, exp.In) and node.expressions and all(isinstance(e, exp.Literal) for e in node.expressions):
        node.set("expressions", [exp.Var(this="?")])
    return node


def _number_aliases(tree: exp.Expr) -> None:
    """Call the tables and subqueries that have an alias t1, t2, … in the order of the text."""
    aliases: dict[str, str] = {}
    for alias in tree.find_all(exp.TableAlias, bfs=False):
        if isinstance(alias.parent, (exp.Table, exp.Subquery)) and alias.name:
            alias.set("this", exp.to_identifier(aliases.setdefault(alias.name, f"t{len(aliases) + 1}")))
    for column in tree.find_all(exp.Column):
        if column.table in aliases:
            column.set("table", exp.to_identifier(aliases[column.table]))


def _sort_conditions(tree: exp.Expr) -> None:
    """Put what AND or OR joins in the order of its text; inner conditions first, since they are text of others."""
    for joined in reversed(list(tree.find_all(exp.And, exp.Or))):
        if isinstance(joined.parent, type(joined)):
            continue
        first, *others = sorted(joined.flatten(unnest=False), key=lambda condition: condition.sql())
        sorted_ones = reduce(lambda left, right: type(joined)(this=left, expression=right), others, first)
        for name in ("this", "expression"):
            joined.set(name, sorted_ones.args[name])


def changes_data(sql: str, dialect: SourceKind) -> bool:
    """Whether a statement that the guard refused was written to change something, as far as its words tell.

    It decides only whether asking the model again makes sense: what may run is the guard's to say.
    """
    explained = _EXPLAINS.sub("", sql, count=1)
    try:
        tokens = sqlglot.tokenize(explained, read=dialect)
    except SqlglotError:
        words = explained.split(maxsplit=1)
        return bool(words) and words[0].upper() in _CHANGING
    return any(_begins_change(tokens, position) for position in range(len(tokens)))


def _begins_change(tokens: list[Token], position: int) -> bool:
    token = tokens[position]
    if token.token_type in _NOT_A_WORD or token.text.upper() not in _CHANGING:
        return False
    following = tokens[position + 1].token_type if position + 1 < len(tokens) else None
    if following == TokenType.L_PAREN:  # REPLACE(…) and INSERT(…) are functions too
        return False
    if position == 0 or tokens[position - 1].token_type == TokenType.SEMICOLON:
        return True
    return tokens[position - 1].token_type == TokenType.L_PAREN  # WITH gone AS (DELETE …)


def asks_for_change(question: str) -> bool:
    """Whether a question that got no answer was a demand to change data, in words or as SQL in a question's guise."""
    return _WANTS_CHANGE.search(question) is not None
