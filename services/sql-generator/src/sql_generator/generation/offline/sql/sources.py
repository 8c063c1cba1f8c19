"""The FROM clause: which tables are joined, and which only subqueries may look at, because joining repeats rows."""

from collections.abc import Collection, Iterable

from sqlglot import exp

from sql_generator.generation.offline.joining import Edge, JoinGraph
from sql_generator.generation.offline.resolving import Unanswerable


class Sources:
    """The tables of one statement, joined one after the other along keys."""

    def __init__(self, graph: JoinGraph) -> None:
        self._graph = graph
        self._joins: list[Edge] = []
        self.tables: list[str] = []

    def join(self, tables: Iterable[str]) -> None:
        """Joins the tables that are not there yet, each by its shortest path.

        Raises:
            Unanswerable: no key connects one of them.
        """
        for table in tables:
            if not self.tables:
                self.tables.append(table)
            if table in self.tables:
                continue
            for edge in self.path_to(table):
                if edge.right not in self.tables:
                    self._joins.append(edge)
                    self.tables.append(edge.right)

    def path_to(self, table: str) -> tuple[Edge, ...]:
        """The shortest joins from the tables that are there to another one, which is not.

        Raises:
            Unanswerable: no key connects it, or it is there already.
        """
        paths = [path for start in self.tables if (path := self._graph.path(start, table)) is not None]
        if not paths:
            raise Unanswerable(f"I know no key that connects {table} to {self.tables[0]}.")
        shortest = min(paths, key=lambda path: sum(edge.length for edge in path))
        if not shortest:
            raise Unanswerable(f"I cannot ask for {table} and for what has none in one answer.")
        for edge in shortest:
            self._refuse_rivals(edge)
        return shortest

    def branch_to(self, table: str) -> tuple[Edge, ...] | None:
        """The path to a table whose rows would repeat those of the result; None when it can simply be joined."""
        if table in self.tables:
            return None
        path = self.path_to(table)
        return path if any(edge.multiplies for edge in path) else None

    def belongs_to(self, table: str) -> bool:
        """Whether each row of the statement has at most one row of `table`."""
        if table in self.tables:
            return True
        reachable = {parent for joined in self.tables for parent in self._graph.parents(joined)}
        return table in reachable and self.branch_to(table) is None

    def repeats(self, table: str, within: Collection[str] = ()) -> bool:
        """Whether the joins repeat rows of `table`; joins among the tables `within` do not matter."""
        reached, pending = {table}, [table]
        while pending:
            here = pending.pop()
            for target, multiplies in self._neighbours(here):
                if target in reached:
                    continue
                if multiplies and target not in within:
                    return True
                reached.add(target)
                pending.append(target)
        return False

    def onto(self, select: exp.Select) -> exp.Select:
        """The statement with these tables as its FROM clause."""
        select = select.from_(table_of(self.tables[0]))
        for edge in self._joins:
            select = select.join(table_of(edge.right), on=on(edge))
        return select

    def _refuse_rivals(self, edge: Edge) -> None:
        """Of several keys between two tables the question must say which one it means."""
        ways = [edge, *self._graph.rivals(edge)]
        side = 0 if len({way.pairs[0][0] for way in ways}) > 1 else 1
        if len(ways) > 1:
            keys = " or ".join(way.pairs[0][side] for way in ways)
            raise Unanswerable(f"{edge.left} and {edge.right} belong together in several ways. Say by which: {keys}?")

    def _neighbours(self, table: str) -> Iterable[tuple[str, bool]]:
        for edge in self._joins:
            if edge.left == table:
                yield edge.right, edge.multiplies
            elif edge.right == table:
                back = self._graph.path(edge.right, edge.left)
                yield edge.left, back is None or any(step.multiplies for step in back)


def table_of(name: str) -> exp.Table:
    """A table as SQL names it; a name may carry its schema."""
    schema, _, bare = name.rpartition(".")
    return exp.Table(this=exp.to_identifier(bare), db=exp.to_identifier(schema) if schema else None)


def column_of(table: str, name: str) -> exp.Column:
    """A column, qualified by its table."""
    return exp.column(exp.to_identifier(name), table=exp.to_identifier(table.rpartition(".")[2]))


def on(edge: Edge) -> exp.Expr:
    """The condition of a join."""
    pairs = ((column_of(edge.left, left), column_of(edge.right, right)) for left, right in edge.pairs)
    return exp.and_(*(exp.EQ(this=left, expression=right) for left, right in pairs))
