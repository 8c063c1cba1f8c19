"""Which kinds of syntax a statement may contain, in any position: everything that is not named here is refused."""

import re
from typing import Final

from sqlglot import exp

from sql_guard.verdict import Dialect, Refusal

_ALLOWED: Final = """
Select Union Except Intersect Subquery Values Tuple Paren With CTE RecursiveWithSearch TableAlias Table From Join
Lateral Where Group Cube Rollup GroupingSets Having Qualify Order Ordered Limit LimitOptions Offset Fetch Distinct
Window WindowSpec WithinGroup Filter IgnoreNulls RespectNulls TableSample Pivot PivotAlias UnpivotColumns
IndexTableHint Partition Describe Summarize
Column Identifier Star Alias Aliases Dot Bracket Slice Kwarg PropertyEQ Lambda Comprehension Var PositionalColumn
ColumnDef
Literal Null Boolean HexString BitString RawString UnicodeString ByteString National Introducer Interval
IntervalSpan DataType DataTypeParam
Add Sub Mul Div IntDiv Mod Pow DPipe Neg BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift
BitwiseRightShift Sqrt Cbrt Abs
EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is Not And Or Xor Between In Like ILike Glob SimilarTo Escape Match
RegexpLike RegexpILike RegexpFullMatch All Any Exists Overlaps CosineDistance Distance DistanceNd Adjacent ExtendsLeft
ExtendsRight ArrayContainsAll ArrayContainedBy ArrayOverlaps StartsWith
AtTimeZone Collate Case If
Anonymous Soundex Cast TryCast ConvertToCharset CharacterSet Extract Trim Substring StrPosition Overlay Chr
GroupConcat Concat MatchAgainst Unnest Array Struct Map ToMap Variadic
CurrentDate CurrentTime CurrentTimestamp Localtime Localtimestamp CurrentUser CurrentRole
CurrentCatalog CurrentSchema SessionUser
JSONExtract JSONExtractScalar JSONBExtract JSONBExtractScalar JSONBContainsTopKey JSONBContainsAllTopKeys
JSONBContainsAnyTopKeys JSONBDeleteAtPath JSONBContains JSONBPathExists JSONArrayContains JSONValue
JSON JSONExtractQuote JSONTable JSONSchema JSONColumnDef FormatJson OnCondition JSONPath JSONPathRoot JSONPathKey
JSONPathSubscript JSONPathWildcard JSONPathSlice JSONPathRecursive
XMLTable XMLNamespace
"""

ALLOWED: Final = frozenset(_ALLOWED.split())
"""Names of sqlglot's node types. `Anonymous` is every ordinary function call; `functions` judges those by name."""

_CODES: Final[dict[str, tuple[str, str]]] = {
    "Lock": ("locking_clause", "locking rows (FOR UPDATE, FOR SHARE) is not reading"),
    "Into": ("select_into", "SELECT INTO writes"),
    "Parameter": ("variable", "parameters and session variables are not allowed"),
    "SessionParameter": ("variable", "parameters and session variables are not allowed"),
    "Placeholder": ("variable", "parameters and session variables are not allowed"),
    "ObjectIdentifier": ("type_not_allowed", "types that look up catalog objects (reg*) are not allowed"),
    "PseudoType": ("type_not_allowed", "pseudo types are not allowed"),
    "Operator": ("operator_not_allowed", "OPERATOR(...) can call any function"),
}
_WRITES: Final = frozenset({"Insert", "Update", "Delete", "Merge", "Create", "Drop", "Alter", "Copy", "Set"})

_BARE_WORD: Final = re.compile(r"[^\W\d][\w$]*(?: [^\W\d][\w$]*)*")
# MySQL alone lets an unquoted name begin with a digit.
_BARE_IDENTIFIER: Final = re.compile(r"\w[\w$]*")
_NUMBER: Final = re.compile(r"(?:0[xXoObB][0-9a-fA-F_]+|[0-9_]*\.?[0-9_]+\.?(?:[eE][+-]?[0-9]+)?)")
_HEX: Final = re.compile(r"[0-9a-fA-F]*")
_CARRIES_TEXT: Final = (
    exp.Anonymous,
    exp.RawString,
    exp.ByteString,
    exp.UnicodeString,
    exp.National,
    exp.JSONPathPart,
)
"""Nodes whose text is quoted when written, or judged elsewhere."""
_CHARACTER_SETS: Final = frozenset({"_utf8", "_utf8mb3", "_utf8mb4", "_latin1", "_ascii", "_binary"})
_SAMPLE_METHODS: Final = frozenset({"SYSTEM", "BERNOULLI", "RESERVOIR"})
_SOURCES: Final = (exp.Table, exp.Subquery, exp.Values, exp.Unnest, exp.Lateral)
_QUERIES: Final = (exp.Select, exp.SetOperation, exp.Values, exp.Subquery, exp.Pivot)
_DESCRIPTIONS: Final = (exp.Describe, exp.Summarize)
_HOLDS: Final[dict[type[exp.Expr], tuple[type[exp.Expr], ...]]] = {
    exp.From: _SOURCES,
    exp.Join: _SOURCES,
    exp.Lateral: (exp.Subquery, exp.Unnest, exp.Anonymous, exp.JSONTable, exp.XMLTable),
    exp.Table: (exp.Identifier, exp.Anonymous, exp.JSONTable, exp.XMLTable),
    exp.Pivot: (exp.Table, exp.Subquery),
    exp.CTE: _QUERIES,
    exp.Subquery: (*_QUERIES, *_DESCRIPTIONS, exp.Table),
    exp.Describe: (*_QUERIES, exp.Table),
    exp.Summarize: (*_QUERIES, exp.Table),
}
"""What may stand where the engine expects a relation. A string there is a file to DuckDB: `(SUMMARIZE 'x.csv')`."""


def check_root(tree: exp.Expr) -> None:
    """Refuses a statement that is not a query."""
    if not isinstance(tree, _QUERIES):
        raise Refusal("not_a_query", "only queries are allowed")
    if isinstance(tree, exp.Subquery):
        inner = tree.unnest()
        if not isinstance(inner, _QUERIES):
            raise Refusal("not_a_query", "only queries are allowed")


def check_nodes(tree: exp.Expr, dialect: Dialect) -> None:
    """Refuses a tree with a node that is not allowed, or whose text is not what its kind promises."""
    for node in tree.walk():
        if type(node).__name__ not in ALLOWED:
            raise _refusal(type(node).__name__)
        _check_text(node)
        held = node.args.get("this")
        if held is not None and not isinstance(held, _HOLDS.get(type(node), object)):
            raise Refusal("relation_not_allowed", f"{type(held).__name__} does not name a relation")
        if isinstance(node, exp.DataType):
            _check_type(node, dialect)
        elif isinstance(node, exp.Introducer):
            if node.name.lower() not in _CHARACTER_SETS:
                raise Refusal("node_not_allowed", "this character set introducer is not allowed")
        elif isinstance(node, exp.TableSample):
            method = node.args.get("method")
            if method is not None and method.name.upper() not in _SAMPLE_METHODS:
                raise Refusal("function_not_allowed", f"sampling method {method.name} is not allowed")


def _refusal(node_name: str) -> Refusal:
    if node_name in _CODES:
        return Refusal(*_CODES[node_name])
    if node_name in _WRITES:
        return Refusal("write", "statements that write are not allowed")
    return Refusal("node_not_allowed", f"{node_name} is not allowed in a query")


def _check_text(node: exp.Expr) -> None:
    """Refuses text that the generator would write as it is and that is not the word or the number it should be."""
    sound: object
    if isinstance(node, exp.Identifier):
        sound = bool(node.args.get("quoted")) or _BARE_IDENTIFIER.fullmatch(node.name)
    elif isinstance(node, exp.Literal):
        sound = node.is_string or _NUMBER.fullmatch(node.name)
    elif isinstance(node, exp.HexString | exp.BitString):
        sound = _HEX.fullmatch(str(node.this))
    elif isinstance(node, _CARRIES_TEXT):
        sound = True
    else:
        sound = all(_BARE_WORD.fullmatch(value) for value in node.args.values() if isinstance(value, str))
    if not sound:
        raise Refusal("unparsable", f"a malformed {type(node).__name__}")


def _check_type(node: exp.DataType, dialect: Dialect) -> None:
    kind = node.args.get("kind")
    if node.this != exp.DType.USERDEFINED:
        return
    name = kind if isinstance(kind, str) else kind.sql(dialect=dialect) if isinstance(kind, exp.Expr) else ""
    parts = [part.strip('"').lower() for part in name.split(".")]
    if not all(_BARE_IDENTIFIER.fullmatch(part) for part in parts):
        raise Refusal("type_not_allowed", "a malformed type name")
    # reg* types resolve catalog objects by name; pg_* and sys types are the server's own.
    if dialect in {"postgres", "duckdb"} and parts[-1].startswith(("reg", "pg_")):
        raise Refusal("type_not_allowed", f"type {parts[-1]} is not allowed")
