"""Questions that go on from one before, from end to end."""

import json
from uuid import uuid4

from contracts.sql_generator import EXECUTE, QueryRef
from memori_testing.model_server import Status

COUNT = "SELECT COUNT(*) FROM orders"
BY_CITY = "SELECT city, COUNT(*) FROM orders JOIN customers ON customers.id = customer_id GROUP BY city"
OFFLINE = {"memori_llm_provider": "offline"}


def conversation_shown(model):
    """The turns that the model was shown with the last question."""
    shown = model.requests[-1].body["messages"][0]["content"]
    if "<conversation>" not in shown:
        return []
    lines = shown.split("<conversation>\n")[1].split("\n</conversation>")[0]
    return [json.loads(line) for line in lines.split("\n")]


async def test_the_model_is_shown_what_was_said_and_asked_before(service, ada, eve, shop, model, says, others, rows):
    await others.start()
    talk = uuid4()
    async with service(model=model) as call:
        source = await call.source(ada, shop)
        others.say("user", "I work in sales.", talk)
        model.enqueue(
            says(COUNT),
            says(BY_CITY, question_in_full="How many orders are there by city?"),
            says(None, explanation="", clarifying_question="Which year?"),
            says(COUNT),
        )
        first = await call.ask(ada, "How many orders are there?", conversation_id=talk)
        assert [turn["content"] for turn in conversation_shown(model)] == ["I work in sales."]
        others.say("user", "How many orders are there?", talk)
        second = await call.ask(ada, "and by city?", conversation_id=talk, execute=True)
        assert second.question_in_full == "How many orders are there by city?"
        assert conversation_shown(model) == [
            {"role": "user", "content": "I work in sales."},
            {"role": "user", "content": "How many orders are there?", "sql": first.sql},
        ]
        # It is kept as it was understood; asked again under its id it is still the same question.
        again = await call.ask(ada, "and by city?", query_id=second.query_id, conversation_id=talk)
        assert again.sql == second.sql
        assert (await call(EXECUTE, QueryRef(query_id=second.query_id), ada)).result.rows == second.result.rows
        await call.ask(ada, "and the year?", conversation_id=talk)
        await call.ask(ada, "2025", conversation_id=talk)
        said = [turn["content"] for turn in conversation_shown(model)]
        assert said[-3:] == ["How many orders are there by city?", "and the year?", "Which year?"]
        # Nothing of it is anybody else's, or another conversation's.
        await call.source(eve, shop)
        others.messages.clear()
        model.enqueue(says(COUNT), says(COUNT))
        await call.ask(eve, "and by city?", conversation_id=talk)
        assert conversation_shown(model) == []
        await call.ask(ada, "and by city?", conversation_id=uuid4(), data_source_id=source.data_source_id)
        assert conversation_shown(model) == []
    kept = await rows(
        "select natural_language_query, question_key from sql_generator.memori_query_patterns where user_id = 'ada'"
    )
    assert {row.natural_language_query: row.question_key is not None for row in kept} == {
        "How many orders are there?": True,
        "How many orders are there by city?": True,
        "and the year?": False,
        "2025": True,
        "and by city?": False,
    }


async def test_a_conversation_that_cannot_be_read_is_said_to_be_missing(service, ada, shop, model, says):
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(COUNT), says(COUNT))
        talk = uuid4()
        first = await call.ask(ada, "How many orders are there?", conversation_id=talk)
        assert "turns" in first.degraded
        # What was asked here is known all the same.
        await call.ask(ada, "and paid ones?", conversation_id=talk)
        assert conversation_shown(model)[0]["sql"] == first.sql


async def test_without_a_model_sure_follow_ups_are_answered_one_after_the_other(service, ada, shop, others):
    await others.start()
    talk = uuid4()
    async with service(**OFFLINE) as call:
        await call.source(ada, shop)
        await call.ask(ada, "How many customers are there?", conversation_id=talk)
        by_city = await call.ask(ada, "and by city?", conversation_id=talk, execute=True)
        assert {frozenset(row) for row in by_city.result.rows} == {frozenset(("London", 1)), frozenset(("Paris", 2))}
        paris = await call.ask(ada, "only for Paris", conversation_id=talk, execute=True)
        assert paris.question_in_full == "How many customers are there per city where city is Paris"
        assert set(paris.result.rows[0]) == {2, "Paris"}
        unsure = await call.ask(ada, "and the nice ones?", conversation_id=talk)
        assert (unsure.status, unsure.clarifying_question) == ("abstained", "Can you ask the whole question?")
        alone = await call.ask(ada, "and by city?", conversation_id=uuid4())
        assert (alone.status, alone.sql) == ("abstained", None)
        assert "refer to" in alone.clarifying_question


async def test_without_memory_nothing_said_before_is_known(service, ada, shop, model, says, others):
    await others.start()
    talk = uuid4()
    others.say("user", "I work in sales.", talk)
    async with service(model=model, memori_enabled=False) as call:
        await call.source(ada, shop)
        model.enqueue(says(COUNT), Status(401))
        await call.ask(ada, "How many orders are there?", conversation_id=talk)
        assert conversation_shown(model) == []
