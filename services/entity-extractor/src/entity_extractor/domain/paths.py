"""How tables connect: shortest paths over known joins, the stronger the nearer."""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

# Keeps a distance finite; the first use of a learned join already gives 0.5.
_MIN_STRENGTH = 0.01


@dataclass(frozen=True, slots=True)
class JoinEdge:
    """A known join of two tables."""

    left: str
    right: str
    condition: str
    strength: float


class JoinGraph:
    """Tables and the joins between them."""

    def __init__(self, edges: Iterable[JoinEdge]) -> None:
        self._edges = list(edges)
        self._near: dict[str, dict[str, float]] = {}
        for edge in self._edges:
            length = 1 / max(edge.strength, _MIN_STRENGTH)
            for here, there in ((edge.left, edge.right), (edge.right, edge.left)):
                near = self._near.setdefault(here, {})
                near[there] = min(length, near.get(there, length))

    def connected(self, tables: Sequence[str], *, limit: int) -> tuple[str, ...]:
        """The tables, and those that join them, at most `limit` in all.

        Grown from the first table: the nearest of the others is joined on along its shortest path, again and again.
        That is the usual approximation of a Steiner tree, at most twice its length (Takahashi and Matsuyama, 1980).
        Tables that nothing connects stay as they are.
        """
        wanted = list(dict.fromkeys(tables))[:limit]
        reached = dict.fromkeys(wanted[:1])
        for _ in wanted[1:]:
            path = self._shortest(reached, set(wanted) - set(reached))
            if path is None:
                # Another island: go on from its first table.
                rest = [table for table in wanted if table not in reached]
                path = rest[:1]
            if len({*wanted, *reached, *path}) <= limit:
                reached |= dict.fromkeys(path)
            else:
                reached[path[-1]] = None
        return tuple(dict.fromkeys((*wanted, *reached)))

    def between(self, tables: Collection[str]) -> list[JoinEdge]:
        """The joins among these tables, the strongest first; several where two tables join in several ways."""
        within = [edge for edge in self._edges if edge.left in tables and edge.right in tables]
        return sorted(within, key=lambda edge: (-edge.strength, edge.left, edge.right, edge.condition))

    def _shortest(self, start: Mapping[str, None], ends: Collection[str]) -> list[str] | None:
        """The tables from one of `start` to the nearest of `ends` (Dijkstra, 1959)."""
        queue = [(0.0, table) for table in sorted(start)]
        distance = dict.fromkeys(start, 0.0)
        before: dict[str, str] = {}
        while queue:
            so_far, table = heapq.heappop(queue)
            if table in ends:
                path = [table]
                while path[-1] in before:
                    path.append(before[path[-1]])
                return path[::-1]
            if so_far > distance[table]:
                continue
            for neighbour, length in self._near.get(table, {}).items():
                total = so_far + length
                if total < distance.get(neighbour, float("inf")):
                    distance[neighbour] = total
                    before[neighbour] = table
                    heapq.heappush(queue, (total, neighbour))
        return None
