"""SQL-like expressions inside sentences, turned into syntax trees over columns of the schema, or refused."""

import re
from collections.abc import Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_generator.generation.offline.catalogue import Candidate, Catalogue
from sql_generator.generation.offline.tokens import tokenize

_SAFE_NODES: tuple[type[exp.Expr], ...] = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.Star, exp.Distinct),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg),
    *(
        exp.EQ,
        exp.NEQ,
        exp.GT,
        exp.GTE,
        exp.LT,
        exp.LTE,
        exp.And,
        exp.Or,
        exp.Not,
        exp.In,
        exp.Between,
        exp.Like,
        exp.Is,
    ),
    *(
        exp.Sum,
        exp.Count,
        exp.Avg,
        exp.Min,
        exp.Max,
        exp.Coalesce,
        exp.Nullif,
        exp.Round,
        exp.Abs,
        exp.Lower,
        exp.Upper,
    ),
    *(exp.Case, exp.If),
)
_SPOKEN_OPERATORS = (
    (r"\bmultiplied by\b|\btimes\b|×", "*"),
    (r"\bdivided by\b|÷", "/"),
    (r"\bminus\b|\bless\b(?! than)", "-"),
    (r"\bplus\b", "+"),
)
_SPOKEN_AGGREGATE = re.compile(
    r"^(?:the\s+)?(?P<name>sum|total|average|mean|maximum|minimum|highest|lowest)\s+(?:of\s+)?(?:the\s+)?(?P<rest>[^(].*)$",
    re.IGNORECASE,
)
_AGGREGATES = {
    "sum": "SUM", "total": "SUM", "average": "AVG", "mean": "AVG", "maximum": "MAX", "minimum": "MIN",
    "highest": "MAX", "lowest": "MIN",
}  # fmt: skip
_OF_TABLE = re.compile(
    r"^(?P<expression>.+)\s+(?:of|in|from|over|across)\s+(?:the\s+|all\s+)?(?P<table>[\w\s.]+)$", re.IGNORECASE
)
_ATOM = re.compile(r"[^\W\d][\w.]*(?:\s+[^\W\d][\w.]*)+")
_SPOKEN_COMPARISONS = (
    (r"\bis not (?:null|missing|empty)\b", "IS NOT NULL"),
    (r"\bis (?:null|missing|empty)\b", "IS NULL"),
    (r"\b(?:is not|isn['’]t|differs from|is other than)\b", "<>"),
    (r"\b(?:is |are |of )?(?:at least|no less than)\b", ">="),
    (r"\b(?:is |are |of )?(?:at most|no more than|up to)\b", "<="),
    (r"\b(?:is |are |of )?(?:more than|greater than|above|over|higher than)\b", ">"),
    (r"\b(?:is |are |of )?(?:less than|fewer than|below|under|lower than)\b", "<"),
    (r"\b(?:is one of|is either|is|are|equals|equal to)\b", "="),
)
_SEPARATOR = re.compile(r"\s*(?P<sign><>|!=|=|:)\s*|\s+(?=['\"])")
_MAX_CHARS = 500
_COMMENT_MARKS = ("--", "/*", "*/")


def quantity(text: str, catalogue: Catalogue) -> exp.Expr | None:
    """The number in "sum(a * b)", "a * b of t" or "the sum of a times b"; None when it is anything else."""
    body = text.strip().rstrip(".")
    scope: tuple[str, ...] = ()
    tree = _parse(_arithmetic(body, catalogue, scope), catalogue, scope)
    if tree is None and (match := _OF_TABLE.match(body)) is not None:
        table = catalogue.table_named(match["table"].strip()) or _named_table(match["table"], catalogue)
        if table is not None:
            tree = _parse(_arithmetic(match["expression"], catalogue, (table,)), catalogue, (table,))
    if tree is None or _is_condition(tree) or tree.find(exp.Column) is None:
        return None
    return tree


def condition(text: str, catalogue: Catalogue, scope: Sequence[str]) -> exp.Expr | None:
    """The condition in "status = 'active'", "status is paid or shipped", "price is over 100"; else None."""
    body = text.strip().rstrip(".")
    tree = _choice(body, catalogue, scope)
    if tree is None:
        for pattern, operator in _SPOKEN_COMPARISONS:
            body = re.sub(pattern, operator, body, flags=re.IGNORECASE)
        tree = _choice(body, catalogue, scope) or _parse(_columns_spelled(body, catalogue, scope), catalogue, scope)
    if tree is None or not _is_condition(tree) or tree.find(exp.AggFunc) or tree.find(exp.Column) is None:
        return None
    return tree


def _choice(body: str, catalogue: Catalogue, scope: Sequence[str]) -> exp.Expr | None:
    """`column = value` or `column IN (values)` where the values are quoted or known."""
    match = _SEPARATOR.search(body)
    if match is None:
        return None
    column = _column(body[: match.start()], catalogue, scope)
    if column is None:
        return None
    values = body[match.end() :].strip(" ()")
    parts = re.split(r"\s*,\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+", values, flags=re.IGNORECASE)
    literals = [_value(part.strip(), column, catalogue) for part in parts if part.strip()]
    found = [literal for literal in literals if literal is not None]
    if not found or len(found) != len(literals):
        return None
    target = exp.column(column.column or "", table=column.table)
    tree = exp.EQ(this=target, expression=found[0]) if len(found) == 1 else target.isin(*found)
    return exp.not_(tree) if match["sign"] in {"<>", "!="} else tree


def _value(part: str, column: Candidate, catalogue: Catalogue) -> exp.Expr | None:
    if len(part) > 1 and part[0] == part[-1] and part[0] in "'\"":
        spelled = part[1:-1]
        known = _known(spelled, column, catalogue)
        return exp.Literal.string(known or spelled) if "'" not in spelled else None
    if re.fullmatch(r"-?\d+(?:\.\d+)?", part):
        number = catalogue.type_of(column) == "number"
        return exp.Literal.number(part) if number else exp.Literal.string(part)
    known = _known(part, column, catalogue)
    return exp.Literal.string(known) if known is not None else None


def _known(spelled: str, column: Candidate, catalogue: Catalogue) -> str | None:
    return next((sample for sample in catalogue.samples(column) if sample.lower() == spelled.lower()), None)


def _arithmetic(body: str, catalogue: Catalogue, scope: Sequence[str]) -> str:
    for pattern, operator in _SPOKEN_OPERATORS:
        body = re.sub(pattern, operator, body, flags=re.IGNORECASE)
    match = _SPOKEN_AGGREGATE.match(body)
    if match is not None:
        inner, _, table = match["rest"].partition(" of ")
        spelled = _columns_spelled(inner, catalogue, scope)
        return f"{_AGGREGATES[match['name'].lower()]}({spelled})" + (f" of {table}" if table else "")
    return _columns_spelled(body, catalogue, scope)


def _columns_spelled(body: str, catalogue: Catalogue, scope: Sequence[str]) -> str:
    """Writes columns that are named in several words ("unit price") as the schema has them."""

    def spell(match: re.Match[str]) -> str:
        column = _column(match[0], catalogue, scope)
        return match[0] if column is None else f'"{column.table}"."{column.column}"'

    return _ATOM.sub(spell, body)


def _column(text: str, catalogue: Catalogue, scope: Sequence[str]) -> Candidate | None:
    owner, _, name = text.strip().rpartition(".")
    table = catalogue.table_named(owner) if owner else None
    if owner and table is None:
        return None
    exact = catalogue.resolve_column(name, [table] if table else scope or None)
    if len(exact) == 1:
        return exact[0]
    words = tuple(token.lemma for token in tokenize(text) if token.lower not in {"a", "an", "the"})
    in_scope = [table] if table else scope
    named = [found for found in catalogue.names(words) if found.column and (not in_scope or found.table in in_scope)]
    best = [found for found in named if found.score >= max(_SURE, named[0].score - _MARGIN)]
    return best[0] if len(best) == 1 else None


_SURE = 0.75
_MARGIN = 0.04


def _named_table(text: str, catalogue: Catalogue) -> str | None:
    words = tuple(token.lemma for token in tokenize(text))
    tables = [found for found in catalogue.names(words) if found.column is None] if words else []
    return tables[0].table if tables else None


def _is_condition(tree: exp.Expr) -> bool:
    inner = tree.unnest()
    return isinstance(inner, exp.Predicate | exp.Connector | exp.Not | exp.In | exp.Between | exp.Is | exp.Like)


def _parse(text: str, catalogue: Catalogue, scope: Sequence[str]) -> exp.Expr | None:
    """The tree of `text` with every column as `table.column`; None unless all of it is safe and known."""
    if len(text) > _MAX_CHARS or any(mark in text for mark in _COMMENT_MARKS):
        return None
    try:
        # The text must be an expression by itself: as the whole of a SELECT list nothing can follow it.
        statements = sqlglot.parse(f"SELECT {text}", dialect="postgres")
    except SqlglotError:
        return None
    select = statements[0] if len(statements) == 1 else None
    if not isinstance(select, exp.Select) or len(select.expressions) != 1:
        return None
    if {key for key, value in select.args.items() if value} - {"expressions", "kind", "hint"}:
        return None
    tree = select.expressions[0]
    if not all(isinstance(node, _SAFE_NODES) for node in tree.walk()):
        return None
    return _qualified(tree.copy(), catalogue, scope)


def _qualified(tree: exp.Expr, catalogue: Catalogue, scope: Sequence[str]) -> exp.Expr | None:
    columns = list(tree.find_all(exp.Column))
    found: list[list[Candidate]] = []
    for column in columns:
        table = catalogue.table_named(column.table) if column.table else None
        if column.args.get("db") or (column.table and table is None):
            return None
        found.append(list(catalogue.resolve_column(column.name, [table] if table else scope or None)))
    common = _common_table(found)
    for column, candidates in zip(columns, found, strict=True):
        chosen = [one for one in candidates if one.table == common] or candidates
        if len(chosen) != 1:
            return None
        target = exp.column(chosen[0].column or "", table=chosen[0].table)
        if column is tree:
            return target
        column.replace(target)
    return tree


def _common_table(found: list[list[Candidate]]) -> str | None:
    """The one table that has all the columns."""
    sets = [{candidate.table for candidate in candidates} for candidates in found]
    shared = set.intersection(*sets) if sets else set()
    return shared.pop() if len(shared) == 1 else None
