"""The part of the graph that a schema declares: tables, columns and foreign keys."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.sql_generator import DataSource, ForeignKey, Table
from entity_extractor.domain.graph import (
    FOREIGN_KEY,
    MAX_CONTEXT_CHARS,
    MAX_NAME_CHARS,
    ColumnRef,
    Edge,
    Entity,
    Join,
    Node,
    Relationship,
    SourceKey,
)
from entity_extractor.domain.words import name_words


@dataclass(frozen=True, slots=True)
class DeclaredGraph:
    """The entities and relationships of a schema, each once, in the order of the schema."""

    entities: tuple[Entity, ...]
    relationships: tuple[Relationship, ...]


def table_node(table: str) -> Node:
    """The entity of a table."""
    return Node("table", table)


def column_node(column: ColumnRef) -> Node:
    """The entity of a column."""
    return Node("column", column.name)


def join_edge(join: Join) -> Edge:
    """The relationship of a join."""
    left, right = join.tables
    return Edge(table_node(left), table_node(right), "joins_with", join.condition)


def declared_graph(key: SourceKey, source: DataSource, dialect: str, tables: Sequence[Table]) -> DeclaredGraph:
    """What a schema says. Names and conditions longer than the graph holds are left out."""
    entities = {}
    for entity in _entities(key, source, dialect, tables):
        if len(entity.node.entity_name) <= MAX_NAME_CHARS:
            entities[entity.entity_id] = entity
    relationships = {}
    for relationship in (*_columns_of_tables(key, tables), *_foreign_keys(key, tables)):
        known = {relationship.source_entity_id, relationship.target_entity_id} <= entities.keys()
        if known and len(relationship.context) <= MAX_CONTEXT_CHARS:
            relationships[relationship.relationship_id] = relationship
    return DeclaredGraph(tuple(entities.values()), tuple(relationships.values()))


def _entities(key: SourceKey, source: DataSource, dialect: str, tables: Sequence[Table]) -> Iterable[Entity]:
    yield _entity(key, Node("database", source.name), source.name, {"dialect": dialect})
    for table in tables:
        yield _entity(key, table_node(table.name), table.name, {"row_estimate": table.row_estimate}, table.comment)
        for column in table.columns:
            ref = ColumnRef(table.name, column.name)
            properties = {
                "table": table.name,
                "column": column.name,
                "type": column.type,
                "nullable": column.nullable,
                "primary_key": column.primary_key,
            }
            yield _entity(key, column_node(ref), column.name, properties, column.comment)


def _entity(key: SourceKey, node: Node, spoken_name: str, properties: dict[str, Any], comment: str = "") -> Entity:
    # People name a table without its schema.
    words = name_words(spoken_name.rsplit(".", 1)[-1] if node.entity_type == "table" else spoken_name)
    return Entity(key.entity_id(node), node, properties, comment, words)


def _columns_of_tables(key: SourceKey, tables: Sequence[Table]) -> Iterable[Relationship]:
    for table in tables:
        for column in table.columns:
            edge = Edge(table_node(table.name), column_node(ColumnRef(table.name, column.name)), "has_column")
            yield relationship_of(key, edge)


def _foreign_keys(key: SourceKey, tables: Sequence[Table]) -> Iterable[Relationship]:
    columns_of = {table.name: {column.name for column in table.columns} for table in tables}
    for table in tables:
        for foreign_key in table.foreign_keys:
            there = columns_of.get(foreign_key.target_table, set())
            known = columns_of[table.name].issuperset(foreign_key.columns) and there.issuperset(
                foreign_key.target_columns
            )
            join = Join.on(_pairs(table, foreign_key)) if known else None
            if join:
                metadata = {
                    "origin": FOREIGN_KEY,
                    "table": table.name,
                    "columns": list(foreign_key.columns),
                    "target_table": foreign_key.target_table,
                    "target_columns": list(foreign_key.target_columns),
                }
                yield relationship_of(key, join_edge(join), metadata)


def _pairs(table: Table, foreign_key: ForeignKey) -> Iterable[tuple[ColumnRef, ColumnRef]]:
    # A key that two schemas' readers disagree on (more columns here than there) says nothing about the rest.
    for here, there in zip(foreign_key.columns, foreign_key.target_columns, strict=False):
        yield ColumnRef(table.name, here), ColumnRef(foreign_key.target_table, there)


def relationship_of(key: SourceKey, edge: Edge, metadata: dict[str, Any] | None = None) -> Relationship:
    """A relationship that nothing has used yet."""
    return Relationship(
        relationship_id=key.relationship_id(edge),
        source_entity_id=key.entity_id(edge.source),
        target_entity_id=key.entity_id(edge.target),
        source_name=edge.source.entity_name,
        target_name=edge.target.entity_name,
        relationship_type=edge.relationship_type,
        context=edge.context,
        metadata=metadata or {},
    )
