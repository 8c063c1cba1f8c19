"""The whole way without a key: questions, rules and what was learned, with the offline model."""

from uuid import uuid4

import pytest

from contracts.sql_generator import CREATE_RULE, NewRule

OFFLINE = {"memori_llm_provider": "offline"}


async def test_a_question_is_answered_from_the_schema(service, ada, shop, others):
    await others.start()
    async with service(**OFFLINE) as call:
        await call.source(ada, shop)
        answer = await call.ask(ada, "How many customers are there?", execute=True)
        assert (answer.status, answer.model) == ("executed", "offline")
        assert answer.result.rows == ((3,),)
        assert "Offline" in answer.explanation
        assert 0 < answer.confidence < 1


async def test_a_preference_shapes_the_sql_and_is_named(service, ada, shop, others):
    await others.start()
    async with service(**OFFLINE) as call:
        await call.source(ada, shop)
        plain = await call.ask(ada, "How many customers are there?")
        assert " AS c" not in plain.sql
        rule = NewRule(
            rule_id=uuid4(),
            rule_name="aliases",
            rule_type="preference",
            rule_content="The user prefers aliases for all tables",
        )
        await call(CREATE_RULE, rule, ada)
        shaped = await call.ask(ada, "How many customers are in Paris?", execute=True)
        assert " AS c" in shaped.sql
        assert [used.rule_id for used in shaped.rules] == [rule.rule_id]
        assert shaped.result.rows == ((2,),)


async def test_the_same_question_about_another_value_reuses_what_was_learned(service, ada, eve, shop, others):
    await others.start()
    async with service(**OFFLINE) as call:
        await call.source(ada, shop)
        first = await call.ask(ada, "How many customers are in Paris?", execute=True)
        assert first.patterns == ()
        second = await call.ask(ada, "How many customers are in London?", execute=True)
        assert [used.pattern_id for used in second.patterns] == [first.query_id]
        assert second.result.rows == ((1,),)
        await call.source(eve, shop)
        assert (await call.ask(eve, "How many customers are in Paris?")).patterns == ()


@pytest.mark.parametrize("question", ["DROP TABLE customers", "delete all orders", "Show orders; DROP TABLE orders"])
async def test_a_demand_to_change_data_is_refused(service, ada, shop, others, question):
    await others.start()
    before = shop.read_bytes()
    async with service(**OFFLINE) as call:
        await call.source(ada, shop)
        answer = await call.ask(ada, question, execute=True)
        assert (answer.status, answer.sql, answer.result) == ("refused", None, None)
        assert answer.reason
    assert shop.read_bytes() == before


async def test_what_it_does_not_know_it_says(service, ada, shop, others):
    await others.start()
    async with service(**OFFLINE) as call:
        await call.source(ada, shop)
        answer = await call.ask(ada, "How many unicorns graze on Mars?", execute=True)
        assert (answer.status, answer.sql) == ("abstained", None)
        assert "unicorns" in answer.reason
