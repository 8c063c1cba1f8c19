"""Rules: made by hand, and followed from memories."""

import asyncio
from datetime import UTC, datetime
from unittest.mock import ANY
from uuid import uuid4

import nats

from contracts.events import MemoryCreated, MemoryDeleted, MemoryUpdated, event
from contracts.methods import MAX_MESSAGE_BYTES, Empty
from contracts.personal_data import erase_of
from contracts.sql_generator import (
    CONFIRM_RULE,
    CREATE_RULE,
    DELETE_RULE,
    GET_RULE,
    LIST_RULES,
    PROPOSE_RULE,
    SERVICE,
    UPDATE_RULE,
    FilterRows,
    LimitRows,
    ListRules,
    NewRule,
    ProposeRule,
    RuleConditions,
    RuleRef,
    UpdateRule,
)
from contracts.topology import RULES_FROM_MEMORIES
from messaging.paging import ROOM_BYTES
from persistence.cursor import encode


def rule(**changes):
    given = {"rule_id": uuid4(), "rule_name": "r", "rule_type": "preference", "rule_content": "short aliases"}
    return NewRule(**{**given, **changes})


def proposal(**changes):
    return ProposeRule(**rule(**changes).model_dump(), decided_at=datetime.now(UTC))


async def publish(stack, *data, user="ada"):
    client = await nats.connect(stack.nats_url)
    for item in data:
        made = event(item, tenant_id="acme", user_id=user)
        await client.jetstream().publish(made.type, made.model_dump_json().encode())
    await client.close()


async def drained(stack):
    client = await nats.connect(stack.nats_url)
    info = await client.jetstream().consumer_info(RULES_FROM_MEMORIES.stream, RULES_FROM_MEMORIES.name)
    await client.close()
    assert (info.num_pending, info.num_ack_pending) == (0, 0)


def created(memory_id, memory_type="rule"):
    return MemoryCreated(memory_id=memory_id, memory_type=memory_type, content_version=1, content_hash="h")


def updated(memory_id):
    return MemoryUpdated(memory_id=memory_id, memory_type="rule", content_version=2, content_hash="i")


def deleted(memory_id):
    return MemoryDeleted(memory_id=memory_id, memory_type="rule", content_version=2)


async def listed(call, identity, **changes):
    return (await call(LIST_RULES, ListRules(**changes), identity)).rules


async def test_a_rule_is_active_from_its_creation_and_created_once(service, ada):
    new = rule(conditions=RuleConditions(intent="aggregate"), effects=(LimitRows(rows=5),), priority=7)
    async with service() as call:
        made = await call(CREATE_RULE, new, ada)
        assert (made.status, made.origin, made.conditions) == ("active", "user", new.conditions)
        assert made.effects == new.effects
        assert await call(CREATE_RULE, new.model_copy(update={"rule_name": "other"}), ada) == made
        assert await listed(call, ada) == (made,)


async def test_a_learned_rule_waits_as_proposed_and_is_proposed_once(service, ada, eve):
    new = proposal(rule_content="Exclude cancelled orders")
    async with service() as call:
        made = await call(PROPOSE_RULE, new, ada)
        assert (made.status, made.origin, made.rule_id) == ("proposed", "learned", new.rule_id)
        assert await call(PROPOSE_RULE, new, ada) == made
        assert await call(PROPOSE_RULE, proposal(rule_content="exclude  cancelled orders."), ada) == made
        assert await listed(call, ada) == (made,)
        assert (await call(PROPOSE_RULE, proposal(rule_content="Exclude cancelled orders"), eve)).rule_id != new.rule_id


async def test_equal_proposals_at_the_same_moment_become_one_rule(service, ada):
    async with service() as call:
        made = await asyncio.gather(*(call(PROPOSE_RULE, proposal(), ada) for _ in range(5)))
        assert len({one.rule_id for one in made}) == 1
        assert len(await listed(call, ada)) == 1


async def test_what_was_learned_before_an_erasure_is_not_proposed_after_it(service, ada):
    async with service() as call:
        before = proposal()
        await call(erase_of(SERVICE), Empty(), ada)
        assert (await call.problem(PROPOSE_RULE, before, ada)).type == "conflict"
        assert await listed(call, ada) == ()


async def test_a_proposed_rule_applies_once_it_is_confirmed(service, ada):
    async with service() as call:
        made = await call(PROPOSE_RULE, proposal(), ada)
        confirmed = await call(CONFIRM_RULE, RuleRef(rule_id=made.rule_id), ada)
        assert (confirmed.status, confirmed.origin) == ("active", "learned")
        assert await call(CONFIRM_RULE, RuleRef(rule_id=made.rule_id), ada) == confirmed.model_copy(
            update={"updated_at": ANY}
        )


async def test_learned_rules_apply_at_once_where_that_is_set(service, ada):
    async with service(rules_activate_learned=True) as call:
        assert (await call(PROPOSE_RULE, proposal(), ada)).status == "active"


async def test_a_rule_is_changed_retired_had_back_and_deleted(service, ada, eve):
    async with service() as call:
        made = await call(CREATE_RULE, rule(effects=(LimitRows(rows=5),)), ada)
        ref = RuleRef(rule_id=made.rule_id)
        words = RuleConditions(words=("sales",))
        changed = await call(UPDATE_RULE, UpdateRule(**ref.model_dump(), conditions=words, effects=()), ada)
        assert (changed.conditions, changed.effects, changed.rule_content) == (words, (), made.rule_content)
        assert changed.updated_at > made.updated_at
        for status in ("retired", "active"):
            assert (await call(UPDATE_RULE, UpdateRule(**ref.model_dump(), status=status), ada)).status == status
        for method, request in (
            (GET_RULE, ref),
            (UPDATE_RULE, UpdateRule(**ref.model_dump(), priority=1)),
            (CONFIRM_RULE, ref),
            (DELETE_RULE, ref),
        ):
            problem = await call.problem(method, request, eve)
            assert (problem.type, problem.errors[0].field) == ("not-found", "rule_id")
        await call(DELETE_RULE, ref, ada)
        assert (await call.problem(GET_RULE, ref, ada)).type == "not-found"


async def test_rules_are_listed_by_status_type_and_origin(service, ada):
    async with service() as call:
        mine = await call(CREATE_RULE, rule(rule_content="mine", rule_type="constraint"), ada)
        learned = await call(PROPOSE_RULE, proposal(), ada)
        assert await listed(call, ada, status="proposed") == (learned,)
        assert await listed(call, ada, origin="user") == (mine,)
        assert await listed(call, ada, rule_type="constraint", status="active") == (mine,)
        assert await listed(call, ada, rule_type="validation") == ()


async def test_the_words_of_a_memory_are_changed_in_the_memory(service, ada, others, stack, eventually):
    await others.start()
    memory = uuid4()
    others.contents = {memory: "Never use aliases"}
    async with service() as call:
        await publish(stack, created(memory))
        await eventually(lambda: drained(stack))
        assert (await call.problem(DELETE_RULE, RuleRef(rule_id=memory), ada)).type == "conflict"
        problem = await call.problem(UPDATE_RULE, UpdateRule(rule_id=memory, rule_content="x"), ada)
        assert (problem.type, "change the memory" in problem.detail) == ("conflict", True)
        await call(UPDATE_RULE, UpdateRule(rule_id=memory, priority=7, status="retired"), ada)
        others.contents[memory] = "Always use aliases"
        await publish(stack, updated(memory))
        await eventually(lambda: drained(stack))
        kept = await call(GET_RULE, RuleRef(rule_id=memory), ada)
        assert (kept.rule_content, kept.priority, kept.status) == ("Always use aliases", 7, "retired")


async def test_rules_are_paged_by_priority(service, ada):
    async with service() as call:
        for number in range(7):
            await call(CREATE_RULE, rule(rule_name=f"r{number}", priority=(number % 3) * 10), ada)
        seen, cursor = [], None
        while True:
            page = await call(LIST_RULES, ListRules(limit=3, cursor=cursor), ada)
            seen += page.rules
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len({one.rule_id for one in seen}) == 7
        assert [one.priority for one in seen] == sorted((one.priority for one in seen), reverse=True)
        forged = encode(2**40, datetime.now(UTC), uuid4())
        assert len((await call(LIST_RULES, ListRules(cursor=forged), ada)).rules) == 7
        problem = await call.problem(LIST_RULES, ListRules(cursor="AAAA"), ada)
        assert (problem.type, problem.errors[0].field) == ("invalid", "cursor")


async def test_rules_that_do_not_fit_one_message_come_in_several_pages(service, ada):
    async with service() as call:
        made = [await call(CREATE_RULE, rule(rule_content="規" * 9_900), ada) for _ in range(50)]
        pages, cursor = [], None
        while not pages or cursor is not None:
            page = await call(LIST_RULES, ListRules(limit=50, cursor=cursor), ada)
            assert page.rules
            assert len(page.model_dump_json().encode()) <= MAX_MESSAGE_BYTES
            pages.append(page.rules)
            cursor = page.next_cursor
        assert len(pages) == 3
        assert [one.rule_id for page in pages for one in page] == [one.rule_id for one in reversed(made)]


async def test_a_rule_that_fits_no_list_is_refused_and_not_kept(service, ada):
    values = tuple("x" * 1_000 for _ in range(100))
    effects = [FilterRows(table="t", column="c", operator="in", values=values) for _ in range(5)]
    large = rule(effects=(*effects, FilterRows(table="t", column="c", operator="in", values=values[:20])))
    assert ROOM_BYTES < len(large.model_dump_json()) < MAX_MESSAGE_BYTES
    async with service() as call:
        assert (await call.problem(CREATE_RULE, large, ada)).type == "too-large"
        assert await listed(call, ada) == ()


async def test_a_data_sources_rules_are_its_own_and_those_for_any(service, ada, shop):
    async with service() as call:
        one, two = await call.source(ada, shop, synced=False), await call.source(ada, shop, synced=False)
        for_any = await call(CREATE_RULE, rule(), ada)
        for_one = await call(CREATE_RULE, rule(data_source_id=one.data_source_id), ada)
        await call(CREATE_RULE, rule(data_source_id=two.data_source_id), ada)
        found = await listed(call, ada, data_source_id=one.data_source_id)
        assert {each.rule_id for each in found} == {for_any.rule_id, for_one.rule_id}


async def test_a_memory_that_states_a_rule_becomes_one_and_follows_it(service, ada, eve, others, stack, eventually):
    await others.start()
    aliases, active = uuid4(), uuid4()
    others.contents = {
        aliases: "The user prefers aliases for all tables",
        active: "Always exclude cancelled orders",
    }
    async with service() as call:
        await publish(stack, created(aliases), created(active), created(uuid4(), "long_term"))

        async def both():
            assert len(await listed(call, ada)) == 2

        await eventually(both)
        rules = {one.rule_id: one for one in await listed(call, ada)}
        assert (rules[aliases].rule_type, rules[aliases].origin) == ("preference", "memory")
        assert (rules[active].rule_type, rules[active].status) == ("constraint", "active")
        assert rules[active].rule_content == "Always exclude cancelled orders"
        assert await listed(call, eve) == ()

        others.contents[aliases] = "Never use aliases"
        await publish(stack, updated(aliases))

        async def reworded():
            assert {one.rule_content for one in await listed(call, ada)} == {
                "Never use aliases",
                "Always exclude cancelled orders",
            }

        await eventually(reworded)
        del others.contents[active]
        await publish(stack, deleted(active))

        async def forgotten():
            assert [one.rule_id for one in await listed(call, ada)] == [aliases]

        await eventually(forgotten)


async def test_events_may_come_twice_and_in_any_order(service, ada, others, stack, eventually, rows):
    await others.start()
    kept, gone = uuid4(), uuid4()
    others.contents = {kept: "Round amounts to two decimals"}
    async with service() as call:
        await publish(stack, created(kept), deleted(gone), created(gone), created(kept), updated(kept), created(gone))
        await eventually(lambda: drained(stack))
        await publish(stack, created(kept), deleted(gone))
        await eventually(lambda: drained(stack))
        (only,) = await listed(call, ada)
        assert (only.rule_id, only.created_at) == (kept, only.updated_at)
    assert len(await rows("select 1 from sql_generator.memori_rules")) == 1


async def test_memories_that_are_no_rules_cost_no_request(service, others, stack, eventually):
    await others.start()
    async with service():
        await publish(stack, *(created(uuid4(), "short_term") for _ in range(20)))
        await eventually(lambda: drained(stack))
        assert others.fetches == 0


async def test_rules_wait_while_memory_store_is_away(service, ada, others, stack, eventually):
    memory = uuid4()
    others.contents = {memory: "Only paid orders count"}
    async with service() as call:
        await publish(stack, created(memory))

        async def waits():
            client = await nats.connect(stack.nats_url)
            info = await client.jetstream().consumer_info(RULES_FROM_MEMORIES.stream, RULES_FROM_MEMORIES.name)
            await client.close()
            assert info.num_redelivered >= 1

        await eventually(waits)
        assert await listed(call, ada) == ()
        await others.start("memory-store")

        async def there():
            assert [one.rule_id for one in await listed(call, ada)] == [memory]

        await eventually(there, timeout=30)


async def test_a_users_own_rule_is_never_taken_over_by_a_memory_of_its_id(service, ada, others, stack, eventually):
    await others.start()
    async with service() as call:
        mine = await call(CREATE_RULE, rule(), ada)
        others.contents = {mine.rule_id: "Something else"}
        await publish(stack, created(mine.rule_id))
        await eventually(lambda: drained(stack))
        others.contents = {}
        await publish(stack, deleted(mine.rule_id))
        await eventually(lambda: drained(stack))
        assert await listed(call, ada) == (mine,)
