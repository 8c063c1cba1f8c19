"""Facts from turns and memories, on real Postgres and NATS."""

import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.entity_extractor import LIST_FACTS, ListFacts
from contracts.identity import Identity
from contracts.memory_store import LEARNED_TAG
from contracts.methods import Empty, ProblemError
from contracts.personal_data import ExportData, erase_of, export_of

ADA = Identity("acme", "ada")
EVE = Identity("acme", "eve")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def read(publish, settled):
    """A function to await: these events happened, and were handled."""

    async def happened(*events):
        await publish(*events)
        await settled()

    return happened


@pytest.fixture
def said(client):
    """A function to await: what is known of a user, as (subject, predicate, object)."""

    async def known(owner=ADA, **filters):
        found, cursor = [], None
        while True:
            page = await client.call(LIST_FACTS, ListFacts(limit=2, cursor=cursor, **filters), owner)
            found += page.facts
            cursor = page.next_cursor
            if cursor is None:
                return {(fact.subject, fact.predicate, fact.object): fact for fact in found}

    return known


LISBON = ("user", "lives in", "Lisbon")
BERLIN = ("user", "lives in", "Berlin")


async def test_what_a_turn_states_is_known_with_its_source_and_becomes_a_memory(service, talk, read, said, eventually):
    event = talk.say("I live in Berlin and I prefer bar charts. How are sales?", at=NOON)
    await read(event, talk.say("How many orders are there?"), talk.say("I live in Rome", role="assistant"))
    known = await said()
    assert set(known) == {BERLIN, ("user", "prefers", "bar charts")}
    fact = known[BERLIN]
    assert (fact.source_type, fact.source_id, fact.said_at) == ("message", event.data.message_id, NOON)
    assert (fact.mention_count, fact.kind) == (1, "attribute")
    assert fact.confidence >= 0.7

    async def remembered():
        assert {memory.content for memory in talk.remembered.values()} == {"Lives in Berlin", "Prefers bar charts"}

    await eventually(remembered)
    memory = talk.remembered[fact.fact_id]
    assert LEARNED_TAG in memory.context_tags
    assert memory.metadata["message_id"] == str(event.data.message_id)


async def test_a_memory_that_was_made_of_a_fact_is_not_read_until_its_user_changes_it(service, talk, read, said):
    made = talk.remember("I live in Berlin", tags=(LEARNED_TAG,))
    await read(made, talk.remember("Asked: I live in Rome → SQL: …", tags=("sql_generation",)))
    assert await said() == {}
    await read(talk.remember("I live in Lisbon", tags=(LEARNED_TAG,), memory_id=made.data.memory_id, version=2))
    assert set(await said()) == {LISBON}
    assert talk.remembered == {}


async def test_a_newer_statement_supersedes_an_older_one_whichever_comes_first(service, talk, read, said, eventually):
    newer = talk.say("I just moved to Lisbon.", at=NOON + timedelta(days=1))
    await read(newer)
    await read(talk.say("I live in Berlin.", at=NOON))
    assert set(await said()) == {LISBON}
    every = await said(include_superseded=True)
    assert every[BERLIN].superseded_by == every[LISBON].fact_id

    async def remembered():
        assert set(talk.remembered) == {every[LISBON].fact_id}

    await eventually(remembered)
    await read(talk.say("I live in Berlin.", at=NOON + timedelta(days=2)))
    assert set(await said()) == {BERLIN}

    async def changed():
        assert set(talk.remembered) == {every[BERLIN].fact_id}

    await eventually(changed)


async def test_what_only_a_deleted_conversation_said_is_known_no_more(service, talk, read, said, eventually):
    first, second = uuid4(), uuid4()
    events = [
        talk.say("I live in Berlin.", conversation=first, at=NOON),
        talk.say("I'm good at Excel.", conversation=first),
        talk.say("I am good at Excel.", conversation=second),
    ]
    await read(*events)
    assert {fact.mention_count for fact in (await said()).values()} == {1, 2}
    gone = (await said())[BERLIN].fact_id

    async def remembered():
        assert len(talk.remembered) == 2

    await eventually(remembered)
    await read(talk.end(first))
    await read(*events)
    ((what, fact),) = (await said()).items()
    assert (what, fact.mention_count) == (("user", "knows", "Excel"), 1)

    async def forgotten():
        assert talk.forgotten == [gone]

    await eventually(forgotten)


async def test_a_fact_whose_memory_is_deleted_is_forgotten_until_it_is_said_again(
    service, talk, read, said, eventually
):
    event = talk.say("I live in Berlin.")
    await read(event)
    fact_id = (await said())[BERLIN].fact_id

    async def remembered():
        assert fact_id in talk.remembered

    await eventually(remembered)
    await read(talk.delete_memory(fact_id))
    await read(event)
    assert await said() == {}
    assert talk.forgotten == []
    await read(talk.say("I live in Berlin."))
    assert set(await said()) == {BERLIN}
    await eventually(remembered)


async def test_a_memory_that_changes_or_goes_takes_what_it_said_along(service, talk, read, said):
    first = talk.remember("I live in Berlin")
    await read(first)
    assert (await said())[BERLIN].source_type == "memory"
    await read(talk.remember("I speak French", memory_id=first.data.memory_id, version=2))
    assert set(await said()) == {("user", "speaks", "French")}
    await read(talk.delete_memory(first.data.memory_id))
    assert await said() == {}
    assert talk.remembered == {}


async def test_a_rule_that_was_said_is_proposed_once_and_is_no_memory(service, shop, talk, read, said, eventually):
    event = talk.say("Always exclude test accounts.")
    await read(event, event, talk.say("always exclude test accounts"))
    ((_, fact),) = (await said(kind="rule")).items()
    assert fact.mention_count == 2

    async def proposed():
        assert set(shop.proposed) == {fact.fact_id}

    await eventually(proposed)
    rule = shop.proposed[fact.fact_id]
    assert (rule.rule_content, rule.rule_type) == ("Always exclude test accounts", "constraint")
    assert talk.remembered == {}


async def test_a_batch_of_many_users_reads_each_ones_turns_as_theirs(service, talk, read, said):
    await read(*(talk.say("I live in Berlin.", owner=owner) for owner in (ADA, EVE) for _ in range(5)))
    for owner in (ADA, EVE):
        assert (await said(owner))[BERLIN].mention_count == 5
    assert await said(Identity("other", "ada")) == {}


async def test_facts_go_out_and_are_erased(service, client, talk, read, said, as_admin):
    event = talk.say("I live in Berlin.")
    await read(event)
    page, kinds = await client.call(export_of("entity-extractor"), ExportData(), ADA), set()
    while True:
        kinds |= {page.kind} if page.rows else set()
        if page.next_cursor is None:
            break
        page = await client.call(export_of("entity-extractor"), ExportData(cursor=page.next_cursor), ADA)
    assert {"facts", "fact_mentions", "read_turns"} <= kinds
    await client.call(erase_of("entity-extractor"), Empty(), ADA, timeout_seconds=30)
    await read(event)
    for table in ("facts", "fact_mentions", "turns", "forgotten_facts"):
        assert (await as_admin(f"select count(*) from entity_extractor.memori_{table}")) == [(0,)]


async def test_a_cursor_of_another_list_is_refused(service, client):
    with pytest.raises(ProblemError) as caught:
        await client.call(LIST_FACTS, ListFacts(cursor="AAAA"), ADA)
    assert [error.field for error in caught.value.problem.errors] == ["cursor"]


@pytest.mark.parametrize("seed", range(2))
async def test_any_order_and_repetition_of_the_events_gives_the_same_facts(service, talk, read, said, eventually, seed):
    lines = [
        "I live in Berlin.",
        "I just moved to Lisbon.",
        "i live in Berlin.",
        "I prefer bar charts.",
        "I prefer line charts.",
        "Churn means cancelled subscriptions.",
        "I'm new to SQL.",
        "I know SQL well.",
        "Always exclude test accounts.",
    ]
    rng = random.Random(seed)
    outcomes, memories = [], []
    for owner in [Identity("acme", f"user-{seed}-{number}") for number in range(3)]:
        gone = uuid4()
        events = [talk.say(line, owner=owner, at=NOON + timedelta(minutes=at)) for at, line in enumerate(lines)]
        lost = talk.say("My name is Ada.", owner=owner, conversation=gone)
        first = talk.remember("I speak German", owner=owner, at=NOON)
        last = talk.remember("I speak French", owner=owner, memory_id=first.data.memory_id, version=2, at=NOON)
        events += [lost, first, last, talk.end(gone, owner=owner)]
        if outcomes:
            events += rng.choices(events, k=8)
            rng.shuffle(events)
        before = set(talk.remembered)
        await read(*events)
        known = await said(owner, include_superseded=True)
        ids = {fact.fact_id: what for what, fact in known.items()}
        outcomes.append(
            {what: (fact.mention_count, fact.said_at, ids.get(fact.superseded_by)) for what, fact in known.items()}
        )

        async def drained():
            kept = {ids.get(memory_id) for memory_id in set(talk.remembered) - before}  # noqa: B023
            assert kept == {
                what for what, (_, _, superseded) in outcomes[0].items() if superseded is None and what not in OTHERS
            }

        await eventually(drained)
        memories.append(sorted(m.content for i, m in talk.remembered.items() if i in ids))
    assert len(outcomes[0]) == 9
    assert outcomes[1:] == outcomes[:1] * 2
    assert memories[1:] == memories[:1] * 2


# A proposed rule, and what a memory says already.
OTHERS = {("user", "wants", "always exclude test accounts"), ("user", "speaks", "French")}
