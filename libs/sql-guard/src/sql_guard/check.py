"""The order of judgement: text, statement, tree, rendered text, tree of the rendered text."""

from collections.abc import Collection

from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.tokenizer_core import Token

from sql_guard.attributes import check_attributes
from sql_guard.calls import check_calls
from sql_guard.columns import named_columns
from sql_guard.hints import check_hints
from sql_guard.metadata import check_description, describes, split_explain
from sql_guard.nodes import check_nodes, check_root
from sql_guard.parsing import parse
from sql_guard.relations import AllowedRelations, Relation, check_relations
from sql_guard.rendering import render_stably
from sql_guard.statement import begins_query, read_tokens
from sql_guard.verdict import Dialect, Refusal, Verdict


def check(sql: str, dialect: Dialect, *, relations: Collection[str] | None = None) -> Verdict:
    """Whether `sql` is one statement that only reads, and the text of it that may be run.

    Everything is refused that is not known to be harmless: the statement must parse in its own dialect, and every node,
    function and relation in it must be on an allow-list. Execute `Verdict.sql`, never the text that was given.

    Args:
        sql: The statement, from anyone: a model, a person, an attacker.
        dialect: The dialect of the engine that will run it.
        relations: The tables and views that may be read, optionally qualified by a schema, without regard to case. With
            None, any may be but system catalogs (those that describe tables and columns excepted) and files.

    Never raises on hostile text: what cannot be judged is refused.
    """
    try:
        allowed = None if relations is None else AllowedRelations(relations, dialect)
        return _check(sql, dialect, allowed)
    except Refusal as refusal:
        return Verdict(allowed=False, reason=refusal.reason, code=refusal.code)
    except RecursionError:
        return Verdict(allowed=False, reason="nested too deeply", code="too_deep")


def _check(sql: str, dialect: Dialect, allowed: AllowedRelations | None) -> Verdict:
    tokens = read_tokens(sql, dialect)
    prefix = ""
    if describes(tokens):
        explained = split_explain(tokens, dialect)
        if explained is None:
            description = check_description(tokens, dialect, allowed)
            tables = () if description.relation is None else (str(description.relation),)
            return Verdict(allowed=True, reason="describes relations", code="ok", sql=description.sql, tables=tables)
        prefix, tokens = explained
    if not begins_query(tokens[0]):
        raise Refusal("not_a_query", "only queries are allowed")
    tree = _parse_one(tokens, sql, dialect)
    check_root(tree)
    check_hints(tree)
    _judge(tree, dialect, allowed)
    text, final = render_stably(tree, dialect)
    check_root(final)
    read = _judge(final, dialect, allowed)
    return Verdict(
        allowed=True,
        reason="reads only",
        code="ok",
        sql=f"{prefix} {text}" if prefix else text,
        tables=tuple(str(relation) for relation in read),
        columns=named_columns(final, dialect),
    )


def _parse_one(tokens: list[Token], sql: str, dialect: Dialect) -> exp.Expr:
    try:
        trees = parse(tokens, sql, dialect)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        where = f" at line {first.get('line')}, column {first.get('col')}" if first.get("line") else ""
        description = str(first.get("description") or "not a query of this dialect").rstrip(".")
        raise Refusal("unparsable", f"cannot be parsed{where}: {description}") from error
    if len(trees) != 1 or trees[0] is None:
        raise Refusal("multiple_statements", "only one statement is allowed")
    return trees[0]


def _judge(tree: exp.Expr, dialect: Dialect, allowed: AllowedRelations | None) -> tuple[Relation, ...]:
    check_nodes(tree, dialect)
    check_calls(tree, dialect)
    check_attributes(tree, dialect)
    return check_relations(tree, dialect, allowed)
