"""The foreign keys of a schema as a graph: which tables connect, how, and whether rows multiply on the way."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from contracts.entity_extractor import KnownJoin
from contracts.sql_generator import ForeignKey, Table
from sql_generator.generation.offline.catalogue import Catalogue
from sql_generator.generation.offline.tokens import name_words, stem

_GUESSED_LENGTH = 2
_DECLARED_LENGTH = 1
_SHORT_NAME_CHARS = 2
_MULTIPLYING = 1.3


@dataclass(frozen=True, slots=True)
class Edge:
    """A join from `left` to `right` on pairs of columns. `multiplies`: a row of `left` may meet several of `right`."""

    left: str
    right: str
    pairs: tuple[tuple[str, str], ...]
    multiplies: bool
    length: int = _DECLARED_LENGTH


class JoinGraph:
    """The tables of a schema and the joins between them: declared keys, joins known from past queries, and, where a
    table has neither, columns of the same name of which one is a primary key.
    """

    def __init__(self, catalogue: Catalogue, known_joins: Iterable[KnownJoin] = (), words: Iterable[str] = ()) -> None:
        self._catalogue = catalogue
        self._edges: dict[str, list[Edge]] = {table: [] for table in catalogue.tables}
        for table in catalogue.schema.tables:
            for key in _merged(table, catalogue):
                self._connect(table.name, key.target_table, tuple(zip(key.columns, key.target_columns, strict=False)))
        for join in known_joins:
            self._connect_known(join)
        for left, right, column in _namesakes(catalogue):
            if not self._adjacent(left, right):
                self._connect(left, right, ((column[0], column[1]),), _GUESSED_LENGTH)
        stems = {stem(word) for word in words}
        self._spoken = {edge: self._count_spoken(edge, stems) for edges in self._edges.values() for edge in edges}
        for edges in self._edges.values():
            edges.sort(key=lambda edge: -self._spoken[edge])
        self._paths: dict[tuple[str, str], tuple[Edge, ...] | None] = {}

    def path(self, start: str, end: str) -> tuple[Edge, ...] | None:
        """The shortest joins from one table to another; None when they do not connect."""
        if (start, end) not in self._paths:
            self._paths[start, end] = self._search(start, end)
        return self._paths[start, end]

    def distance(self, start: str, end: str) -> float | None:
        """How far apart two tables are: joins count one, guessed ones two, and more where rows multiply on the way."""
        path = self.path(start, end)
        return None if path is None else sum(edge.length * (_MULTIPLYING if edge.multiplies else 1) for edge in path)

    def tree(self, tables: Iterable[str]) -> tuple[Edge, ...] | None:
        """Joins that connect all tables, starting from the first; None when some do not connect.

        Each table in turn is attached by its shortest path to what is connected already, which is within a factor of
        two of the smallest such tree.
        """
        wanted = list(dict.fromkeys(tables))
        reached = wanted[:1]
        joins: list[Edge] = []
        for table in wanted[1:]:
            if table in reached:
                continue
            paths = [path for start in reached if (path := self.path(start, table)) is not None]
            if not paths:
                return None
            for edge in min(paths, key=lambda path: sum(edge.length for edge in path)):
                if edge.right not in reached:
                    joins.append(edge)
                    reached.append(edge.right)
        return tuple(joins)

    def parents(self, table: str) -> Iterator[str]:
        """The tables of which each row of `table` has at most one, nearest first."""
        seen, queue = {table}, deque([table])
        while queue:
            for edge in self._edges[queue.popleft()]:
                if not edge.multiplies and edge.right not in seen:
                    seen.add(edge.right)
                    queue.append(edge.right)
                    yield edge.right

    def rivals(self, edge: Edge) -> tuple[Edge, ...]:
        """The other direct joins of the same two tables of which the question speaks no less."""
        spoken = self._spoken[edge]
        others = (other for other in self._edges[edge.left] if other.right == edge.right and other.pairs != edge.pairs)
        return tuple(other for other in others if self._spoken[other] >= spoken)

    def same_value(self, left: tuple[str, str], right: tuple[str, str]) -> bool:
        """Whether two columns are joined to each other, and so hold the same value in a joined row."""
        return any(
            edge.right == right[0] and (left[1], right[1]) in edge.pairs for edge in self._edges.get(left[0], ())
        )

    def _search(self, start: str, end: str) -> tuple[Edge, ...] | None:
        best: dict[str, tuple[int, tuple[Edge, ...]]] = {start: (0, ())}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            length, path = best[here]
            for edge in self._edges[here]:
                reached = length + edge.length
                if edge.right not in best or reached < best[edge.right][0]:
                    best[edge.right] = (reached, (*path, edge))
                    queue.append(edge.right)
        return best[end][1] if end in best else None

    @staticmethod
    def _count_spoken(edge: Edge, stems: set[str]) -> int:
        """How many words of the join the question has.

        Of two keys to one table `approved_by` is the one for "approved"; a table named for a verb of the question is
        the one to go through.
        """
        named = set(name_words(edge.right))
        words = {word for pair in edge.pairs for name in pair for word in name_words(name)} - named
        return sum(stem(word) in stems for word in (*words, *named))

    def _adjacent(self, left: str, right: str) -> bool:
        return any(edge.right == right for edge in self._edges[left])

    def _connect(
        self, left: str, right: str, pairs: tuple[tuple[str, str], ...], length: int = _DECLARED_LENGTH
    ) -> None:
        if left not in self._edges or right not in self._edges or left == right or not pairs:
            return
        ends = [{pair[side] for pair in pairs} for side in (0, 1)]
        left_unique, right_unique = (
            set(self._catalogue.key_of(table)) == end if self._catalogue.key_of(table) else False
            for table, end in zip((left, right), ends, strict=True)
        )
        right_unique = right_unique or (length == _DECLARED_LENGTH and not left_unique)
        self._edges[left].append(Edge(left, right, pairs, not right_unique, length))
        back = tuple((second, first) for first, second in pairs)
        self._edges[right].append(Edge(right, left, back, not left_unique, length))

    def _connect_known(self, join: KnownJoin) -> None:
        left, right = map(self._catalogue.table_named, (join.left_table, join.right_table))
        if left is None or right is None or self._adjacent(left, right):
            return
        try:
            condition = sqlglot.parse_one(join.condition)
        except SqlglotError:
            return
        pairs = []
        for equality in condition.find_all(exp.EQ):
            sides = (equality.left, equality.right)
            if not all(isinstance(side, exp.Column) for side in sides):
                return
            first = [found for side in sides for found in self._catalogue.resolve_column(side.name, [left])]
            second = [found for side in sides for found in self._catalogue.resolve_column(side.name, [right])]
            if first and second:
                pairs.append((first[0].column or "", second[-1].column or ""))
        self._connect(left, right, tuple(pairs))


def _merged(table: Table, catalogue: Catalogue) -> Iterator[ForeignKey]:
    """The foreign keys of a table; those that only together reach the whole key of their target, as one."""
    singles: dict[str, list[ForeignKey]] = {}
    for key in table.foreign_keys:
        if len(key.columns) == 1 and key.target_columns:
            singles.setdefault(key.target_table, []).append(key)
    for target, keys in singles.items():
        ends = [key.target_columns[0].lower() for key in keys]
        whole = {name.lower() for name in catalogue.key_of(target)} if target in catalogue.tables else set()
        if len(keys) > 1 and len(set(ends)) == len(ends) and set(ends) == whole:
            yield ForeignKey(
                columns=tuple(key.columns[0] for key in keys),
                target_table=target,
                target_columns=tuple(key.target_columns[0] for key in keys),
            )
        else:
            yield from keys
    yield from (key for key in table.foreign_keys if len(key.columns) > 1)


def _namesakes(catalogue: Catalogue) -> Iterator[tuple[str, str, tuple[str, str]]]:
    for right in catalogue.schema.tables:
        key = catalogue.key_of(right.name)
        if len(key) != 1 or len(key[0]) <= _SHORT_NAME_CHARS:
            continue
        for left in catalogue.schema.tables:
            if left.name == right.name:
                continue
            for column in left.columns:
                if column.name.lower() == key[0].lower():
                    yield left.name, right.name, (column.name, key[0])
