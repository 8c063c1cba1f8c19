"""Fractional numbers of an answer, rounded."""

from collections.abc import Iterator

from sqlglot import exp

from contracts.sql_generator import DatabaseSchema, SourceKind
from sql_generator.rules.names import folded, table_key
from sql_generator.rules.scans import places

_FRACTIONAL_TYPES = ("decimal", "numeric", "real", "double", "float", "money")
_OF_FRACTIONS = frozenset({"sum", "min", "max", "total", "coalesce"})
_FRACTIONS = frozenset({"avg", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp"})
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Paren)


def round_numbers(tree: exp.Expr, decimals: int, schema: DatabaseSchema) -> int:
    """Round what the answer shows of averages, quotients and columns of fractional types; how many expressions."""
    columns = _fractional_columns(tree, schema)
    rounded = 0
    for select in _outermost(tree):
        for expression in select.expressions:
            value = expression.this if isinstance(expression, exp.Alias) else expression
            if not _is_fraction(value, columns):
                continue
            call = _round(value.copy(), decimals, schema.dialect)
            if isinstance(expression, exp.Alias):
                expression.set("this", call)
            else:
                expression.replace(exp.alias_(call, value.this.copy()) if isinstance(value, exp.Column) else call)
            rounded += 1
    return rounded


def _round(value: exp.Expr, decimals: int, dialect: SourceKind) -> exp.Expr:
    if dialect == "postgres":
        # PostgreSQL rounds numeric to decimals, and double precision to whole numbers only.
        value = exp.Cast(this=value, to=exp.DataType.build("NUMERIC"))
    return exp.Anonymous(this="ROUND", expressions=[value, exp.Literal.number(decimals)])


def _outermost(tree: exp.Expr) -> Iterator[exp.Select]:
    if isinstance(tree, exp.Select):
        yield tree
    elif isinstance(tree, exp.Subquery):
        yield from _outermost(tree.this)
    elif isinstance(tree, exp.SetOperation):
        yield from _outermost(tree.this)
        yield from _outermost(tree.expression)


def _fractional_columns(tree: exp.Expr, schema: DatabaseSchema) -> set[str]:
    """Names that in every table the tree reads stand for columns of a fractional type, if they are there at all."""
    read = {key for _, key in places(tree, schema.dialect)}
    fractional: set[str] = set()
    others: set[str] = set()
    for table in schema.tables:
        if table_key(table.name, schema.dialect) not in read:
            continue
        for column in table.columns:
            is_fractional = any(word in column.type.lower() for word in _FRACTIONAL_TYPES)
            (fractional if is_fractional else others).add(folded(column.name))
    return fractional - others


def _is_fraction(value: exp.Expr, columns: set[str]) -> bool:
    if isinstance(value, exp.Column):
        return folded(value.name) in columns
    if isinstance(value, exp.Div):
        return True
    if isinstance(value, exp.Anonymous):
        name = value.name.lower()
        if name in _FRACTIONS:
            return True
        return name in _OF_FRACTIONS and any(_is_fraction(argument, columns) for argument in value.expressions)
    if isinstance(value, _ARITHMETIC):
        return any(_is_fraction(part, columns) for part in value.iter_expressions())
    return False
