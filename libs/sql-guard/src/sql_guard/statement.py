"""The text of a statement, before it is parsed: its size, its tokens, its comments, and that it is one."""

from typing import Final

from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from sql_guard.parsing import tokenize
from sql_guard.verdict import Dialect, Refusal

MAX_CHARACTERS: Final = 50_000
MAX_TOKENS: Final = 6_000
MAX_NESTING: Final = 48
"""Brackets inside brackets. The parser recurses, and backtracks: deeper statements cost time, and no honest one is."""

QUERY_WORDS: Final = frozenset({"SELECT", "WITH", "VALUES", "FROM", "TABLE", "(", "PIVOT", "UNPIVOT"})
"""The words that a query can begin with."""

_OPENING: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
_EXECUTABLE_COMMENTS: Final = ("!", "M!")


def read_tokens(sql: str, dialect: Dialect) -> list[Token]:
    """The tokens of the one statement in `sql`, without a final semicolon. Raises `Refusal`."""
    _check_characters(sql)
    try:
        tokens = tokenize(sql, dialect)
    except TokenError as error:
        raise Refusal("unparsable", "the text is not SQL of this dialect") from error
    if dialect in {"postgres", "sqlite"}:
        tokens = _whole_numbers(tokens, sql)
    if len(tokens) > MAX_TOKENS:
        raise Refusal("too_large", f"more than {MAX_TOKENS:,} tokens")
    _check_comments(tokens, dialect)
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise Refusal("empty", "there is no statement")
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise Refusal("multiple_statements", "only one statement is allowed")
    _check_nesting(tokens)
    return tokens


def begins_query(token: Token) -> bool:
    """Whether a statement that begins with this word can be a query."""
    return token.text.upper() in QUERY_WORDS and token.token_type not in {TokenType.IDENTIFIER, TokenType.STRING}


def _check_characters(sql: str) -> None:
    if len(sql) > MAX_CHARACTERS:
        raise Refusal("too_large", f"longer than {MAX_CHARACTERS:,} characters")
    if "\0" in sql:
        raise Refusal("unparsable", "the text holds a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in sql):
        raise Refusal("unparsable", "the text is not valid Unicode")


def _check_comments(tokens: list[Token], dialect: Dialect) -> None:
    """MySQL and MariaDB run what stands in `/*! ... */` and `/*M! ... */`."""
    if dialect != "mysql":
        return
    for token in tokens:
        if any(comment.startswith(_EXECUTABLE_COMMENTS) for comment in token.comments):
            raise Refusal("executable_comment", "executable comments are not allowed")


def _check_nesting(tokens: list[Token]) -> None:
    depth = 0
    for token in tokens:
        if token.token_type in _OPENING:
            depth += 1
            if depth > MAX_NESTING:
                raise Refusal("too_deep", f"nested more than {MAX_NESTING} levels")
        elif token.token_type in _CLOSING and depth:
            depth -= 1


def _whole_numbers(tokens: list[Token], sql: str) -> list[Token]:
    """The tokens with `1_000`, `0x1F`, `0o17` and `0b101` as decimal numbers.

    The tokenizer reads `1_000` as the number 1 with the alias _000, or a hexadecimal number as a string of bits.
    """
    whole: list[Token] = []
    for token in tokens:
        last = whole[-1] if whole else None
        if (
            last is not None
            and last.token_type == TokenType.NUMBER
            and last.end + 1 == token.start
            and token.token_type in {TokenType.VAR, TokenType.NUMBER}
        ):
            whole[-1] = _integer(sql[last.start : token.end + 1], last, token)
        elif token.token_type in {TokenType.HEX_STRING, TokenType.BIT_STRING} and sql[token.start] == "0":
            whole.append(_integer(sql[token.start : token.end + 1], token, token))
        else:
            whole.append(token)
    return whole


def _integer(written: str, first: Token, last: Token) -> Token:
    try:
        value = int(written, 0)
    except ValueError as error:
        raise Refusal("unparsable", "a malformed number") from error
    return Token(
        TokenType.NUMBER, str(value), first.line, first.col, first.start, last.end, first.comments + last.comments
    )
