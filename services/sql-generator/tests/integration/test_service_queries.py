"""Questions from end to end: a real model SDK against a scripted provider, real databases, real NATS."""

import asyncio
import sqlite3
from contextlib import closing
from uuid import uuid4

import asyncpg
import nats
import pytest
from nats.js.errors import NotFoundError

from contracts.health import health_of
from contracts.methods import Empty
from contracts.sql_generator import (
    CREATE_RULE,
    EXECUTE,
    GENERATE,
    GET_QUERY,
    LIST_RULES,
    Generate,
    ListRules,
    NewRule,
    QueryRef,
)
from memori_testing.model_server import Hang, Malformed, Status, Text

QUESTION = "How many orders are there?"


def ref(answer):
    return QueryRef(query_id=answer.query_id)


def prompts(model):
    """What the model was shown after its instructions, question by question."""
    return [
        "\n".join(block["text"] for block in request.body["system"][1:]) + request.body["messages"][0]["content"]
        for request in model.requests
    ]


async def test_a_question_is_answered_run_and_remembered(
    service, ada, shop, model, says, others, events, eventually, rows
):
    await others.start()
    conversation = uuid4()
    async with service(model=model) as call:
        source = await call.source(ada, shop)
        model.enqueue(says("SELECT count(*) AS n FROM orders", intent="aggregate"))
        answer = await call.ask(ada, QUESTION, conversation_id=conversation, execute=True)
        assert (answer.status, answer.intent, answer.repairs, answer.reason) == ("executed", "aggregate", 0, None)
        assert answer.sql == "SELECT count(*) AS n FROM orders"
        assert answer.result.rows == ((3,),)
        assert answer.degraded == ()
        assert answer.model == "anthropic/claude-test"
        assert answer.data_source_id == source.data_source_id

        await eventually(lambda: len(others.created) == 1)
        identity, memory = others.created[0]
        assert (identity.tenant_id, identity.user_id) == ("acme", "ada")
        assert (memory.memory_id, memory.conversation_id) == (answer.query_id, conversation)
        assert QUESTION in memory.content
        assert answer.sql in memory.content
        assert (memory.memory_type, memory.importance_score) == ("short_term", 0.6)
        assert memory.context_tags == ("sql_generation", "query")
        assert memory.metadata == {
            "data_source_id": str(source.data_source_id),
            "intent": "aggregate",
            "status": "executed",
        }
        kinds = ["data_source.synced", "query.executed", "query.generated"]
        await eventually(lambda: sorted(subject for subject, _ in events) == kinds)
        record = await call(GET_QUERY, ref(answer), ada)
        assert (record.sql, record.status, record.dialect) == (answer.sql, "executed", "sqlite")
    (row,) = await rows("select * from sql_generator.memori_query_patterns")
    assert (row.tables_used, row.result_row_count, row.was_successful, row.trust) == (["orders"], 1, True, "candidate")
    assert (row.query_signature, row.embedding_model) == ("SELECT COUNT(*) AS n FROM orders", "bag-of-words")
    assert row.answer["result"] is None


async def test_the_model_is_shown_what_is_known_and_the_answer_names_what_was_used(
    service, ada, shop, model, says, others
):
    await others.start()
    paid = others.remember("Revenue means paid orders only")
    others.remember("The user's name is Ada")
    async with service(model=model) as call:
        await call.source(ada, shop)
        new = NewRule(rule_id=uuid4(), rule_name="aliases", rule_type="preference", rule_content="alias every table")
        await call(CREATE_RULE, new, ada)
        model.enqueue(
            says(
                "SELECT SUM(o.amount) AS revenue FROM orders AS o WHERE o.status = 'paid'",
                used_memories=["m1"],
                used_rules=["r1", "r9"],
            )
        )
        answer = await call.ask(ada, "What is our revenue?")
        assert answer.status == "generated"
        assert [used.memory_id for used in answer.memories] == [paid.memory_id]
        assert [(used.rule_id, used.rule_type) for used in answer.rules] == [(new.rule_id, "preference")]
        assert answer.rules[0].effect == "asked of the model"
        (shown,) = prompts(model)
        for part in (paid.content, "The user's name is Ada", "alias every table", "orders.customer_id = customers.id"):
            assert part in shown
        (rule,) = (await call(LIST_RULES, ListRules(), ada)).rules
        assert rule.application_count == 1
        assert others.embedded == ["What is our revenue?"]
        assert others.recalls[0].embedding.model == "bag-of-words"


async def test_what_ran_before_is_an_example_and_is_verified_once_it_ran_for_another_question(
    service, ada, shop, model, says, others, rows
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(
            says("SELECT COUNT(*) FROM orders WHERE status = 'paid'"),
            says("SELECT COUNT(*) FROM orders WHERE status = 'open'", used_examples=["e1"]),
            says("SELECT COUNT(*) FROM orders WHERE status = 'void'"),
            says(None, explanation="What is a unicorn?"),
        )
        first = await call.ask(ada, "How many orders are paid?", execute=True)
        second = await call.ask(ada, "How many orders are open?", execute=True)
        assert [used.pattern_id for used in second.patterns] == [first.query_id]
        assert second.patterns[0].trust == "candidate"
        await call.ask(ada, "How many orders are void?")
        assert "verified" in prompts(model)[2].split("<examples>")[1]
        await call.ask(ada, "Name unicorns")
        assert "<examples>" not in prompts(model)[3]
    trusts = await rows("select trust, was_successful from sql_generator.memori_query_patterns order by created_at")
    assert [tuple(row) for row in trusts] == [
        ("verified", True),
        ("verified", True),
        ("candidate", None),
        ("candidate", False),
    ]


async def test_a_wrong_first_answer_is_repaired_and_said_so(service, ada, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT price FROM orders"), says("SELECT COUNT(*) FROM orders"))
        answer = await call.ask(ada, QUESTION, execute=True)
        assert (answer.status, answer.repairs, answer.result.rows) == ("executed", 1, ((3,),))
        assert "no such column: price" in prompts(model)[1]


async def test_an_openai_compatible_model_is_repaired_alike(service, ada, shop, model, says, others):
    await others.start()
    openai = {
        "memori_llm_provider": "openai",
        "memori_llm_model": "gpt-test",
        "openai_api_key": "key-of-openai",
        "openai_base_url": f"{model.url}/v1",
    }
    async with service(**openai) as call:
        await call.source(ada, shop)
        model.enqueue(Text("SELECT 1"), says("SELECT price FROM orders"), says("SELECT COUNT(*) FROM orders"))
        answer = await call.ask(ada, QUESTION, execute=True)
        assert (answer.status, answer.repairs, answer.model) == ("executed", 2, "openai/gpt-test")
        assert answer.result.rows == ((3,),)
        assert {request.path for request in model.requests} == {"/v1/chat/completions"}


async def test_a_statement_that_fails_when_it_runs_is_repaired(service, ada, postgres_database, model, says, others):
    await others.start()
    connection = await asyncpg.connect(postgres_database)
    await connection.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (0)")
    await connection.close()
    async with service(model=model) as call:
        await call.source(ada, postgres_database, kind="postgres")
        model.enqueue(says("SELECT 1 / n FROM t"), says("SELECT 1 / NULLIF(n, 0) AS q FROM t"))
        answer = await call.ask(ada, "What is one by n?", execute=True)
        assert (answer.status, answer.repairs, answer.result.rows) == ("executed", 1, ((None,),))
        assert "division by zero" in prompts(model)[1]


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda says: [says("SELECT unknown FROM nowhere")] * 3,
        lambda says: [Text("I would rather talk about poetry.")] * 3,
        lambda says: [Malformed(b"\x00 not json")] * 3,
        lambda says: [says("SELEKT 1"), says("SELECT * FROM sqlite_master"), says("SELECT load_extension('x')")],
    ],
)
async def test_nonsense_three_times_is_an_honest_failure_and_never_an_example(
    service, ada, shop, model, says, others, events, eventually, rows, nonsense
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(*nonsense(says))
        answer = await call.ask(ada, QUESTION, execute=True)
        assert (answer.status, answer.repairs, answer.sql, answer.result) == ("failed", 2, None, None)
        assert answer.reason
        assert (await call.problem(EXECUTE, ref(answer), ada)).type == "conflict"
        await eventually(lambda: "query.failed" in [subject for subject, _ in events])
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        await call.ask(ada, QUESTION)
        assert "<examples>" not in prompts(model)[-1]
        await eventually(lambda: len(others.created) == 1)
    stored = await rows("select was_successful from sql_generator.memori_query_patterns where status = 'failed'")
    assert [tuple(row) for row in stored] == [(False,)]


@pytest.mark.parametrize(
    "attack", ["DROP TABLE orders", "SELECT 1; DELETE FROM orders", "UPDATE orders SET amount = 0"]
)
async def test_a_statement_that_would_change_data_is_refused_and_nothing_runs(
    service, ada, shop, model, says, others, events, eventually, attack
):
    await others.start()
    before = shop.read_bytes()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(attack))
        answer = await call.ask(ada, "Which orders shall go?", execute=True)
        assert (answer.status, answer.sql, answer.result, answer.repairs) == ("refused", None, None, 0)
        assert answer.reason
        assert len(model.requests) == 1
        assert (await call.problem(EXECUTE, ref(answer), ada)).type == "conflict"
        await eventually(lambda: "query.failed" in [subject for subject, _ in events])
        assert others.created == []
    assert shop.read_bytes() == before


async def test_a_demand_to_change_data_that_the_model_declines_is_refused(service, ada, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(None, explanation="I only read."), says(None, explanation="What is a unicorn?"))
        assert (await call.ask(ada, "Show all orders; DROP TABLE orders")).status == "refused"
        abstained = await call.ask(ada, "How many unicorns are there?")
        assert (abstained.status, abstained.sql, abstained.reason) == ("abstained", None, "What is a unicorn?")


@pytest.mark.parametrize(
    ("fault", "calls"), [(Status(429, retry_after=30), 1), (Status(500), 2), (Hang(5), 1), (Status(401), 1)]
)
async def test_a_model_that_is_away_is_said_to_be_and_the_question_can_be_asked_again(
    service, ada, shop, model, says, others, rows, fault, calls
):
    await others.start()
    query_id = uuid4()
    async with service(model=model, memori_llm_timeout_seconds=2.0) as call:
        await call.source(ada, shop)
        model.enqueue(*[fault] * 3)
        request = Generate(query_id=query_id, question=QUESTION)
        problem = await call.problem(GENERATE, request, ada)
        assert problem.type == "unavailable"
        assert problem.retry_after == (30 if fault == Status(429, retry_after=30) else 5)
        assert "key-of-anthropic" not in problem.model_dump_json()
        assert len(model.requests) >= calls
        (row,) = await rows("select status, was_successful, answer from sql_generator.memori_query_patterns")
        assert tuple(row) == ("failed", False, None)
        health = await call(health_of("sql-generator"), Empty(), ada)
        assert health.checks["llm"] == "unhealthy: ModelUnavailable"
        while model.take(model.requests[0]):
            pass
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        answer = await call(GENERATE, request, ada)
        assert answer.status == "generated"
        assert (await call(health_of("sql-generator"), Empty(), ada)).checks["llm"] == "healthy"
    assert len(await rows("select 1 from sql_generator.memori_query_patterns")) == 1


async def test_with_every_other_service_away_a_question_is_still_answered(service, ada, shop, model, says):
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        answer = await call.ask(ada, QUESTION, execute=True)
        assert answer.result.rows == ((3,),)
        assert set(answer.degraded) == {"embeddings", "memories", "knowledge"}


async def test_without_vectors_past_queries_are_found_by_their_words(service, ada, shop, model, says):
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"), says("SELECT COUNT(*) FROM orders", used_examples=["e1"]))
        first = await call.ask(ada, "How many orders are there?", execute=True)
        again = await call.ask(ada, "How many orders are there now?")
        assert [used.pattern_id for used in again.patterns] == [first.query_id]


async def test_what_is_to_be_remembered_arrives_when_memory_store_comes_up_late(
    service, ada, shop, model, says, others, eventually
):
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        answer = await call.ask(ada, QUESTION)
        assert others.created == []
        await others.start("memory-store")
        await eventually(lambda: [memory.memory_id for _, memory in others.created] == [answer.query_id], timeout=30)
        assert others.created[0][1].metadata["status"] == "generated"


async def test_the_same_query_id_gets_the_same_answer_and_asks_no_model_again(
    service, ada, shop, model, says, others, eventually, rows
):
    await others.start()
    query_id = uuid4()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        first = await call.ask(ada, QUESTION, query_id=query_id)
        assert await call.ask(ada, QUESTION, query_id=query_id) == first
        assert len(model.requests) == 1
        ran = await call.ask(ada, QUESTION, query_id=query_id, execute=True)
        assert (ran.status, ran.result.rows) == ("executed", ((3,),))
        assert len(model.requests) == 1
        await eventually(lambda: len(others.created) == 1)
    assert len(await rows("select 1 from sql_generator.memori_query_patterns")) == 1


async def test_a_query_id_that_was_used_for_another_question_or_source_is_a_conflict(
    service, ada, eve, shop, model, says, others
):
    await others.start()
    async with service(model=model) as call:
        source, other = await call.source(ada, shop), await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"), says("SELECT COUNT(*) FROM customers"))
        first = await call.ask(ada, QUESTION, data_source_id=source.data_source_id)
        same = Generate(query_id=first.query_id, question=QUESTION)
        for changed in (
            same.model_copy(update={"question": "Who are our customers?"}),
            same.model_copy(update={"data_source_id": other.data_source_id}),
        ):
            problem = await call.problem(GENERATE, changed, ada)
            assert problem.type == "conflict"
            assert "another question" in problem.detail
        assert await call(GENERATE, same, ada) == first
        assert len(model.requests) == 1
        # Ids are each user's own.
        await call.source(eve, shop)
        assert (await call.ask(eve, "How many customers?", query_id=first.query_id)).status == "generated"


async def test_the_same_request_twice_at_once_gets_its_rows_twice(service, ada, shop, model, says, others):
    await others.start()
    query_id = uuid4()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"), says("SELECT COUNT(id) FROM orders"))
        answers = await asyncio.gather(*(call.ask(ada, QUESTION, query_id=query_id, execute=True) for _ in range(2)))
        assert len(model.requests) == 2
        assert [answer.result.rows for answer in answers] == [((3,),), ((3,),)]
        assert answers[0].sql == answers[1].sql


async def test_a_call_with_too_few_arguments_goes_back_to_the_model(
    service, ada, postgres_database, model, says, others
):
    await others.start()
    connection = await asyncpg.connect(postgres_database)
    await connection.execute("CREATE TABLE t (name text); INSERT INTO t VALUES ('A')")
    await connection.close()
    async with service(model=model) as call:
        await call.source(ada, postgres_database, kind="postgres")
        model.enqueue(says("SELECT lower() FROM t"), says("SELECT lower(name) AS name FROM t"))
        answer = await call.ask(ada, "Which names?", execute=True)
        assert (answer.status, answer.repairs, answer.result.rows) == ("executed", 1, (("a",),))


@pytest.mark.parametrize("look", ["EXPLAIN QUERY PLAN SELECT id FROM orders", "PRAGMA table_info(orders)"])
async def test_a_statement_that_is_no_query_goes_back_to_the_model(service, ada, shop, model, says, others, look):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(look), says("SELECT COUNT(*) FROM orders"))
        answer = await call.ask(ada, QUESTION, execute=True)
        assert (answer.status, answer.repairs, answer.result.rows) == ("executed", 1, ((3,),))
        assert "must be a SELECT" in prompts(model)[1]


async def test_a_model_that_goes_away_before_a_repair_leaves_the_reason(service, ada, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT absent FROM orders"), Status(401))
        answer = await call.ask(ada, QUESTION)
        assert (answer.status, answer.sql, answer.repairs) == ("failed", None, 0)
        assert "no such column: absent" in answer.reason
        assert "could not repair" in answer.reason


async def test_more_rules_than_are_shown_are_said_to_be(service, ada, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"), says("SELECT COUNT(*) FROM orders"))
        for number in range(21):
            if number == 20:
                assert (await call.ask(ada, QUESTION)).degraded == ()
            new = NewRule(rule_id=uuid4(), rule_name="r", rule_type="preference", rule_content=f"rule {number}")
            await call(CREATE_RULE, new, ada)
        assert (await call.ask(ada, QUESTION)).degraded == ("rules",)
        assert prompts(model)[1].count('"content":"rule ') == prompts(model)[0].count('"content":"rule ') == 20


async def test_the_same_request_twice_at_once_is_one_query(service, ada, shop, model, says, others, rows, eventually):
    await others.start()
    query_id = uuid4()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"), says("SELECT COUNT(id) FROM orders"))
        one, two = await asyncio.gather(
            call.ask(ada, QUESTION, query_id=query_id), call.ask(ada, QUESTION, query_id=query_id)
        )
        assert one == two
        await eventually(lambda: len(others.created) == 1)
    assert len(await rows("select 1 from sql_generator.memori_query_patterns")) == 1


async def test_a_query_is_executed_later_and_again(service, ada, shop, model, says, others, events, eventually):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT name FROM customers ORDER BY id"))
        asked = await call.ask(ada, "Who are our customers?")
        assert (asked.status, asked.result) == ("generated", None)
        ran = await call(EXECUTE, ref(asked), ada)
        assert (ran.status, ran.result.rows) == ("executed", (("Ada",), ("Bob",), ("Cyd",)))
        assert (await call(EXECUTE, ref(asked), ada)).result.rows == ran.result.rows
        assert (await call(GET_QUERY, ref(asked), ada)).status == "executed"
        await eventually(lambda: [subject for subject, _ in events].count("query.executed") == 2)
        assert (await call.problem(EXECUTE, QueryRef(query_id=uuid4()), ada)).type == "not-found"


async def test_a_query_whose_table_is_gone_fails_with_the_reason(service, ada, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT name FROM customers"))
        asked = await call.ask(ada, "Who are our customers?")
        with closing(sqlite3.connect(shop)) as connection:
            connection.execute("DROP TABLE customers")
        failed = await call(EXECUTE, ref(asked), ada)
        assert (failed.status, failed.result) == ("failed", None)
        assert "customers" in failed.reason


async def test_a_source_that_went_away_is_said_to_be_and_its_query_runs_when_it_is_back(
    service, ada, shop, model, says, others, eventually
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        away = shop.rename(shop.with_name("away.db"))
        model.enqueue(says("SELECT COUNT(*) FROM orders"), says("SELECT COUNT(*) FROM orders"))
        unchecked = await call.ask(ada, QUESTION)
        assert (unchecked.status, unchecked.degraded) == ("generated", ("source",))
        failed = await call.ask(ada, QUESTION, execute=True)
        assert (failed.status, failed.result, failed.repairs) == ("failed", None, 0)
        assert "cannot be reached" in failed.reason
        asked = {unchecked.query_id, failed.query_id}
        await eventually(lambda: {memory.memory_id for _, memory in others.created} == asked)
        away.rename(shop)
        assert (await call(EXECUTE, ref(failed), ada)).result.rows == ((3,),)


async def test_results_stop_at_their_caps_and_at_their_time(service, ada, shop, model, says, others):
    await others.start()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    async with service(model=model, query_max_rows=2, query_timeout_seconds=0.5) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT id FROM customers"), says(endless))
        capped = await call.ask(ada, "Which customers?", execute=True)
        assert (capped.result.row_count, capped.result.truncated_by) == (2, "rows")
        stopped = await call.ask(ada, "Count to infinity", execute=True)
        assert (stopped.status, stopped.repairs) == ("failed", 0)
        assert "0.5 s" in stopped.reason


async def test_the_data_source_may_be_left_out_while_there_is_one(service, ada, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        request = Generate(query_id=uuid4(), question=QUESTION)
        nothing = await call.problem(GENERATE, request, ada)
        assert (nothing.type, nothing.errors[0].field) == ("invalid", "data_source_id")
        first = await call.source(ada, shop, synced=False)
        model.enqueue(says("SELECT COUNT(*) FROM orders"), says("SELECT COUNT(*) FROM orders"))
        # It has not been synced yet either, so that happens now.
        assert (await call.ask(ada, QUESTION, execute=True)).result.rows == ((3,),)
        await call.source(ada, shop)
        several = await call(GENERATE, request, ada)
        assert (several.status, several.data_source_id, len(several.recommended_sources)) == ("abstained", None, 2)
        named = await call.ask(ada, QUESTION, data_source_id=first.data_source_id)
        assert named.data_source_id == first.data_source_id
        unknown = request.model_copy(update={"data_source_id": uuid4()})
        assert (await call.problem(GENERATE, unknown, ada)).type == "not-found"


async def test_a_source_that_was_never_read_and_is_away_is_unavailable(service, ada, tmp_path, model, others):
    async with service(model=model) as call:
        await call.source(ada, tmp_path / "absent.db", synced=False)
        problem = await call.problem(GENERATE, Generate(query_id=uuid4(), question=QUESTION), ada)
        assert (problem.type, problem.retry_after) == ("unavailable", 5)


async def test_when_memory_is_disabled_questions_are_answered_and_nothing_is_kept(
    service, ada, shop, model, says, others, events, rows
):
    await others.start()
    others.remember("Revenue means paid orders only")
    async with service(model=model, memori_enabled=False) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        answer = await call.ask(ada, QUESTION, execute=True)
        assert (answer.status, answer.result.rows, answer.degraded) == ("executed", ((3,),), ())
        assert "Revenue" not in prompts(model)[0]
        assert (await call.problem(GET_QUERY, ref(answer), ada)).type == "not-found"
    assert await rows("select 1 from sql_generator.memori_query_patterns") == []
    assert others.recalls == others.created == others.embedded == []
    assert [subject for subject, _ in events if subject.startswith("query.")] == []


async def test_a_memory_for_a_conversation_that_is_gone_is_a_dead_letter_at_last(
    service, ada, shop, model, says, others, stack, eventually, rows
):
    from contracts.dead_letters import RefusedCommand
    from contracts.memory_store import CREATE
    from contracts.methods import ProblemError
    from contracts.problems import problem
    from messaging import create_broker, serve

    async def refuse(_request, _identity):
        raise ProblemError(problem("not-found", "no such conversation"))

    broker = create_broker(stack.nats_url, service="memory-store")
    serve(broker, CREATE, refuse)
    await broker.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"))
        answer = await call.ask(ada, QUESTION, conversation_id=uuid4())

        async def buried():
            client = await nats.connect(stack.nats_url)
            letter = await client.jetstream().get_last_msg("DEAD_LETTERS", "dead_letter.sql-generator-commands")
            await client.close()
            waits = RefusedCommand.model_validate_json(letter.data)
            ((body,),) = await rows("select body from sql_generator.memori_outbox where id = :id", id=waits.outbox_id)
            assert str(answer.query_id) in body.decode()
            assert str(answer.query_id) not in letter.data.decode()

        await eventually(buried, ignore=(NotFoundError,))
    await broker.stop()


async def test_a_question_in_a_conversation_of_somebody_else_is_not_found(service, ada, shop, model, stack, rows):
    from contracts.memory_store import GET_CONVERSATION
    from contracts.methods import ProblemError
    from contracts.problems import problem
    from messaging import create_broker, serve

    async def refuse(_request, _identity):
        raise ProblemError(problem("not-found", "no such conversation"))

    broker = create_broker(stack.nats_url, service="memory-store")
    serve(broker, GET_CONVERSATION, refuse)
    await broker.start()
    async with service(model=model) as call:
        source = await call.source(ada, shop)
        request = Generate(
            query_id=uuid4(), question=QUESTION, data_source_id=source.data_source_id, conversation_id=uuid4()
        )
        refused = await call.problem(GENERATE, request, ada)
    await broker.stop()
    assert refused.type == "not-found"
    assert [error.field for error in refused.errors] == ["conversation_id"]
    assert model.requests == []
    assert await rows("select 1 from sql_generator.memori_query_patterns") == []


async def test_the_service_says_how_it_is(service, ada, model):
    async with service(model=model) as call:
        health = await call(health_of("sql-generator"), Empty(), ada)
        assert health.status == "healthy"
        assert set(health.checks) == {"database", "nats", "consumer", "erasures", "llm"}
        for check in call.checks.values():
            await check()
