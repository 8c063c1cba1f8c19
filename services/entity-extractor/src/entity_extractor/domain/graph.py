"""The nodes and edges of the knowledge graph, their identity and their weight."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from contracts.entity_extractor import EntityType, RelationshipType
from contracts.identity import Identity
from entity_extractor.domain.identifiers import column_sql

MAX_NAME_CHARS = 500
MAX_CONTEXT_CHARS = 1_000
FOREIGN_KEY = "foreign_key"
QUERY = "query"

_NAMESPACE = UUID("5b0f2f0e-6a5c-4f6c-9d3c-0b7a51c9c7e4")


@dataclass(frozen=True, slots=True, order=True)
class ColumnRef:
    """A column of a table of the data source, by the names the schema gives them."""

    table: str
    column: str

    @property
    def name(self) -> str:
        """What the column's entity is called."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Join:
    """Pairs of columns that are equal when two tables are joined.

    A join has no direction. Its pairs are kept in one order, so that a foreign key and a query that joins along it,
    whichever way round, are the same join.
    """

    pairs: tuple[tuple[ColumnRef, ColumnRef], ...]

    @classmethod
    def on(cls, pairs: Iterable[tuple[ColumnRef, ColumnRef]]) -> "Join | None":
        """The join on these pairs of columns of two tables; None when they only say that columns equal themselves."""
        ordered = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
        return cls(tuple(sorted(ordered))) if ordered else None

    @property
    def tables(self) -> tuple[str, str]:
        """The two tables, or one of them twice."""
        left, right = self.pairs[0]
        return left.table, right.table

    @property
    def condition(self) -> str:
        """The join condition as SQL."""
        return " and ".join(
            f"{column_sql(left.table, left.column)} = {column_sql(right.table, right.column)}"
            for left, right in self.pairs
        )


@dataclass(frozen=True, slots=True)
class Node:
    """What an entity is, within one data source."""

    entity_type: EntityType
    entity_name: str


@dataclass(frozen=True, slots=True)
class Edge:
    """What a relationship is, within one data source."""

    source: Node
    target: Node
    relationship_type: RelationshipType
    context: str = ""


@dataclass(frozen=True, slots=True)
class SourceKey:
    """One data source of one user, or none: what a part of the graph belongs to."""

    owner: Identity
    data_source_id: UUID | None

    def entity_id(self, node: Node) -> UUID:
        """The id of an entity: the same whenever, and in whatever order, the graph is built."""
        return self._id("entity", node.entity_type, node.entity_name)

    def relationship_id(self, edge: Edge) -> UUID:
        """The id of a relationship, as stable as those of its entities."""
        ends = (end for node in (edge.source, edge.target) for end in (node.entity_type, node.entity_name))
        return self._id("relationship", *ends, edge.relationship_type, edge.context)

    def _id(self, *parts: str) -> UUID:
        key = [self.owner.tenant_id, self.owner.user_id, str(self.data_source_id), *parts]
        return uuid5(_NAMESPACE, json.dumps(key))


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as it is kept. `retired_at`: since when the schema has it no more."""

    entity_id: UUID
    node: Node
    properties: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    words: tuple[str, ...] = ()
    mention_count: int = 0
    retired_at: datetime | None = None

    @property
    def is_declared(self) -> bool:
        """Whether it is there because a schema says so."""
        return self.node.entity_type in {"database", "table", "column"}

    @property
    def is_merged(self) -> bool:
        """Whether it only stands for another one now."""
        return "merged_into" in self.properties

    @property
    def stands_for(self) -> UUID:
        """The entity it was merged into, or itself."""
        merged = self.properties.get("merged_into")
        return UUID(merged) if merged else self.entity_id

    @property
    def importance_score(self) -> float:
        """See `importance`."""
        return importance(self.mention_count)


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relationship as it is kept; it is out of service while one of its ends is retired."""

    relationship_id: UUID
    source_entity_id: UUID
    target_entity_id: UUID
    source_name: str
    target_name: str
    relationship_type: RelationshipType
    context: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    usage_count: int = 0
    last_used_at: datetime | None = None

    @property
    def is_declared(self) -> bool:
        """Whether the schema itself says so."""
        return self.relationship_type == "has_column" or self.metadata.get("origin") == FOREIGN_KEY

    def strength(self, aging: "Aging") -> float:
        """How sure it is: 1 of what the schema declares; else see `Aging.strength`."""
        if self.is_declared:
            return 1.0
        return aging.strength(self.usage_count, self.last_used_at) if self.last_used_at else 0.0


@dataclass(frozen=True, slots=True)
class Aging:
    """How relationships that nothing uses lose their strength, and the time at which they are looked at."""

    at: datetime
    half_life: timedelta

    def strength(self, uses: int, last_used_at: datetime) -> float:
        """How sure a learned relationship is, from 0 to 1, to four decimals: each use halves the doubt (1 - 0.5^n), and
        n halves with each half-life in which nothing uses it.
        """
        unused = max((self.at - last_used_at) / self.half_life, 0.0)
        return round(1.0 - math.pow(0.5, uses * math.pow(0.5, unused)), 4)


def importance(mentions: int) -> float:
    """How much an entity matters, from 0.5 for one never mentioned towards 1: ten mentions halve the distance."""
    return 1.0 - math.pow(0.5, 1 + mentions / 10)
