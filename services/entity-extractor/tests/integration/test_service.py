"""The service on real Postgres and NATS; sql-generator is stood in for by a responder of its contract."""

import json
import random
from contextlib import asynccontextmanager
from uuid import uuid4

import nats
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.entity_extractor import (
    CONTEXT,
    LIST_ENTITIES,
    LIST_RELATIONSHIPS,
    ContextOf,
    ListEntities,
    ListRelationships,
)
from contracts.events import DataSourceDeleted, DataSourceSynced, QueryExecuted, QueryRated, event
from contracts.identity import Identity
from contracts.methods import ProblemError
from contracts.sql_generator import (
    Column,
    ForeignKey,
    Table,
)
from entity_extractor.main import running
from entity_extractor.settings import EntityExtractorSettings

ADA = Identity("acme", "ada")
EVE = Identity("acme", "eve")


def table(name, *columns, keys=(), comment=""):
    return Table(
        name=name,
        columns=tuple(Column(name=column, type="integer", primary_key=column == "id") for column in columns),
        foreign_keys=tuple(
            ForeignKey(columns=tuple(here), target_table=target, target_columns=tuple(there))
            for here, target, there in keys
        ),
        comment=comment,
    )


CUSTOMERS = table("customers", "id", "name", "city", comment="Who buys")
ORDERS = table("orders", "id", "customer_id", "amount", "status", keys=[(["customer_id"], "customers", ["id"])])
ITEMS = table(
    "order_items",
    "order_id",
    "product_id",
    "quantity",
    keys=[(["order_id"], "orders", ["id"]), (["product_id"], "products", ["id"])],
)
PRODUCTS = table("products", "id", "title", "category")
REFUNDS = table("refunds", "order_id", "reason")
SHOP = (CUSTOMERS, ITEMS, ORDERS, PRODUCTS, REFUNDS)
KEYS = {
    "customers.id = orders.customer_id",
    "order_items.order_id = orders.id",
    "order_items.product_id = products.id",
}


@asynccontextmanager
async def jetstream(stack):
    connection = await nats.connect(stack.nats_url)
    try:
        yield connection.jetstream()
    finally:
        await connection.close()


async def publish(stack, *data, owner=ADA):
    async with jetstream(stack) as stream:
        for item in data:
            made = event(item, tenant_id=owner.tenant_id, user_id=owner.user_id)
            await stream.publish(made.type, made.model_dump_json().encode())


def synced(source_id):
    return DataSourceSynced(data_source_id=source_id, fingerprint="f")


def executed(query_id, source_id):
    return QueryExecuted(query_id=query_id, data_source_id=source_id)


async def all_entities(client, source_id, owner=ADA, **filters):
    found, cursor = [], None
    while True:
        page = await client.call(
            LIST_ENTITIES, ListEntities(data_source_id=source_id, limit=7, cursor=cursor, **filters), owner
        )
        found += page.entities
        cursor = page.next_cursor
        if cursor is None:
            return found


async def all_relationships(client, source_id, owner=ADA, **filters):
    found, cursor = [], None
    while True:
        page = await client.call(
            LIST_RELATIONSHIPS, ListRelationships(data_source_id=source_id, limit=7, cursor=cursor, **filters), owner
        )
        found += page.relationships
        cursor = page.next_cursor
        if cursor is None:
            return found


async def graph(client, source_id, owner=ADA):
    """All of a graph that does not depend on when and for whom it was made."""
    entities = {
        (e.entity_type, e.entity_name, e.mention_count, e.importance_score, json.dumps(e.properties), e.description)
        for e in await all_entities(client, source_id, owner)
    }
    relationships = {
        (
            r.relationship_type,
            r.source_name,
            r.target_name,
            r.context,
            r.strength,
            r.usage_count,
            json.dumps(r.metadata),
        )
        for r in await all_relationships(client, source_id, owner)
    }
    return entities, relationships


async def joins(client, source_id):
    found = await all_relationships(client, source_id, relationship_type="joins_with")
    return {r.context: (r.strength, r.usage_count, r.metadata["origin"]) for r in found}


async def test_a_synced_schema_becomes_entities_columns_and_foreign_keys_exactly(stack, shop, service, client, settled):
    source = shop.add(SHOP)
    await publish(stack, synced(source))
    await settled()

    entities = await all_entities(client, source)
    assert {(e.entity_type, e.entity_name) for e in entities} == {
        ("database", "Shop"),
        *(("table", t.name) for t in SHOP),
        *(("column", f"{t.name}.{c.name}") for t in SHOP for c in t.columns),
    }
    assert len(entities) == len({e.entity_id for e in entities})
    (customers,) = [e for e in entities if e.entity_name == "customers"]
    assert customers.description == "Who buys"
    (amount,) = await all_entities(client, source, entity_type="column", name="ORDERS.AMO")
    assert amount.properties == {
        "table": "orders",
        "column": "amount",
        "type": "integer",
        "nullable": True,
        "primary_key": False,
    }
    columns = await all_relationships(client, source, relationship_type="has_column")
    assert {(r.source_name, r.target_name) for r in columns} == {
        (t.name, f"{t.name}.{c.name}") for t in SHOP for c in t.columns
    }
    assert await joins(client, source) == dict.fromkeys(KEYS, (1.0, 0, "foreign_key"))
    assert await client.call(LIST_ENTITIES, ListEntities(name="100%"), ADA) == await client.call(
        LIST_ENTITIES, ListEntities(name="no_such"), ADA
    )


async def test_only_new_entities_and_relationships_are_announced(stack, shop, service, settled, eventually):
    source = shop.add((CUSTOMERS, ORDERS))
    query = shop.query(source, "select name from customers where city = 'Berlin'")
    await publish(stack, synced(source))
    await settled()
    await publish(stack, synced(source), executed(query, source), executed(query, source), synced(source))
    await settled()

    async def announced():
        async with jetstream(stack) as stream:
            info = await stream.stream_info("ENTITY_EXTRACTOR", subjects_filter=">")
            # A database, two tables, seven columns; their columns, a key, and a filter.
            assert info.state.subjects == {"entity.created": 10, "relationship.created": 9}

    await eventually(announced)


async def test_what_leaves_the_schema_leaves_the_graph_and_comes_back_with_its_uses(
    stack, shop, service, client, settled
):
    source = shop.add(SHOP)
    query = shop.query(source, "select 1 from orders o join refunds r on r.order_id = o.id where r.reason = 'late'")
    await publish(stack, synced(source), executed(query, source))
    await settled()
    before = await graph(client, source)
    assert (await joins(client, source))["orders.id = refunds.order_id"] == (0.5, 1, "query")

    shop.change(source, (CUSTOMERS, table("orders", "id", "amount"), ITEMS, PRODUCTS))
    await publish(stack, synced(source))
    await settled()
    names = {e.entity_name for e in await all_entities(client, source)}
    assert names.isdisjoint({"refunds", "refunds.order_id", "orders.customer_id", "orders.status"})
    assert {"orders", "orders.amount"} <= names
    assert set(await joins(client, source)) == KEYS - {"customers.id = orders.customer_id"}
    context = await client.call(CONTEXT, ContextOf(question="reason of refunds", data_source_id=source), ADA)
    assert (context.tables, context.columns) == ((), ())

    shop.change(source, SHOP)
    await publish(stack, synced(source))
    await settled()
    assert await graph(client, source) == before


async def test_a_relationship_returns_only_with_both_its_ends(stack, shop, service, client, settled):
    source = shop.add(SHOP)
    query = shop.query(source, "select 1 from orders o join refunds r on r.order_id = o.id")
    await publish(stack, synced(source), executed(query, source))
    await settled()
    without_keys = (CUSTOMERS, PRODUCTS)
    for tables, learned in [
        (without_keys, False),
        ((*without_keys, REFUNDS), False),
        ((*without_keys, ORDERS), False),
        ((*without_keys, REFUNDS, ORDERS), True),
    ]:
        shop.change(source, tables)
        await publish(stack, synced(source))
        await settled()
        assert ("orders.id = refunds.order_id" in await joins(client, source)) is learned


async def test_a_join_in_use_outlives_the_key_that_declared_it(stack, shop, service, client, settled):
    source = shop.add((CUSTOMERS, ORDERS))
    queries = [shop.query(source, "select 1 from orders o, customers c where c.id = o.customer_id") for _ in range(2)]
    await publish(stack, synced(source), *(executed(query, source) for query in queries))
    await settled()
    assert await joins(client, source) == {"customers.id = orders.customer_id": (1.0, 2, "foreign_key")}

    shop.change(source, (CUSTOMERS, table("orders", "id", "customer_id", "amount", "status")))
    await publish(stack, synced(source))
    await settled()
    assert await joins(client, source) == {"customers.id = orders.customer_id": (0.75, 2, "query")}


async def test_executed_queries_teach_joins_filters_aggregates_and_groups(stack, shop, service, client, settled):
    source = shop.add(SHOP)
    sql = (
        "select city, sum(amount) from customers c join orders o on o.customer_id = c.id "
        "join refunds r on r.order_id = o.id where status = 'paid' group by city"
    )
    queries = [shop.query(source, sql) for _ in range(3)]
    await publish(stack, synced(source), *(executed(query, source) for query in queries))
    await settled()

    found = await all_relationships(client, source)
    learned = {
        (r.relationship_type, r.source_name, r.target_name, r.context): (r.strength, r.usage_count)
        for r in found
        if r.usage_count
    }
    assert learned == {
        ("joins_with", "customers", "orders", "customers.id = orders.customer_id"): (1.0, 3),
        ("joins_with", "orders", "refunds", "orders.id = refunds.order_id"): (0.875, 3),
        ("filters_by", "orders", "orders.status", ""): (0.875, 3),
        ("groups_by", "customers", "customers.city", ""): (0.875, 3),
        ("aggregates", "orders", "orders.amount", "sum"): (0.875, 3),
    }
    assert [r.strength for r in found] == sorted((r.strength for r in found), reverse=True)
    entities = await all_entities(client, source)
    assert [e.mention_count for e in entities] == sorted((e.mention_count for e in entities), reverse=True)
    assert {e.entity_name for e in entities if e.mention_count == 3} == {
        *("customers", "customers.id", "customers.city"),
        *("orders", "orders.id", "orders.customer_id", "orders.amount", "orders.status"),
        *("refunds", "refunds.order_id"),
    }


async def test_a_query_that_is_faster_than_the_sync_it_needs_is_learned(stack, shop, service, client, settled):
    source = shop.add((CUSTOMERS,))
    await publish(stack, synced(source))
    await settled()
    shop.change(source, SHOP)
    join = shop.query(source, "select title from products p join order_items on product_id = p.id")
    await publish(stack, executed(join, source))
    await settled()
    assert (await joins(client, source))["order_items.product_id = products.id"] == (1.0, 1, "foreign_key")


async def test_a_query_of_the_engines_own_tables_does_not_read_the_schema_again(stack, shop, service, client, settled):
    source = shop.add(SHOP)
    await publish(stack, synced(source))
    await settled()
    asked = shop.asked
    await publish(stack, executed(shop.query(source, "select relname from pg_class where relkind = 'r'"), source))
    await settled()
    assert shop.asked == asked
    assert all(r.usage_count == 0 for r in await all_relationships(client, source))


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_and_repetition_of_the_events_gives_the_same_graph(stack, shop, service, client, settled, seed):
    statements = [
        "select c.name from customers c join orders o on o.customer_id = c.id where o.amount > 10",
        "select category, count(*) from products join order_items i on products.id = i.product_id group by category",
        "select reason from refunds, orders where orders.id = refunds.order_id and status = 'paid'",
        "select avg(amount) from orders where status in ('paid', 'sent')",
        "select 1 from customers where id in (select customer_id from orders) and city = 'Rome'",
    ]
    rng = random.Random(seed)
    graphs = []
    for owner in [Identity("acme", f"user-{n}") for n in range(4)]:
        source = shop.add(SHOP, owner)
        events = [synced(source), *(executed(shop.query(source, sql), source) for sql in statements)]
        if graphs:
            events += rng.choices(events, k=6)
            rng.shuffle(events)
        await publish(stack, *events, owner=owner)
        await settled()
        graphs.append(await graph(client, source, owner))
    assert len(graphs[0][1]) > len(KEYS)
    assert graphs[1:] == graphs[:1] * 3


async def test_two_instances_that_are_handed_the_same_events_count_each_query_once(
    stack, shop, service, client, settled
):
    settings = EntityExtractorSettings(
        database_url=stack.database_url("entity-extractor"),
        database_worker_url=stack.worker_url("entity-extractor"),
        nats_url=stack.nats_url,
        secret_key="s" * 32,
    )
    source = shop.add(SHOP)
    queries = [shop.query(source, "select amount from orders where status = 'paid'") for _ in range(20)]
    events = [synced(source), *(executed(query, source) for query in queries)]
    async with running(settings):
        await publish(stack, *events, *events, *reversed(events))
        await settled()
    (use,) = await all_relationships(client, source, relationship_type="filters_by")
    assert (use.target_name, use.usage_count) == ("orders.status", 20)


async def test_a_deleted_source_takes_its_graph_along_and_late_events_do_not_bring_it_back(
    stack, shop, service, client, settled
):
    gone, kept = shop.add(SHOP), shop.add((CUSTOMERS, ORDERS))
    late = shop.query(gone, "select amount from orders where status = 'paid'")
    await publish(stack, synced(gone), synced(kept), executed(late, gone))
    await settled()
    await publish(stack, DataSourceDeleted(data_source_id=gone))
    await settled()
    assert await graph(client, gone) == (set(), set())
    assert len(await all_entities(client, kept)) == 10

    # The stand-in still knows the source: only the tombstone keeps it from coming back.
    await publish(stack, synced(gone), executed(late, gone), executed(shop.query(gone, "select 1 from orders"), gone))
    await settled()
    assert await graph(client, gone) == (set(), set())
    assert len(await all_entities(client, None)) == 10


async def test_events_about_what_is_gone_or_anothers_have_no_effect(stack, shop, service, client, settled):
    source = shop.add(SHOP)
    query = shop.query(source, "select amount from orders where status = 'paid'")
    await publish(stack, synced(source), executed(query, source), owner=EVE)
    await publish(stack, synced(uuid4()), executed(uuid4(), source))
    await settled()
    assert await all_entities(client, None) == []
    assert await all_entities(client, None, EVE) == []


@pytest.mark.parametrize("sql", ["values (1), (2)", "explain select 1", "select from ("])
async def test_a_query_that_ran_and_cannot_be_read_teaches_nothing_and_is_no_dead_letter(
    stack, shop, service, client, settled, sql, as_admin
):
    source = shop.add(SHOP)
    unread, fine = shop.query(source, sql), shop.query(source, "select sum(amount) from orders")
    await publish(stack, synced(source), executed(unread, source), executed(fine, source))
    await settled()
    async with jetstream(stack) as stream:
        letters = await stream.stream_info("DEAD_LETTERS", subjects_filter=">")
    assert not letters.state.subjects
    counted = await as_admin("select query_id from entity_extractor.memori_learned_queries")
    assert {query_id for (query_id,) in counted} == {unread, fine}
    (use,) = await all_relationships(client, source, relationship_type="aggregates")
    assert (use.context, use.usage_count) == ("sum", 1)


async def test_a_question_gets_its_tables_their_join_path_and_their_usual_columns(
    stack, shop, service, client, settled
):
    source = shop.add(SHOP)
    statements = ["select sum(amount) from orders where status = 'paid'"] * 2 + ["select max(amount) from orders"]
    queries = [shop.query(source, sql) for sql in statements]
    await publish(stack, synced(source), *(executed(query, source) for query in queries))
    await settled()

    async def ask(question, owner=ADA):
        return await client.call(CONTEXT, ContextOf(question=question, data_source_id=source), owner)

    over_others = await ask("Which customers bought which products?")
    assert set(over_others.tables[:2]) == {"customers", "products"}
    assert set(over_others.tables) == {"customers", "products", "orders", "order_items"}
    assert {join.condition for join in over_others.joins} == KEYS

    one = await ask("What is the amount of all orders by city?")
    assert one.tables == ("orders", "customers")
    assert one.columns == ("orders.amount", "customers.city")
    assert [(join.left_table, join.right_table, join.condition) for join in one.joins] == [
        ("customers", "orders", "customers.id = orders.customer_id")
    ]
    assert {(use.column, use.use, use.usage_count) for use in one.uses} == {
        ("orders.amount", "aggregates", 3),
        ("orders.status", "filters_by", 2),
    }
    assert await ask("What is the weather?") == await ask("???") == await ask("customers", EVE)


async def test_a_question_means_what_its_words_meant_before_and_what_its_user_defined(
    stack, shop, talk, service, client, settled
):
    source = shop.add(SHOP)
    wrong = shop.query(source, "select 1 from refunds", "purchases at risk")
    queries = [
        shop.query(source, "select count(*) from orders where status = 'paid'", "How many purchases were paid?"),
        shop.query(source, "select sum(amount) from orders", "the value of all purchases"),
        shop.query(source, "select title from products", "our articles"),
        shop.query(source, "select category from products", "all articles by kind"),
        wrong,
    ]
    await publish(stack, synced(source), *(executed(query, source) for query in queries))
    rating = QueryRated(query_id=wrong, data_source_id=source, score=1, trust="deprecated", superseded_by=None)
    await publish(stack, rating, rating)
    said = talk.say("Turnover means the amount of all orders.")
    await publish(stack, said.data)
    await settled()

    async def ask(question):
        return await client.call(CONTEXT, ContextOf(question=question, data_source_id=source), ADA)

    context = await ask("Which purchases hold the article?")
    assert {(each.word, each.entity, each.share) for each in context.synonyms} == {
        ("purchases", "orders", 1.0),
        ("article", "products", 1.0),
    }
    assert {"orders", "products", "order_items"} <= set(context.tables)
    assert {join.condition for join in context.joins} == KEYS - {"customers.id = orders.customer_id"}

    context = await ask("turnover by citty of the custmer")
    assert [(each.term, each.predicate, each.meaning) for each in context.meanings] == [
        ("turnover", "means", "the amount of all orders")
    ]
    assert {"orders", "customers"} == set(context.tables)
    assert {"orders.amount"} <= set(context.columns)

    alike = await ask("How many purchases were paid last week?")
    assert "orders.status" in alike.columns
    assert (await ask("things at risk")).tables == ()


async def test_relationships_that_nothing_uses_fade_and_keep_their_order_from_page_to_page(
    stack, shop, service, client, settled, as_admin
):
    source = shop.add(SHOP)
    queries = [shop.query(source, "select 1 from orders where status = 'x'") for _ in range(2)]
    queries += [shop.query(source, "select sum(amount) from orders")]
    await publish(stack, synced(source), *(executed(query, source) for query in queries))
    await settled()
    engine = create_async_engine(stack.admin_url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "update entity_extractor.memori_relationships set last_used_at = last_used_at - interval '180 days'"
                " where relationship_type = 'filters_by'"
            )
        )
    await engine.dispose()
    found = await all_relationships(client, source)
    learned = {r.relationship_type: r.strength for r in found if r.usage_count}
    assert learned["aggregates"] == 0.5
    # Two uses, two half-lives ago: as half a use.
    assert learned["filters_by"] == pytest.approx(0.2929, abs=0.0002)
    assert [r.strength for r in found] == sorted((r.strength for r in found), reverse=True)
    assert {r.strength for r in found if not r.usage_count} == {1.0}


async def test_no_user_sees_anothers_graph_and_no_session_without_a_user_sees_any(
    stack, shop, service, client, settled
):
    source = shop.add(SHOP)
    query = shop.query(source, "select amount from orders where status = 'paid'")
    await publish(stack, synced(source), executed(query, source))
    await settled()
    assert await all_entities(client, source)
    assert await graph(client, source, EVE) == (set(), set())
    assert await graph(client, source, Identity("other", "ada")) == (set(), set())

    tables = ("memori_entities", "memori_relationships", "memori_graph_sources", "memori_learned_queries")
    counts = {}
    for role, url in {"app": stack.database_url("entity-extractor"), "admin": stack.admin_url}.items():
        engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as connection:
            counts[role] = [
                (await connection.execute(text(f"select count(*) from entity_extractor.{name}"))).scalar_one()
                for name in tables
            ]
        await engine.dispose()
    assert counts["app"] == [0, 0, 0, 0]
    assert all(counts["admin"])


@pytest.mark.parametrize("method", ["entities", "relationships"])
@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "f_gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="])
async def test_a_cursor_of_ones_own_making_is_refused_by_name(service, client, method, cursor):
    call = {
        "entities": lambda: client.call(LIST_ENTITIES, ListEntities(cursor=cursor), ADA),
        "relationships": lambda: client.call(LIST_RELATIONSHIPS, ListRelationships(cursor=cursor), ADA),
    }[method]
    with pytest.raises(ProblemError) as caught:
        await call()
    assert caught.value.problem.type == "invalid"
    assert [error.field for error in caught.value.problem.errors] == ["cursor"]


async def test_a_service_at_work_is_ready(service):
    for check in service.values():
        await check()
