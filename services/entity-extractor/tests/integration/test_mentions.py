"""Which entities turns and memories name; and the entities that users merge and delete."""

import random
from uuid import uuid4

import pytest

from contracts.entity_extractor import (
    DELETE_ENTITY,
    GET_ENTITY,
    GRAPH,
    LIST_ENTITIES,
    LIST_RELATIONSHIPS,
    MERGE_ENTITIES,
    EntityRef,
    GetGraph,
    ListEntities,
    ListRelationships,
    MergeEntities,
)
from contracts.events import DataSourceSynced, event
from contracts.identity import Identity
from contracts.methods import ProblemError
from contracts.sql_generator import Column, ForeignKey, Table

ADA = Identity("acme", "ada")
EVE = Identity("acme", "eve")


def table(name, *columns, keys=()):
    return Table(
        name=name,
        columns=tuple(Column(name=column, type="text") for column in columns),
        foreign_keys=tuple(
            ForeignKey(columns=(here,), target_table=there, target_columns=("id",)) for here, there in keys
        ),
    )


SHOP = (
    table("customers", "id", "name", "city"),
    table("orders", "id", "customer_id", "ship_date", keys=[("customer_id", "customers")]),
    table("suppliers", "id", "name"),
)


def synced(source, owner=ADA):
    data = DataSourceSynced(data_source_id=source, fingerprint="f")
    return event(data, tenant_id=owner.tenant_id, user_id=owner.user_id)


@pytest.fixture
def happened(publish, settled):
    """A function to await: these events were published and handled."""

    async def wait(*events):
        await publish(*events)
        await settled()

    return wait


@pytest.fixture
def counts(client):
    """A function to await: how often each entity of a user is mentioned, by its name."""

    async def read(owner=ADA, **filters):
        found = (await client.call(LIST_ENTITIES, ListEntities(limit=200, **filters), owner)).entities
        assert [each.mention_count for each in found] == sorted((e.mention_count for e in found), reverse=True)
        return {each.entity_name: each.mention_count for each in found if each.mention_count}

    return read


async def entity(client, name, owner=ADA):
    found = (await client.call(LIST_ENTITIES, ListEntities(name=name), owner)).entities
    return next(each for each in found if each.entity_name == name)


async def test_turns_and_memories_count_the_entities_they_name_and_memories_say_which(
    service, shop, talk, happened, counts, eventually
):
    source = shop.add(SHOP)
    memory = talk.remember("Custmers of Paris get their orders on the ship date.")
    await happened(
        synced(source), memory, talk.say("How many orders by city of the customers?"), talk.say("My name is Ada.")
    )
    assert await counts() == {"orders": 2, "customers": 2, "customers.city": 1, "orders.ship_date": 1}

    async def annotated():
        assert talk.related == {memory.data.memory_id: {"customers", "orders", "orders.ship_date"}}

    await eventually(annotated)
    await happened(talk.remember("Suppliers are few", memory_id=memory.data.memory_id, version=2))
    assert (await counts())["suppliers"] == 1
    assert "orders.ship_date" not in await counts()

    async def annotated_again():
        assert talk.related == {memory.data.memory_id: {"suppliers"}}

    await eventually(annotated_again)
    await happened(talk.delete_memory(memory.data.memory_id))
    assert await counts() == {"orders": 1, "customers": 1, "customers.city": 1}


async def test_a_turn_about_one_source_names_nothing_of_another(service, shop, talk, happened, client):
    one, other = shop.add(SHOP), shop.add(SHOP)
    await happened(synced(one), synced(other), talk.say("Which customers?", data_source_id=one))
    for source, count in ((one, 1), (other, 0)):
        found = (await client.call(LIST_ENTITIES, ListEntities(data_source_id=source, name="customers"), ADA)).entities
        assert next(each for each in found if each.entity_name == "customers").mention_count == count


@pytest.mark.parametrize("seed", range(2))
async def test_any_order_and_repetition_of_the_events_gives_the_same_mentions(
    service, shop, talk, happened, counts, seed
):
    lines = ["Which customers have orders?", "Churn means lost customers.", "Is churn high?", "supliers and churn"]
    rng, outcomes = random.Random(seed), []
    for owner in [Identity("acme", f"user-{seed}-{number}") for number in range(3)]:
        source = shop.add(SHOP, owner)
        events = [synced(source, owner), *(talk.say(line, owner=owner) for line in lines)]
        events += [talk.say(lines[0], owner=owner, conversation=(gone := uuid4())), talk.end(gone, owner=owner)]
        if outcomes:
            events += rng.choices(events, k=6)
            rng.shuffle(events)
        await happened(*events)
        outcomes.append(await counts(owner))
    assert outcomes == [{"churn": 3, "customers": 2, "orders": 1, "suppliers": 1}] * 3


async def test_a_term_that_is_defined_is_a_concept_until_nothing_defines_it(service, talk, happened, client, counts):
    conversation = uuid4()
    said = talk.say("Churn means lost customers.", conversation=conversation)
    await happened(talk.say("How high is churn?"), said)
    found = await entity(client, "churn")
    assert (found.entity_type, found.description, found.data_source_id) == ("concept", "means lost customers", None)
    assert await counts(entity_type="concept") == {"churn": 2}
    await happened(talk.end(conversation))
    assert (await client.call(LIST_ENTITIES, ListEntities(), ADA)).entities == ()


async def test_a_concept_that_was_merged_stands_for_the_other(service, talk, happened, client, counts):
    await happened(
        talk.say("Churn means lost customers."), talk.say("Attrition means lost customers."), talk.say("Churn?")
    )
    churn, attrition = await entity(client, "churn"), await entity(client, "attrition")
    request = MergeEntities(entity_id=churn.entity_id, into=attrition.entity_id)
    merged = await client.call(MERGE_ENTITIES, request, ADA)
    assert (merged.entity_id, merged.mention_count) == (attrition.entity_id, 3)
    await happened(talk.say("Why is churn high?"), talk.say("Leads means new contacts."))
    assert await counts() == {"attrition": 4, "leads": 1}
    for problem, wrong in (
        ("not-found", request),
        ("not-found", MergeEntities(entity_id=attrition.entity_id, into=uuid4())),
        ("invalid", MergeEntities(entity_id=attrition.entity_id, into=attrition.entity_id)),
    ):
        with pytest.raises(ProblemError) as caught:
            await client.call(MERGE_ENTITIES, wrong, ADA)
        assert caught.value.problem.type == problem
    with pytest.raises(ProblemError, match="no such entity"):
        await client.call(MERGE_ENTITIES, MergeEntities(entity_id=attrition.entity_id, into=churn.entity_id), EVE)


async def test_a_deleted_concept_returns_with_another_meaning_only(service, shop, talk, happened, client, counts):
    await happened(synced(shop.add(SHOP)), talk.say("Churn means lost customers."))
    churn = EntityRef(entity_id=(await entity(client, "churn")).entity_id)
    await client.call(DELETE_ENTITY, churn, ADA)
    await happened(talk.say("Is churn high?"), talk.say("Leads means new contacts."))
    assert set(await counts(entity_type="concept")) == {"leads"}
    for method in (GET_ENTITY, DELETE_ENTITY):
        with pytest.raises(ProblemError, match="no such entity"):
            await client.call(method, churn, ADA)
    await happened(talk.say("Churn means cancelled subscriptions."))
    assert await counts(entity_type="concept") == {"leads": 1, "churn": 3}
    declared = EntityRef(entity_id=(await entity(client, "orders")).entity_id)
    with pytest.raises(ProblemError, match="declared"):
        await client.call(DELETE_ENTITY, declared, ADA)


async def test_an_entity_and_the_graph_around_it_are_shown(service, shop, happened, client):
    source = shop.add(SHOP)
    await happened(synced(source))
    orders = await entity(client, "orders")
    detail = await client.call(GET_ENTITY, EntityRef(entity_id=orders.entity_id), ADA)
    assert detail.entity == orders
    assert {(each.relationship_type, each.target_name) for each in detail.relationships} == {
        ("joins_with", "orders"),
        *(("has_column", f"orders.{column}") for column in ("id", "customer_id", "ship_date")),
    }
    named = ListRelationships(name="ORDERS.ship", relationship_type="has_column")
    assert len((await client.call(LIST_RELATIONSHIPS, named, ADA)).relationships) == 1

    async def graph(owner=ADA, **changes):
        found = await client.call(GRAPH, GetGraph(**{"data_source_id": source, "name": "orders"} | changes), owner)
        return {each.entity_name for each in found.entities}, len(found.relationships), found.truncated

    assert await graph(entity_type="table", depth=0) == ({"orders"}, 0, False)
    around = {"orders", "customers", *(f"orders.{column}" for column in ("id", "customer_id", "ship_date"))}
    assert await graph(entity_type="table") == (around, 4, False)
    assert await graph(entity_type="table", depth=2) == (
        around | {f"customers.{column}" for column in ("id", "name", "city")},
        7,
        False,
    )
    names, _, truncated = await graph(entity_type="table", depth=2, limit=3)
    assert (len(names), truncated) == (3, True)
    assert await graph(name="nothing") == (set(), 0, False)
    assert await graph(EVE) == (set(), 0, False)
