"""What all parts of one statement share while it is written."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sqlglot import exp

from contracts.sql_generator import SourceKind
from sql_generator.generation.offline.catalogue import Candidate, Catalogue
from sql_generator.generation.offline.definitions import Definition, Knowledge, Wish
from sql_generator.generation.offline.plan import (
    EVERY_ROW,
    Aggregate,
    Bucket,
    ColumnOf,
    Comparison,
    Condition,
    Defined,
    EntityOf,
    Exists,
    Holds,
    Known,
    Operand,
    Phrase,
    Plan,
)
from sql_generator.generation.offline.sql.sources import Sources


@dataclass(slots=True)
class Statement:
    """The plan, what its phrases name, and what has been written so far.

    `wide` asks for all columns where nothing but the rows of a table is asked for.
    """

    plan: Plan
    chosen: tuple[Candidate, ...]
    catalogue: Catalogue
    knowledge: Knowledge
    sources: Sources
    wide: bool
    where: list[exp.Expr] = field(default_factory=list)
    having: list[exp.Expr] = field(default_factory=list)
    used: list[Definition | Wish] = field(default_factory=list)

    @property
    def dialect(self) -> SourceKind:
        """The dialect of the source."""
        return self.catalogue.schema.dialect

    @property
    def ordered_by(self) -> list[Operand]:
        """What the result is sorted by."""
        return [key.operand for key in self.plan.order]

    def of(self, operand: ColumnOf | EntityOf) -> Candidate:
        """What the operand's phrase names."""
        return self.chosen[operand.phrase]

    def table(self, phrase: Phrase) -> str:
        """The table that a phrase names, or the one of the column it names."""
        return self.chosen[phrase].table

    def tables(self, operand: Operand) -> tuple[str, ...]:
        """The tables an operand takes its value from."""
        if isinstance(operand, Defined):
            return operand.definition.tables
        if isinstance(operand, Aggregate | Bucket):
            return () if operand.of.phrase == EVERY_ROW else (self.of(operand.of).table,)
        return (self.of(operand).table,)

    def table_conditioned(self, condition: Condition) -> str:
        """The table whose rows a condition is about."""
        if isinstance(condition, Known | Exists):
            return self.table(condition.phrase)
        if isinstance(condition, Holds):
            return condition.definition.tables[0]
        if isinstance(condition, Comparison):
            measured = isinstance(condition.left, Aggregate | Defined)
            return self.sources.tables[0] if measured else self.tables(condition.left)[0]
        return self.of(condition.left).table

    def same(self, left: Operand, right: Operand) -> bool:
        """Whether two operands are one and the same."""
        if isinstance(left, ColumnOf) and isinstance(right, ColumnOf):
            mine, theirs = self.of(left), self.of(right)
            return (mine.table, mine.column) == (theirs.table, theirs.column)
        return left == right

    def is_shown(self, operand: Operand) -> bool:
        """Whether the result shows it."""
        return any(self.same(operand, shown) for shown in self.plan.shown)

    def in_having(self, condition: Condition) -> bool:
        """Whether a comparison of an aggregate goes to HAVING, rather than into a subquery for each row.

        Groups only exist where there are rows: "fewer than three" includes none, so it takes the subquery.
        """
        if not isinstance(condition, Comparison) or not isinstance(condition.left, Aggregate | Defined):
            return False
        if isinstance(condition.left, Defined) or not isinstance(condition.left.of, EntityOf):
            return True
        summarised = any(isinstance(operand, Aggregate | Defined) for operand in self.plan.shown)
        if summarised and not self.plan.groups:
            return False
        return condition.operator not in {"<", "<="} and condition.value != "0"

    @property
    def aggregated(self) -> bool:
        """Whether rows are summed up in any way."""
        if any(isinstance(operand, Aggregate | Defined) for operand in (*self.plan.shown, *self.ordered_by)):
            return True
        return any(self.in_having(condition) for group in self.plan.conditions for condition in group)

    def standing(self, tables: Collection[str], conditioned: Collection[tuple[str, str]]) -> list[exp.Expr]:
        """The standing conditions on these tables, except where a column is `conditioned` by the question itself."""
        found = []
        for definition in self.knowledge.standing:
            own = columns_in([definition.expression])
            if set(definition.tables) <= set(tables) and own.isdisjoint(conditioned):
                found.append(plainly(definition.expression.copy()))
                self.used.append(definition)
        return found


def columns_in(trees: Iterable[exp.Expr]) -> set[tuple[str, str]]:
    """The columns in some trees, as table and name."""
    return {(column.table, column.name) for tree in trees for column in tree.find_all(exp.Column)}


def plainly(tree: exp.Expr) -> exp.Expr:
    """`NOT (a = b)` as `a <> b`, `NOT (a IN …)` without the parentheses."""
    if not isinstance(tree, exp.Not):
        return tree
    inner = tree.this.unnest()
    if isinstance(inner, exp.EQ):
        return exp.NEQ(this=inner.this, expression=inner.expression)
    return exp.not_(inner) if isinstance(inner, exp.In) else tree


def any_of(predicates: list[exp.Expr]) -> exp.Expr:
    """The predicates joined by OR, in parentheses when there are several."""
    return predicates[0] if len(predicates) == 1 else exp.paren(exp.or_(*predicates))
