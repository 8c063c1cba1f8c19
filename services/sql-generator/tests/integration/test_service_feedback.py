"""What people say of answers, and what becomes of the answers."""

import asyncio
import json
from uuid import uuid4

import pytest

from contracts.sql_generator import (
    DELETE_QUERY,
    EXECUTE,
    GENERATE,
    GET_QUERY,
    LIST_QUERIES,
    RATE,
    READ_QUERY,
    Generate,
    ListQueries,
    QueryRef,
    Rate,
)

WRONG, RIGHT = "SELECT COUNT(*) AS n FROM customers", "SELECT COUNT(*) AS n FROM orders"
QUESTION = "How many orders are there?"


@pytest.fixture
def rate(ada):
    """A function to await: what the service answers to feedback on a query."""

    async def said(call, query_id, identity=ada, **feedback):
        return await call(RATE, Rate(query_id=query_id, **feedback), identity)

    return said


def examples(model):
    """The examples that the model was shown last."""
    shown = model.requests[-1].body["messages"][0]["content"]
    return shown.partition("<examples>")[2].partition("</examples>")[0]


def rated(events):
    return [json.loads(body)["data"] for subject, body in events if subject == "query.rated"]


async def test_a_good_score_verifies_and_a_bad_one_takes_out_of_use(
    service, ada, shop, model, says, others, rate, events, eventually
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(*[says(WRONG)] * 2, says(RIGHT), says(None, explanation="?"))
        good, bad = await call.ask(ada, "How many orders?", execute=True), await call.ask(ada, "Number of orders?")
        up = (await rate(call, good.query_id, score=4)).query
        assert (up.trust, up.verified_by, up.score) == ("verified", "person", 4)
        left = (await rate(call, good.query_id, score=3, notes="hm")).query
        assert (left.trust, left.verified_by, left.score, left.notes) == ("verified", "person", 3, "hm")
        down = (await rate(call, bad.query_id, score=2)).query
        assert (down.trust, down.verified_by) == ("deprecated", None)
        await call.ask(ada, "How many orders now?")
        assert good.sql in examples(model)
        await rate(call, good.query_id, score=1)
        await call.ask(ada, "How many orders today?")
        assert examples(model) == ""
        await eventually(lambda: [(said["score"], said["trust"]) for said in rated(events)] == [
            (4, "verified"), (3, "verified"), (2, "deprecated"), (1, "deprecated")
        ])  # fmt: skip


async def test_a_verified_answer_comes_before_a_wrong_one_that_merely_ran(
    service, ada, shop, model, says, others, rate
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(RIGHT), says(WRONG), says(RIGHT))
        right = await call.ask(ada, "How many orders are there in all?")
        await call.ask(ada, "How many orders are there now", execute=True)
        await rate(call, right.query_id, score=5)
        await call.ask(ada, "How many orders are there just now")
        shown = examples(model)
        assert 0 < shown.index(RIGHT) < shown.index(WRONG)


async def test_a_correction_supersedes_and_the_wrong_answer_is_never_offered_again(
    service, ada, shop, model, says, others, rate, events, eventually, rows
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(WRONG), says(RIGHT))
        asked = await call.ask(ada, QUESTION, execute=True)
        said = await rate(
            call, asked.query_id, score=1, corrected_sql=f" {RIGHT}; -- as it should be", notes="orders", execute=True
        )
        new, old = said.correction, said.query
        assert (old.trust, old.was_modified, old.notes, old.superseded_by) == (
            "deprecated",
            True,
            "orders",
            new.query_id,
        )
        assert (new.sql, new.status, new.model, new.result.rows) == (RIGHT, "executed", "person", ((3,),))
        kept = await call(READ_QUERY, QueryRef(query_id=new.query_id), ada)
        assert (kept.trust, kept.verified_by, kept.was_modified, kept.question) == (
            "verified",
            "person",
            True,
            QUESTION,
        )
        await call.ask(ada, "How many orders are there now?")
        assert RIGHT in examples(model)
        assert WRONG not in examples(model)
        assert (await rate(call, asked.query_id, score=5)).query.trust == "deprecated"
        await eventually(lambda: [event["superseded_by"] for event in rated(events)] == [str(new.query_id)] * 2)
        learned = [json.loads(body)["data"]["query_id"] for subject, body in events if subject == "query.executed"]
        assert learned == [str(asked.query_id), str(new.query_id)]
        await eventually(lambda: new.query_id in [memory.memory_id for _, memory in others.created])
    vectors = await rows("select count(*) from sql_generator.memori_query_patterns where question_embedding is null")
    assert vectors[0][0] == 0


async def test_a_question_that_got_no_answer_can_be_given_one(service, ada, shop, model, says, others, rate):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(None, explanation="Which orders?"))
        asked = await call.ask(ada, QUESTION)
        assert (await rate(call, asked.query_id, score=5)).query.trust == "candidate"
        said = await rate(call, asked.query_id, corrected_sql=RIGHT)
        assert (said.query.status, said.query.superseded_by) == ("abstained", said.correction.query_id)
        assert (said.correction.status, said.correction.result) == ("generated", None)
        assert (await call(EXECUTE, QueryRef(query_id=said.correction.query_id), ada)).result.rows == ((3,),)


async def test_the_same_feedback_again_changes_nothing_and_says_nothing(
    service, ada, shop, model, says, others, rate, events, eventually, rows
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(WRONG))
        asked = await call.ask(ada, QUESTION)
        feedback = {"score": 2, "corrected_sql": RIGHT, "notes": "orders"}
        one, two = await asyncio.gather(*(rate(call, asked.query_id, **feedback) for _ in range(2)))
        again = await rate(call, asked.query_id, **feedback)
        assert one.query == two.query == again.query
        assert one.correction.query_id == two.correction.query_id == again.correction.query_id
        other = await rate(call, asked.query_id, corrected_sql="SELECT COUNT(id) AS n FROM orders")
        first, second = [
            await call(READ_QUERY, QueryRef(query_id=said.correction.query_id), ada) for said in (one, other)
        ]
        assert (first.trust, first.superseded_by, second.trust) == ("deprecated", second.query_id, "verified")
        await eventually(lambda: len(rated(events)) == 2)
    assert len(await rows("select 1 from sql_generator.memori_query_patterns")) == 3


async def test_sql_sent_back_as_it_was_verifies_it(service, ada, shop, model, says, others, rate):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(RIGHT))
        asked = await call.ask(ada, QUESTION)
        said = await rate(call, asked.query_id, corrected_sql=f" {RIGHT} -- fine")
        assert (said.query.trust, said.query.was_modified, said.correction) == ("verified", False, None)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("DROP TABLE orders", "only queries"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT * FROM sqlite_master", "sqlite_master"),
        ("SELECT price FROM orders", "no such column: price"),
        ("PRAGMA table_info(orders)", "must be a SELECT"),
        ("nonsense", "only queries"),
    ],
)
async def test_a_correction_that_may_not_run_is_refused_with_the_reason(
    service, ada, shop, model, says, others, rate, sql, reason
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(WRONG))
        asked = await call.ask(ada, QUESTION)
        problem = await call.problem(RATE, Rate(query_id=asked.query_id, score=1, corrected_sql=sql), ada)
        assert (problem.type, problem.errors[0].field) == ("invalid", "corrected_sql")
        assert reason in problem.errors[0].message
        kept = await call(READ_QUERY, QueryRef(query_id=asked.query_id), ada)
        assert (kept.trust, kept.score, kept.superseded_by) == ("candidate", None, None)


async def test_a_correction_is_taken_while_the_source_is_away_and_says_that_it_was_not_checked(
    service, ada, shop, model, says, others, rate
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(WRONG))
        asked = await call.ask(ada, QUESTION)
        shop.rename(shop.with_name("away.db"))
        said = await rate(call, asked.query_id, corrected_sql=RIGHT, execute=True)
        assert (said.correction.status, said.correction.degraded) == ("generated", ("source",))
        assert "cannot be reached" in said.correction.reason


async def test_success_of_one_question_asked_twice_verifies_nothing(service, ada, shop, model, says, others, rows):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(*[says(RIGHT)] * 4)
        for question in (QUESTION, "how many orders are there", "Please tell me: how many orders are there?"):
            await call.ask(ada, question, execute=True)
        trust = "select distinct trust from sql_generator.memori_query_patterns"
        assert [row.trust for row in await rows(trust)] == ["candidate"]
        await call.ask(ada, "Number of orders?", execute=True)
        assert [row.trust for row in await rows(trust)] == ["verified"]


async def test_success_does_not_verify_what_a_person_found_wrong(service, ada, shop, model, says, others, rate, rows):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(*[says(WRONG)] * 4)
        asked = await call.ask(ada, QUESTION, execute=True)
        await rate(call, asked.query_id, score=1)
        again = await call.ask(ada, QUESTION.lower(), execute=True)
        assert (await call(READ_QUERY, QueryRef(query_id=again.query_id), ada)).trust == "deprecated"
        for question in ("Number of orders?", "Count the orders"):
            await call.ask(ada, question, execute=True)
    trusts = await rows("select trust from sql_generator.memori_query_patterns order by created_at")
    assert [row.trust for row in trusts] == ["deprecated", "deprecated", "candidate", "candidate"]


async def test_the_history_is_read_in_pages_and_by_what_was_asked(service, ada, eve, shop, model, says, others, rate):
    await others.start()
    async with service(model=model) as call:
        source = await call.source(ada, shop)
        model.enqueue(*[says(RIGHT, intent="aggregate")] * 2, says(None, explanation="Which?"))
        talk = uuid4()
        first = await call.ask(ada, QUESTION, execute=True)
        second = await call.ask(ada, "And customers?", conversation_id=talk)
        third = await call.ask(ada, "And unicorns?")
        await rate(call, first.query_id, score=5)

        async def listed(identity=ada, **wanted):
            return [query.query_id for query in (await call(LIST_QUERIES, ListQueries(**wanted), identity)).queries]

        assert await listed() == [third.query_id, second.query_id, first.query_id]
        page = await call(LIST_QUERIES, ListQueries(limit=2), ada)
        assert await listed(cursor=page.next_cursor) == [first.query_id]
        assert await listed(trust="verified") == await listed(status="executed") == [first.query_id]
        assert await listed(conversation_id=talk) == [second.query_id]
        assert await listed(intent="aggregate") == [second.query_id, first.query_id]
        assert len(await listed(data_source_id=source.data_source_id)) == 3
        assert await listed(since=page.queries[0].created_at) == [third.query_id]
        assert await listed(data_source_id=uuid4()) == await listed(eve) == []
        assert (await call.problem(LIST_QUERIES, ListQueries(cursor="x"), ada)).errors[0].field == "cursor"
        whole = await call(READ_QUERY, QueryRef(query_id=first.query_id), ada)
        assert (whole.sql, whole.explanation, whole.result, whole.row_count) == (RIGHT, "As asked.", None, 1)
        assert (whole.tables, whole.trust) == (("orders",), "verified")


async def test_a_query_is_forgotten_and_only_by_its_user(service, ada, eve, shop, model, says, others, rate):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(WRONG), says(RIGHT))
        asked = await call.ask(ada, QUESTION, execute=True)
        correction = (await rate(call, asked.query_id, corrected_sql=RIGHT)).correction
        ref = QueryRef(query_id=correction.query_id)
        for method in (READ_QUERY, DELETE_QUERY):
            assert (await call.problem(method, ref, eve)).type == "not-found"
        assert (await call.problem(RATE, Rate(query_id=ref.query_id, score=1), eve)).type == "not-found"
        await call(DELETE_QUERY, ref, ada)
        for method in (READ_QUERY, DELETE_QUERY, GET_QUERY):
            assert (await call.problem(method, ref, ada)).type == "not-found"
        left = await call(READ_QUERY, QueryRef(query_id=asked.query_id), ada)
        assert (left.trust, left.superseded_by) == ("deprecated", None)


async def test_a_query_that_no_model_was_there_for_is_in_the_history(service, ada, shop, others):
    await others.start()
    async with service() as call:
        await call.source(ada, shop)
        await call.problem(GENERATE, Generate(query_id=uuid4(), question=QUESTION), ada)
        (listed,) = (await call(LIST_QUERIES, ListQueries(status="failed"), ada)).queries
        whole = await call(READ_QUERY, QueryRef(query_id=listed.query_id), ada)
        assert (whole.sql, whole.confidence) == (None, 0)
        assert whole.reason
