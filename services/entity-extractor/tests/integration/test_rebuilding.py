"""A graph learned again from the owners' data is the same graph."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from contracts.entity_extractor import (
    LIST_ENTITIES,
    LIST_FACTS,
    LIST_RELATIONSHIPS,
    MERGE_ENTITIES,
    RELEARN,
    RESET,
    ExecutedQuery,
    ListEntities,
    ListFacts,
    ListRelationships,
    MergeEntities,
    Relearn,
)
from contracts.events import DataSourceDeleted, DataSourceSynced, QueryExecuted, event
from contracts.identity import Identity
from contracts.methods import Empty
from contracts.sql_generator import Column, ForeignKey, Table

ADA = Identity("acme", "ada")
EVE = Identity("acme", "eve")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUSTOMERS = Table(name="customers", columns=(Column(name="id", type="integer"), Column(name="city", type="text")))
ORDERS = Table(
    name="orders",
    columns=(Column(name="customer_id", type="integer"), Column(name="amount", type="integer")),
    foreign_keys=(ForeignKey(columns=("customer_id",), target_table="customers", target_columns=("id",)),),
)


def of(data, owner=ADA):
    return event(data, tenant_id=owner.tenant_id, user_id=owner.user_id)


async def graph(client, owner=ADA):
    """All that does not say when it was written."""
    lists = (
        (LIST_ENTITIES, ListEntities(limit=200)),
        (LIST_RELATIONSHIPS, ListRelationships(limit=200)),
        (LIST_FACTS, ListFacts(limit=200, include_superseded=True)),
    )
    found = set()
    for method, request in lists:
        page = json.loads((await client.call(method, request, owner)).model_dump_json())
        for row in next(iter(page.values())):
            kept = {key: value for key, value in row.items() if key not in {"created_at", "updated_at", "strength"}}
            found.add(json.dumps(kept, sort_keys=True))
    return found


async def test_a_graph_that_is_learned_again_is_the_same_with_and_without_forgetting_it_first(
    service, shop, talk, client, publish, settled
):
    kept, gone = shop.add((CUSTOMERS, ORDERS)), shop.add((CUSTOMERS,))
    query = shop.query(kept, "select city from customers join orders on id = customer_id where amount > 1", "rich ones")
    lines = [
        "I live in Berlin.",
        "I just moved to Lisbon.",
        "Churn means lost customers.",
        "Leads means new customers.",
    ]
    said = [talk.say(line, at=NOON + timedelta(minutes=number)) for number, line in enumerate(lines)]
    memory = talk.remember("Orders of customers are big", at=NOON)
    await publish(
        of(DataSourceSynced(data_source_id=kept, fingerprint="f")),
        of(DataSourceSynced(data_source_id=gone, fingerprint="f")),
        of(QueryExecuted(query_id=query, data_source_id=kept)).model_copy(update={"time": NOON}),
        *said,
        memory,
    )
    await settled()
    await publish(of(DataSourceDeleted(data_source_id=gone)))
    await settled()
    concepts = (await client.call(LIST_ENTITIES, ListEntities(entity_type="concept"), ADA)).entities
    ids = {each.entity_name: each.entity_id for each in concepts}
    await client.call(MERGE_ENTITIES, MergeEntities(entity_id=ids["leads"], into=ids["churn"]), ADA)
    before = await graph(client)
    assert len(before) > 15

    everything = Relearn(
        data_source_ids=(kept, gone, uuid4()),
        queries=(ExecutedQuery(query_id=query, data_source_id=kept, executed_at=NOON, trust="candidate"),),
        message_ids=(*(each.data.message_id for each in said), uuid4()),
        memory_ids=(memory.data.memory_id, uuid4()),
    )
    for fresh in (False, True, False):
        if fresh:
            await client.call(RESET, Empty(), ADA, timeout_seconds=30)
            assert await graph(client) == set()
        await client.call(RELEARN, everything, ADA, timeout_seconds=30)
        assert await graph(client) == before

    await client.call(RELEARN, everything, EVE, timeout_seconds=30)
    assert await graph(client, EVE) == set()
