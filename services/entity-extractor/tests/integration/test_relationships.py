"""The relationships of a schema that has more columns than a statement has parameters."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.identity import Identity
from contracts.sql_generator import Column, DataSource, Table
from entity_extractor.domain.graph import SourceKey
from entity_extractor.domain.schema_graph import declared_graph, table_node
from entity_extractor.repository import entities, relationships, sources
from entity_extractor.tables import relationships as graph_edges
from persistence import Database

ADA = Identity("acme", "ada")


@pytest.fixture
async def database(stack):
    made = Database(stack.database_url("entity-extractor"), application="entity-extractor")
    yield made
    await made.close()


async def analyze(stack):
    """Without statistics Postgres checks each foreign key by a scan of all entities of the user."""
    engine = create_async_engine(stack.admin_url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.execute(text("analyze entity_extractor.memori_entities"))
    await engine.dispose()


async def in_service(transaction):
    statement = select(func.count()).select_from(graph_edges).where(graph_edges.c.retired_at.is_(None))
    return (await transaction.execute(statement)).scalar_one()


def wide_graph(key):
    """17 tables of 1,000 columns: 17,018 entities, and 17,000 relationships of tables and their columns."""
    columns = tuple(Column(name=f"c{number}", type="integer") for number in range(1_000))
    now = datetime.now(UTC)
    source = DataSource(
        data_source_id=key.data_source_id,
        name="Shop",
        kind="postgres",
        status="ready",
        fingerprint="f",
        table_count=17,
        synced_at=now,
        created_at=now,
        updated_at=now,
    )
    return declared_graph(key, source, "postgres", [Table(name=f"t{number}", columns=columns) for number in range(17)])


async def test_more_relationships_than_a_statement_has_parameters_retire_come_back_and_go(stack, database):
    key = SourceKey(ADA, uuid4())
    graph = wide_graph(key)
    nodes = {entity.entity_id for entity in graph.entities}
    edges = {item.relationship_id for item in graph.relationships}
    first = {key.entity_id(table_node("t0"))}

    async with database.transaction(tenant_id=ADA.tenant_id, user_id=ADA.user_id) as transaction:
        await sources.lock(transaction, key)
        await entities.save(transaction, key, graph.entities)
    await analyze(stack)
    async with database.transaction(tenant_id=ADA.tenant_id, user_id=ADA.user_id) as transaction:
        await relationships.save(transaction, key, graph.relationships)
        assert await in_service(transaction) == len(edges) == 17_000
        await relationships.retire(transaction, key, nodes)
        assert await in_service(transaction) == 0
        await relationships.restore(transaction, key, nodes - first, first)
        assert await in_service(transaction) == 16_000
        await relationships.restore(transaction, key, first, set())
        assert await in_service(transaction) == 17_000
        assert len(await relationships.find(transaction, ADA, edges)) == 17_000
        # A schema with twice as many.
        await relationships.remove(transaction, ADA, edges | {uuid4() for _ in range(17_000)})
        assert await in_service(transaction) == 0
