"""Everything of one user out of the graph, and everything of one user gone, whatever is under way."""

import asyncio
import json
from uuid import uuid4

import pytest

from contracts.entity_extractor import LIST_ENTITIES, ListEntities
from contracts.events import DataSourceDeleted, DataSourceSynced, QueryExecuted, UserErased, event
from contracts.identity import Identity
from contracts.methods import Empty
from contracts.personal_data import ExportData, erase_of, export_of
from contracts.sql_generator import Column, ForeignKey, Table

ADA = Identity("acme", "ada")
EVE = Identity("acme", "eve")
SERVICE = "entity-extractor"
ID = Column(name="id", type="integer", primary_key=True)
SHOP = (
    Table(name="customers", columns=(ID, Column(name="city", type="text")), comment="Who buys"),
    Table(
        name="orders",
        columns=(ID, Column(name="customer_id", type="integer")),
        foreign_keys=(ForeignKey(columns=("customer_id",), target_table="customers", target_columns=("id",)),),
    ),
)


def synced(source, owner=ADA):
    return event(
        DataSourceSynced(data_source_id=source, fingerprint="f"), tenant_id=owner.tenant_id, user_id=owner.user_id
    )


def executed(query, source, owner=ADA):
    return event(QueryExecuted(query_id=query, data_source_id=source), tenant_id=owner.tenant_id, user_id=owner.user_id)


def erased(owner=ADA):
    return event(UserErased(erasure_id=uuid4()), tenant_id=owner.tenant_id, user_id=owner.user_id)


@pytest.fixture
def learned(shop, service, publish, settled):
    """A function to await: a graph of a user, and the events it was made from."""

    async def learn(owner=ADA):
        source = shop.add(SHOP, owner)
        events = [synced(source, owner)]
        query = shop.query(source, "select 1 from customers where city = 'Paris'")
        events.append(executed(query, source, owner))
        await publish(*events)
        await settled()
        return events

    return learn


@pytest.fixture
def rows(as_admin):
    """A function to await: how many rows name a user, by table; an id may hold their name by chance."""
    tables = ("entities", "relationships", "graph_sources", "learned_queries", "outbox")

    async def count(owner=ADA):
        found = {}
        for table in tables:
            sql = f"select count(*) from entity_extractor.memori_{table} t where t::text like '%,{owner.user_id},%'"
            ((found[table],),) = await as_admin(sql)
        return found

    return count


@pytest.fixture
def nothing(rows):
    """A function to await: fails unless no row of a user is left."""

    async def check(owner=ADA):
        assert not any((await rows(owner)).values()), await rows(owner)

    return check


async def exported(client, owner=ADA):
    found, cursor = {}, None
    while True:
        page = await client.call(export_of(SERVICE), ExportData(cursor=cursor), owner)
        found.setdefault(page.kind, []).extend(page.rows)
        cursor = page.next_cursor
        if cursor is None:
            return found


async def erase(client, owner=ADA):
    return await client.call(erase_of(SERVICE), Empty(), owner, timeout_seconds=30)


async def test_the_whole_graph_goes_out_and_nobody_elses(client, learned):
    await learned()
    await learned(EVE)
    found = await exported(client)
    assert {kind for kind, rows in found.items() if rows} == {
        "entities",
        "relationships",
        "graph_sources",
        "learned_queries",
    }
    names = {(row["entity_type"], row["entity_name"]) for row in found["entities"]}
    assert names == {
        ("database", "Shop"),
        *(("table", name) for name in ("customers", "orders")),
        *(("column", f"customers.{name}") for name in ("id", "city")),
        *(("column", f"orders.{name}") for name in ("id", "customer_id")),
    }
    assert next(row for row in found["entities"] if row["entity_name"] == "customers")["description"] == "Who buys"
    used = {(row["relationship_type"], row["usage_count"]) for row in found["relationships"]}
    assert {("joins_with", 0), ("filters_by", 1)} <= used
    assert len(found["graph_sources"]) == len(found["learned_queries"]) == 1
    for kind in found.values():
        assert not {"tenant_id", "user_id", "words"} & {name for row in kind for name in row}
    json.dumps(found)


async def test_a_user_is_erased_and_nobody_else(client, learned, rows, nothing, eventually):
    await learned()
    await learned(EVE)

    async def published():
        assert (await rows())["outbox"] == 0

    await eventually(published)
    before = await rows(EVE)
    reply = await erase(client)
    assert reply.rows == {
        "memori_mentions": 0,
        "memori_relationships": 6,
        "memori_entities": 7,
        "memori_learned_queries": 1,
        "memori_graph_sources": 1,
        "memori_fact_mentions": 0,
        "memori_facts": 0,
        "memori_forgotten_facts": 0,
        "memori_turns": 0,
        "memori_outbox": 0,
    }
    await nothing()
    assert await rows(EVE) == before
    assert not any((await erase(client)).rows.values())


async def test_events_from_before_do_not_bring_an_erased_user_back_and_new_ones_do(
    client, shop, learned, publish, settled, nothing, rows
):
    old = await learned()
    source = old[0].data.data_source_id
    await erase(client)
    gone = event(DataSourceDeleted(data_source_id=source), tenant_id="acme", user_id="ada")
    late = [*old, gone.model_copy(update={"time": old[0].time})]
    await publish(*late, *reversed(late))
    await settled()
    await nothing()
    again = shop.add(SHOP)
    await publish(synced(again))
    await settled()
    assert (await rows())["entities"] == 7
    assert len((await client.call(LIST_ENTITIES, ListEntities(data_source_id=again), ADA)).entities) == 7


async def test_the_event_erases_and_its_redelivery_leaves_what_is_new(shop, learned, publish, settled, nothing, rows):
    await learned()
    said = erased()
    await publish(said)
    await settled()
    await nothing()
    await publish(synced(shop.add(SHOP)))
    await settled()
    await publish(said, said)
    await settled()
    assert (await rows())["entities"] == 7


async def test_an_erasure_waits_for_a_schema_that_is_being_taken_in_and_then_deletes_it(
    client, shop, service, publish, settled, as_admin, nothing, eventually
):
    shop.answers.clear()
    await publish(synced(shop.add(SHOP)))
    await shop.reading.wait()
    erasing = asyncio.create_task(erase(client))

    async def waits():
        waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"
        assert await as_admin(waiting)

    await eventually(waits)
    assert not erasing.done()
    shop.answers.set()
    assert (await erasing).rows["memori_entities"] == 7
    await settled()
    await nothing()
