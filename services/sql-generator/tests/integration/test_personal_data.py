"""Everything of one user out, and everything of one user gone, whatever is under way."""

import asyncio
import json
import threading
from datetime import datetime
from uuid import uuid4

import nats
import pytest

from contracts.events import MemoryCreated, UserErased, event
from contracts.memory_store import CREATE, FETCH_CONTENTS, Contents, MemoryContent
from contracts.methods import Empty, ProblemError
from contracts.personal_data import ExportData, erase_of, export_of
from contracts.problems import problem
from contracts.sql_generator import CREATE_RULE, LIST_RULES, ListRules, NewRule, RuleConditions
from contracts.topology import ERASURES, RULES_FROM_MEMORIES
from messaging import create_broker, serve
from sql_generator.repository.data_sources import _parsed

SERVICE = "sql-generator"
QUESTION = "How many marmalade orders are there?"
TABLES = ("data_sources", "rules", "query_patterns", "usage", "outbox")


@pytest.fixture
def nothing(rows):
    """A function to await: fails unless no row names Ada, or holds what she asked."""

    async def check():
        for table in TABLES:
            sql = f"select 1 from sql_generator.memori_{table} t where t::text ~* 'ada|marmalade' limit 1"
            assert not await rows(sql), table

    return check


@pytest.fixture
def publish(stack):
    async def send(*events):
        client = await nats.connect(stack.nats_url)
        for each in events:
            await client.jetstream().publish(each.type, each.model_dump_json().encode())
        await client.close()

    return send


@pytest.fixture
def settled(stack, eventually):
    """Waits until every event published so far has been handled."""

    async def wait():
        client = await nats.connect(stack.nats_url)

        async def drained():
            for durable in (RULES_FROM_MEMORIES, ERASURES[SERVICE]):
                info = await client.jetstream().consumer_info(durable.stream, durable.name)
                assert (info.num_pending, info.num_ack_pending) == (0, 0)

        await eventually(drained, timeout=30)
        await client.close()

    return wait


def rule(**changes):
    given = {"rule_id": uuid4(), "rule_name": "marmalade", "rule_type": "preference", "rule_content": "aliases"}
    return NewRule(**{**given, **changes})


def created(memory_id):
    data = MemoryCreated(memory_id=memory_id, memory_type="rule", content_version=1, content_hash="h")
    return event(data, tenant_id="acme", user_id="ada")


def erased():
    return event(UserErased(erasure_id=uuid4()), tenant_id="acme", user_id="ada")


async def use(call, model, says, identity, shop):
    """A data source, a rule and a question of a user."""
    source = await call.source(identity, shop)
    await call(
        CREATE_RULE, rule(data_source_id=source.data_source_id, conditions=RuleConditions(words=("sales",))), identity
    )
    model.enqueue(says("SELECT count(*) AS n FROM orders"))
    return await call.ask(identity, QUESTION, data_source_id=source.data_source_id, execute=True)


async def exported(call, identity):
    found, cursor = {}, None
    while True:
        page = await call(export_of(SERVICE), ExportData(cursor=cursor), identity)
        found.setdefault(page.kind, []).extend(page.rows)
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_everything_goes_out_but_secrets_and_what_is_derived(service, ada, eve, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        answer = await use(call, model, says, ada, shop)
        await use(call, model, says, eve, shop)
        found = await exported(call, ada)
    ((source,), (kept,), (query,), (used,)) = (found[kind] for kind in ("data_sources", "rules", "queries", "usage"))
    assert (used["model"], used["calls"], used["cost_usd"]) == ("anthropic/claude-test", 1, None)
    assert (source["name"], source["kind"], source["status"]) == ("shop", "sqlite", "ready")
    assert [table["name"] for table in source["schema"]["tables"]] == ["customers", "orders"]
    assert (kept["rule_content"], kept["conditions"]) == ("aliases", {"tables": [], "intent": None, "words": ["sales"]})
    assert (query["natural_language_query"], query["generated_sql"]) == (QUESTION, answer.sql)
    assert query["answer"]["status"] == "executed"
    assert not {"connection", "tenant_id", "user_id"} & source.keys()
    assert not {"question_embedding", "embedding_model", "question_key"} & query.keys()
    assert str(shop) not in json.dumps(found)


async def test_a_user_is_erased_and_nobody_else(service, ada, eve, shop, model, says, others, nothing, rows):
    async with service(model=model) as call:
        # Nobody answers commands: what is to be remembered waits in the outbox, with its content.
        await use(call, model, says, ada, shop)
        await use(call, model, says, eve, shop)
        assert _parsed.cache_info().currsize > 0
        reply = await call(erase_of(SERVICE), Empty(), ada)
        assert {table: count for table, count in reply.rows.items() if table != "memori_outbox"} == {
            "memori_query_patterns": 1,
            "memori_rules": 1,
            "memori_data_sources": 1,
            "memori_source_terms": 14,
            "memori_file_uploads": 0,
            "memori_usage": 1,
        }
        assert reply.rows["memori_outbox"] >= 1
        assert _parsed.cache_info().currsize == 0
        for table in TABLES:
            assert not await rows(f"select 1 from sql_generator.memori_{table} where user_id = 'ada'")
        left = await rows("select 1 from sql_generator.memori_query_patterns where user_id = 'eve'")
        assert len(left) == 1
        again = await call(erase_of(SERVICE), Empty(), ada)
        assert not any(again.rows.values())
        await call(erase_of(SERVICE), Empty(), eve)
        await nothing()


async def test_what_was_refused_is_erased_with_the_user(
    service, ada, shop, model, says, stack, nothing, rows, eventually
):
    async def refuse(_request, _identity):
        raise ProblemError(problem("conflict", "no"))

    broker = create_broker(stack.nats_url, service="memory-store")
    serve(broker, CREATE, refuse)
    await broker.start()
    async with service(model=model) as call:
        await use(call, model, says, ada, shop)

        async def put_aside():
            assert await rows("select 1 from sql_generator.memori_outbox where refused_at is not null")

        await eventually(put_aside)
        await call(erase_of(SERVICE), Empty(), ada)
        await nothing()
    await broker.stop()


async def test_what_is_to_be_remembered_says_when_the_question_was_asked(
    service, ada, shop, model, says, stack, eventually
):
    requests = []

    async def create(request, _identity):
        requests.append(request)
        return Empty()

    broker = create_broker(stack.nats_url, service="memory-store")
    serve(broker, CREATE, create)
    await broker.start()
    async with service(model=model) as call:
        before = datetime.now().astimezone()
        answer = await use(call, model, says, ada, shop)
        await eventually(lambda: len(requests) == 1)
    assert before < requests[0].decided_at < datetime.now().astimezone()
    assert requests[0].memories[0].memory_id == answer.query_id
    await broker.stop()


async def test_a_question_that_is_being_answered_while_its_user_is_erased_is_not_kept(
    service, ada, shop, model, says, nothing
):
    asked, may_answer = threading.Event(), threading.Event()

    def slowly(_request):
        asked.set()
        may_answer.wait(30)
        return says("SELECT count(*) AS n FROM orders")

    async with service(model=model) as call:
        source = await call.source(ada, shop)
        model.respond = slowly
        asking = asyncio.create_task(call.ask(ada, QUESTION, data_source_id=source.data_source_id))
        await asyncio.to_thread(asked.wait, 30)
        await call(erase_of(SERVICE), Empty(), ada)
        may_answer.set()
        with pytest.raises(ProblemError) as caught:
            await asking
        assert caught.value.problem.type == "conflict"
        await nothing()


async def test_a_memory_from_before_does_not_become_a_rule_of_an_erased_user_again(
    service, ada, others, publish, settled, nothing
):
    await others.start()
    old = created(uuid4())
    others.contents = {old.data.memory_id: "No marmalade in totals"}
    async with service() as call:
        await publish(old)
        await settled()
        assert len((await call(LIST_RULES, ListRules(), ada)).rules) == 1
        await call(erase_of(SERVICE), Empty(), ada)
        # The owner of the memory has not erased it yet, and events come again.
        await publish(old, old)
        await settled()
        await nothing()
        new = created(uuid4())
        others.contents[new.data.memory_id] = "Round to cents"
        await publish(old, new)
        await settled()
        (kept,) = (await call(LIST_RULES, ListRules(), ada)).rules
        assert kept.rule_id == new.data.memory_id


async def test_an_erasure_in_the_middle_of_following_a_memory_wins(
    service, ada, stack, publish, settled, nothing, eventually
):
    fetching, may_answer = asyncio.Event(), asyncio.Event()
    old = created(uuid4())

    async def fetch(request, _identity):
        fetching.set()
        await may_answer.wait()
        (ref,) = request.memories
        content = MemoryContent(
            **ref.model_dump(), content="No marmalade", content_version=1, memory_type="rule", occurred_at=old.time
        )
        return Contents(contents=(content,))

    broker = create_broker(stack.nats_url, service="memory-store")
    serve(broker, FETCH_CONTENTS, fetch)
    await broker.start()
    async with service() as call:
        await publish(old)
        await fetching.wait()
        erasing = asyncio.create_task(call(erase_of(SERVICE), Empty(), ada))
        may_answer.set()
        await erasing
        await settled()
        await nothing()
    await broker.stop()


async def test_the_event_erases_and_its_redelivery_leaves_what_is_new(
    service, ada, shop, model, says, publish, settled, nothing
):
    async with service(model=model) as call:
        await use(call, model, says, ada, shop)
        said = erased()
        await publish(said)
        await settled()
        await nothing()
        new = await call(CREATE_RULE, rule(), ada)
        await publish(said, said)
        await settled()
        assert (await call(LIST_RULES, ListRules(), ada)).rules == (new,)
