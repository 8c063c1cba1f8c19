"""Verified answers are given again without a model, while they hold."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts.sql_generator import CREATE_RULE, RATE, READ_QUERY, NewRule, QueryRef, Rate
from memori_testing.model_server import Status

PAID = "SELECT COUNT(*) AS n FROM orders WHERE status = 'paid'"
QUESTION = "How many orders are 'paid'?"
MODELS = "SELECT COUNT(id) AS n FROM orders WHERE status = 'paid'"


@pytest.fixture
def verified(ada, model, says):
    """A function to await: a question that was answered, and the answer verified by a person."""

    async def asked(call, question=QUESTION, sql=PAID, **changes):
        model.enqueue(says(sql))
        answer = await call.ask(ada, question, **changes)
        await call(RATE, Rate(query_id=answer.query_id, score=5), ada)
        return answer

    return asked


async def test_the_same_question_is_answered_at_once_and_so_is_the_same_about_other_values(
    service, ada, shop, model, others, verified
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        first = await verified(call)
        again = await call.ask(ada, "please tell me: how many ORDERS are 'paid'", execute=True)
        assert (again.sql, again.model, again.usage, again.repairs) == (PAID, "pattern", (), 0)
        assert (again.status, again.result.rows, again.degraded) == ("executed", ((2,),), ())
        assert [used.pattern_id for used in again.patterns] == [first.query_id]
        assert "a person verified it" in again.explanation
        other = await call.ask(ada, "How many orders are 'open'?", execute=True)
        assert (other.sql, other.model) == (PAID.replace("paid", "open"), "pattern")
        assert other.result.rows == ((1,),)
        assert len(model.requests) == 1
        kept = [await call(READ_QUERY, QueryRef(query_id=answer.query_id), ada) for answer in (again, other)]
        assert [query.verified_by for query in kept] == ["person", "success"]


async def test_a_verified_answer_needs_no_model_that_is_there(service, ada, shop, model, says, others, verified):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        await verified(call)
        model.enqueue(*[Status(401)] * 3)
        assert (await call.ask(ada, QUESTION, execute=True)).result.rows == ((2,),)


async def test_an_answer_rated_down_is_not_given_again_also_when_it_was_reused(
    service, ada, shop, model, says, others, verified
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        first = await verified(call)
        reused = await call.ask(ada, QUESTION)
        await call(RATE, Rate(query_id=reused.query_id, score=1), ada)
        assert (await call(READ_QUERY, QueryRef(query_id=first.query_id), ada)).trust == "deprecated"
        model.enqueue(says(MODELS))
        again = await call.ask(ada, QUESTION)
        assert (again.sql, again.model) == (MODELS, "anthropic/claude-test")


async def test_other_values_found_wrong_once_are_not_put_into_that_kind_of_sql_again(
    service, ada, shop, model, says, others, verified
):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        await verified(call)
        wrong = await call.ask(ada, "How many orders are 'open'?")
        await call(RATE, Rate(query_id=wrong.query_id, score=2), ada)
        model.enqueue(*[says(MODELS)] * 2)
        for question in ("How many orders are 'open'?", "How many orders are 'paid' ?"):
            answer = await call.ask(ada, question)
            assert (answer.model == "pattern") is ("paid" in question)


async def test_a_correction_is_what_is_given_from_then_on(service, ada, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM customers"))
        wrong = await call.ask(ada, QUESTION)
        await call(RATE, Rate(query_id=wrong.query_id, corrected_sql=PAID), ada)
        again = await call.ask(ada, QUESTION, execute=True)
        assert (again.sql, again.model, again.result.rows) == (PAID, "pattern", ((2,),))


@pytest.mark.parametrize("newer", ["rule", "memory"])
async def test_what_was_said_since_is_for_the_model_to_follow(service, ada, shop, model, says, others, verified, newer):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        await verified(call)
        if newer == "rule":
            new = NewRule(rule_id=uuid4(), rule_name="a", rule_type="preference", rule_content="name totals in German")
            await call(CREATE_RULE, new, ada)
        else:
            others.remember("An order is paid once it is settled", written_at=datetime.now(UTC))
        model.enqueue(says(MODELS))
        assert (await call.ask(ada, QUESTION)).sql == MODELS
        assert len(model.requests) == 2


async def test_what_no_longer_passes_the_source_is_for_the_model(service, ada, shop, model, says, others, verified):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        await verified(call)
        with closing(sqlite3.connect(shop)) as connection:
            connection.execute("ALTER TABLE orders RENAME COLUMN status TO state")
        model.enqueue(says(MODELS.replace("status", "state")))
        answer = await call.ask(ada, QUESTION, execute=True)
        assert (answer.model, answer.repairs, answer.result.rows) == ("anthropic/claude-test", 0, ((2,),))


async def test_an_answer_is_given_again_only_to_its_user_about_its_source(
    service, ada, eve, shop, model, says, others, verified
):
    await others.start()
    async with service(model=model) as call:
        source, other = await call.source(ada, shop), await call.source(ada, shop)
        await call.source(eve, shop)
        await verified(call, data_source_id=source.data_source_id)
        model.enqueue(says(MODELS), says(MODELS))
        assert (await call.ask(ada, QUESTION, data_source_id=other.data_source_id)).sql == MODELS
        assert (await call.ask(eve, QUESTION)).sql == MODELS


async def test_the_memory_of_an_answer_found_wrong_is_not_shown_to_the_model(service, ada, shop, model, says, others):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT 1 AS wrong"), says(PAID), says(PAID))
        wrong = await call.ask(ada, "How many orders?")
        others.remember(f"Asked: How many orders? → SQL: {wrong.sql}", memory_id=wrong.query_id)
        await call.ask(ada, "How many orders now?")
        assert wrong.sql in model.requests[-1].body["messages"][0]["content"]
        await call(RATE, Rate(query_id=wrong.query_id, score=1), ada)
        await call.ask(ada, "How many orders today?")
        assert wrong.sql not in model.requests[-1].body["messages"][0]["content"]
