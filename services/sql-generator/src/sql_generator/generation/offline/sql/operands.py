"""Columns, measures and points in time as expressions."""

from sqlglot import exp

from contracts.sql_generator import SourceKind
from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.plan import EVERY_ROW, Aggregate, Bucket, ColumnOf, Defined, EntityOf, Operand
from sql_generator.generation.offline.resolving import Unanswerable
from sql_generator.generation.offline.sql.sources import column_of
from sql_generator.generation.offline.sql.statement import Statement

_FUNCTIONS: dict[str, type[exp.AggFunc]] = {
    "COUNT": exp.Count, "SUM": exp.Sum, "AVG": exp.Avg, "MIN": exp.Min, "MAX": exp.Max,
}  # fmt: skip
_LABELS = {"COUNT": "number_of", "SUM": "total", "AVG": "average", "MIN": "minimum", "MAX": "maximum"}
_SQLITE_FORMATS = {"day": "%Y-%m-%d", "week": "%Y-%W", "month": "%Y-%m", "year": "%Y"}
_MYSQL_FORMATS = {"day": "%Y-%m-%d", "week": "%x-%v", "month": "%Y-%m", "year": "%Y"}


def expression(statement: Statement, operand: Operand) -> exp.Expr:
    """The value of an operand. Raises `Unanswerable` where it would count rows several times."""
    if isinstance(operand, ColumnOf):
        candidate = statement.of(operand)
        return column_of(candidate.table, candidate.column or "")
    if isinstance(operand, EntityOf):
        return entity(statement, operand)[0]
    if isinstance(operand, Bucket):
        return _bucket(expression(statement, operand.of), operand.unit, statement.dialect)
    return _defined(statement, operand) if isinstance(operand, Defined) else _aggregate(statement, operand)


def shown(statement: Statement, operand: Operand) -> list[exp.Expr]:
    """The columns of the result that show an operand; measures are labelled, and rounded where someone wishes it."""
    if isinstance(operand, EntityOf):
        return list(entity(statement, operand))
    value = expression(statement, operand)
    if isinstance(operand, ColumnOf):
        return [value]
    return [exp.alias_(_rounded(statement, value, operand), label(statement, operand))]


def entity(statement: Statement, operand: EntityOf) -> tuple[exp.Column, ...]:
    """What shows a row: its name, or all columns where the rows are all that is asked for."""
    catalogue = statement.catalogue
    table = statement.of(operand).table
    names = catalogue.display_columns(table)
    alone = len(statement.plan.shown) == 1 and not statement.aggregated
    if alone and (statement.wide or set(names) <= set(catalogue.key_of(table))):
        names = ()
    if operand.every_column or not names:
        if statement.aggregated and not operand.every_column:
            raise Unanswerable(f"I do not know what names a row of {table}.")
        names = tuple(column.name for column in catalogue.tables[table].columns)
    return tuple(column_of(table, name) for name in names)


def label(statement: Statement, operand: Operand) -> str:
    """How a measure is called in the result."""
    if isinstance(operand, Defined):
        return operand.definition.label
    if isinstance(operand, Bucket):
        return operand.unit
    if isinstance(operand, Aggregate):
        if operand.of.phrase == EVERY_ROW:
            return "number_of_rows"
        candidate = statement.of(operand.of)
        noun = (candidate.column or candidate.table.rpartition(".")[2]).lower().replace(" ", "_")
        return f"{_LABELS[operand.function]}_{noun}"
    return ""


def _rounded(statement: Statement, value: exp.Expr, operand: Operand) -> exp.Expr:
    wish = statement.knowledge.decimals
    if wish is None or isinstance(operand, Bucket):
        return value
    if isinstance(operand, Aggregate) and (
        operand.function == "COUNT" or statement.catalogue.type_of(statement.of(operand.of)) != "number"
    ):
        return value
    statement.used.append(wish)
    inner = exp.cast(value, "NUMERIC") if statement.dialect == "postgres" else value
    return exp.Round(this=inner, decimals=exp.Literal.number(wish.number))


def _aggregate(statement: Statement, operand: Aggregate) -> exp.Expr:
    if operand.of.phrase == EVERY_ROW:
        return exp.Count(this=exp.Star())
    candidate = statement.of(operand.of)
    repeated = statement.sources.repeats(candidate.table)
    if operand.function == "COUNT":
        return _count(statement, candidate, repeated=repeated)
    if repeated and operand.function in {"SUM", "AVG"}:
        raise Unanswerable(f"Joined with the other tables, each row of {candidate.table} would count several times.")
    column: exp.Expr = column_of(candidate.table, candidate.column or "")
    reads_numbers = statement.dialect == "mysql"  # where a cast would cut off the decimals
    if operand.function in {"SUM", "AVG"} and statement.catalogue.type_of(candidate) == "text" and not reads_numbers:
        column = exp.cast(column, "NUMERIC")
    return _FUNCTIONS[operand.function](this=column)


def _count(statement: Statement, candidate: Candidate, *, repeated: bool) -> exp.Expr:
    if candidate.column is not None:
        return _distinct(candidate.table, candidate.column)
    if not repeated:
        return exp.Count(this=exp.Star())
    key = statement.catalogue.key_of(candidate.table)
    if len(key) != 1:
        raise Unanswerable(f"I cannot tell the rows of {candidate.table} apart once they are joined.")
    return _distinct(candidate.table, key[0])


def _distinct(table: str, column: str) -> exp.Expr:
    return exp.Count(this=exp.Distinct(expressions=[column_of(table, column)]))


def _defined(statement: Statement, operand: Defined) -> exp.Expr:
    definition = operand.definition
    own = set(definition.tables)
    if any(statement.sources.repeats(table, own) for table in own):
        raise Unanswerable(f"Joined with the other tables, rows of {definition.tables[0]} would count several times.")
    if definition.aggregated and operand.function not in {None, "SUM"}:
        raise Unanswerable(f"{' '.join(definition.term)!r} is aggregated already.")
    if definition.only_where is not None:
        measures = [shown for shown in statement.plan.shown if isinstance(shown, Aggregate | Defined)]
        if any(measure != operand for measure in measures):
            raise Unanswerable(f"{' '.join(definition.term)!r} holds for some rows only; please ask for it alone.")
        statement.where.append(definition.only_where.copy())
    statement.used.append(definition)
    tree = definition.expression.copy()
    return tree if definition.aggregated else _FUNCTIONS[operand.function or "SUM"](this=tree.unnest())


def _bucket(column: exp.Expr, unit: str, dialect: SourceKind) -> exp.Expr:
    if dialect in {"postgres", "duckdb"}:
        if unit == "year":
            return exp.Extract(this=exp.var("YEAR"), expression=column)
        return exp.Anonymous(this="DATE_TRUNC", expressions=[exp.Literal.string(unit), column])
    if dialect == "mysql":
        return _mysql_bucket(column, unit)
    if unit != "quarter":
        return _strftime(_SQLITE_FORMATS[unit], column)
    month = exp.paren(exp.Add(this=exp.cast(_strftime("%m", column), "INTEGER"), expression=exp.Literal.number(2)))
    quarter = exp.paren(exp.Div(this=month, expression=exp.Literal.number(3), typed=True))
    return exp.DPipe(
        this=exp.DPipe(this=_strftime("%Y", column), expression=exp.Literal.string("-Q")), expression=quarter
    )


def _mysql_bucket(column: exp.Expr, unit: str) -> exp.Expr:
    if unit != "quarter":
        form = exp.Literal.string(_MYSQL_FORMATS[unit])
        return exp.Anonymous(this="DATE_FORMAT", expressions=[column, form])
    year, quarter = (exp.Anonymous(this=name, expressions=[column.copy()]) for name in ("YEAR", "QUARTER"))
    return exp.Anonymous(this="CONCAT", expressions=[year, exp.Literal.string("-Q"), quarter])


def _strftime(form: str, column: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="STRFTIME", expressions=[exp.Literal.string(form), column.copy()])
