"""Where each condition goes: WHERE, HAVING, or a subquery over rows that belong to the row in question.

A table is joined when each row of the result has at most one row of it. All others are looked at by EXISTS, so that no
row of the result is repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from sql_generator.generation.offline.joining import Edge
from sql_generator.generation.offline.plan import Aggregate, Comparison, Condition, Defined, EntityOf, Exists, Known
from sql_generator.generation.offline.resolving import Unanswerable
from sql_generator.generation.offline.sql.operands import expression
from sql_generator.generation.offline.sql.predicates import COMPARISONS, is_denied, predicate
from sql_generator.generation.offline.sql.sources import on, table_of
from sql_generator.generation.offline.sql.statement import Statement, any_of, columns_in

_Path = tuple[Edge, ...]
_ColumnName = tuple[str, str | None]


@dataclass(slots=True)
class _Branch:
    """A subquery over rows that belong to the row in question, and what must hold in it.

    `absence`: there must be no such rows, so that whatever else is said of their table says which rows.
    """

    first: Edge
    negated: bool
    absence: bool
    paths: list[_Path] = field(default_factory=list)
    conditions: list[Sequence[Condition]] = field(default_factory=list)
    fixed: set[_ColumnName] = field(default_factory=set)

    def takes(self, path: _Path, *, negated: bool, fixed: set[_ColumnName]) -> bool:
        """Whether a further condition is about the same rows: not where one column would have to have two values."""
        if self.first != path[0]:
            return False
        if negated or self.negated:
            return self.absence
        return self.fixed.isdisjoint(fixed)


class Conditions:
    """Puts the conditions of a plan into its statement."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._sources = statement.sources
        self._counted: dict[str, list[Sequence[Condition]]] = {}

    def place(self) -> None:
        """Adds to WHERE, HAVING and the joins of the statement.

        Raises:
            Unanswerable: a condition contradicts another or has no sure form.
        """
        statement = self._statement
        needed = [kept for group in statement.plan.conditions if (kept := self._needed(group))]
        groups = self._set_apart_counted(needed)
        branches: list[_Branch] = []
        for group in groups:
            having = [condition for condition in group if statement.in_having(condition)]
            if not having:
                self._place(group, branches)
            elif len(having) == len(group):
                statement.having.append(any_of([self._compared(c) for c in having if isinstance(c, Comparison)]))
            else:
                raise Unanswerable("I cannot say in SQL that either a group or a row has something.")
        statement.where += [self._exists(branch) for branch in branches]
        self._refuse_contradictions()

    def _needed(self, group: Sequence[Condition]) -> list[Condition]:
        """Without the rows that the joins require anyway, and the tables of verbs that other conditions say better."""
        return [
            condition
            for condition in group
            if not isinstance(condition, Exists)
            or condition.negated
            or not (self._said_better(condition) or self._statement.table(condition.phrase) in self._sources.tables)
        ]

    def _said_better(self, condition: Exists) -> bool:
        if not condition.by_verb:
            return False
        others = {
            self._statement.table_conditioned(other)
            for group in self._statement.plan.conditions
            for other in group
            if other is not condition
        }
        return bool(
            (others | set(self._sources.tables)) - {self._sources.tables[0], self._statement.table(condition.phrase)}
        )

    def _set_apart_counted(self, groups: Sequence[Sequence[Condition]]) -> list[Sequence[Condition]]:
        """Conditions on a table that is counted for each row say which of its rows count."""
        counted = {table for group in groups for condition in group if (table := self._counted_table(condition))}
        rest: list[Sequence[Condition]] = []
        for group in groups:
            tables = {self._statement.table_conditioned(condition) for condition in group}
            own = len(tables) == 1 and tables <= counted and not any(map(self._counted_table, group))
            if own and not any(isinstance(condition, Exists) for condition in group):
                self._counted.setdefault(tables.pop(), []).append(group)
            else:
                rest.append(group)
        return rest

    def _counted_table(self, condition: Condition) -> str | None:
        if not isinstance(condition, Comparison) or self._statement.in_having(condition):
            return None
        if not isinstance(condition.left, Aggregate) or not isinstance(condition.left.of, EntityOf):
            return None
        return self._statement.of(condition.left.of).table

    def _place(self, group: Sequence[Condition], branches: list[_Branch]) -> None:
        statement = self._statement
        tables = list(dict.fromkeys(map(statement.table_conditioned, group)))
        paths = [self._sources.branch_to(table) for table in tables]
        absent = any(isinstance(condition, Exists) and condition.negated for condition in group)
        if not absent and all(path is None for path in paths):
            self._sources.join(tables)
            self._add(group)
        elif len(tables) == 1 and self._all_of_one_row(group):
            path = paths[0] or self._sources.path_to(tables[0])
            if _joint(group):
                for condition in group:
                    self._into_branch([condition], path, branches)
            else:
                self._into_branch(group, path, branches)
        else:
            statement.where.append(any_of([self._alone(condition) for condition in group]))

    def _add(self, group: Sequence[Condition]) -> None:
        """Adds conditions on joined tables; that there is a row of one is said by the join."""
        if not any(isinstance(condition, Exists) for condition in group):
            self._statement.where.append(any_of([self._written(condition) for condition in group]))
        elif len(group) > 1:
            raise Unanswerable("I cannot say in SQL that there is something, or something else holds.")

    def _all_of_one_row(self, group: Sequence[Condition]) -> bool:
        return len(group) == 1 or not any(map(is_denied, group))

    def _alone(self, condition: Condition) -> exp.Expr:
        """An alternative by itself, in the statement or in a subquery of its own."""
        table = self._statement.table_conditioned(condition)
        path = self._sources.branch_to(table)
        if path is None and not isinstance(condition, Exists):
            self._sources.join([table])
            return self._written(condition)
        own: list[_Branch] = []
        self._into_branch([condition], path or self._sources.path_to(table), own)
        return self._exists(own[0])

    def _into_branch(self, group: Sequence[Condition], path: _Path, branches: list[_Branch]) -> None:
        negated = any(map(is_denied, group))
        fixed = {name for condition in group if (name := self._fixed(condition)) is not None}
        branch = next((one for one in branches if one.takes(path, negated=negated, fixed=fixed)), None)
        if branch is None:
            branch = _Branch(path[0], negated, negated and any(isinstance(one, Exists) for one in group))
            branches.append(branch)
        branch.paths.append(path)
        branch.conditions.append(group)
        branch.fixed |= fixed

    def _fixed(self, condition: Condition) -> _ColumnName | None:
        if not isinstance(condition, Known):
            return None
        candidate = self._statement.chosen[condition.phrase]
        return candidate.table, candidate.column

    def _exists(self, branch: _Branch) -> exp.Expr:
        inner = exp.select(exp.Literal.number(1)).from_(table_of(branch.first.right))
        seen = [branch.first.right]
        for path in branch.paths:
            for edge in path[1:]:
                if edge.right not in seen:
                    inner = inner.join(table_of(edge.right), on=on(edge))
                    seen.append(edge.right)
        inner = inner.where(on(branch.first))
        inner = self._restricted(inner, branch.conditions, seen, affirmed=branch.negated)
        found = exp.Exists(this=inner)
        return exp.not_(found) if branch.negated else found

    def _restricted(
        self, inner: exp.Select, groups: Sequence[Sequence[Condition]], tables: Sequence[str], *, affirmed: bool
    ) -> exp.Select:
        """A subquery with its own conditions and the standing ones."""
        written: list[exp.Expr] = []
        for group in groups:
            said = [condition for condition in group if not isinstance(condition, Exists)]
            if said:
                written.append(any_of([predicate(self._statement, one, affirmed=affirmed) for one in said]))
        for condition in (*written, *self._statement.standing(tables, columns_in(written))):
            inner = inner.where(condition)
        return inner

    def _written(self, condition: Condition) -> exp.Expr:
        measured = isinstance(condition, Comparison) and isinstance(condition.left, Aggregate | Defined)
        if measured and isinstance(condition, Comparison):
            return self._compared(condition)
        return predicate(self._statement, condition)

    def _compared(self, condition: Comparison) -> exp.Expr:
        """A measure compared with a number, for a group or counted for each row."""
        value = exp.Literal.number(condition.value or "0")
        grouped = self._statement.in_having(condition)
        left = expression(self._statement, condition.left) if grouped else self._counted_for_each(condition)
        return COMPARISONS[condition.operator](this=left, expression=value)

    def _counted_for_each(self, condition: Comparison) -> exp.Expr:
        table = self._counted_table(condition)
        if table is None or table in self._sources.tables:
            raise Unanswerable("I can only count other rows for each row.")
        path = self._sources.path_to(table)
        if len(path) != 1:
            raise Unanswerable(f"{table} is too far from {path[0].left} to be counted for each.")
        inner = exp.select(exp.Count(this=exp.Star())).from_(table_of(table)).where(on(path[0]))
        return self._restricted(inner, self._counted.get(table, ()), [table], affirmed=False).subquery(copy=False)

    def _refuse_contradictions(self) -> None:
        equalities = {
            (tree.this.sql(), tree.expression.sql()) for tree in self._statement.where if isinstance(tree, exp.EQ)
        }
        if len({column for column, _ in equalities}) < len(equalities):
            raise Unanswerable("One column cannot have two values at once.")


def _joint(group: Sequence[Condition]) -> bool:
    """Values joined by "and": each must be there, in a row of its own."""
    return any(isinstance(condition, Known) and condition.joint for condition in group)
