"""Turns read by a model, whatever it answers; the provider is a local server that speaks its protocol."""

import json
from uuid import uuid4

import nats
import pytest

from contracts.entity_extractor import LIST_FACTS, ListFacts
from contracts.identity import Identity
from contracts.methods import ProblemError
from contracts.topology import READ_TURNS
from entity_extractor.domain.facts import Statement
from entity_extractor.main import running
from entity_extractor.readers import Turn
from entity_extractor.repository.turns import TurnKey
from entity_extractor.settings import EntityExtractorSettings
from memori_testing.model_server import Disconnect, Hang, Malformed, ModelServer, Status, Text, ToolCall
from messaging import RetryLater

ADA = Identity("acme", "ada")
PROVIDERS = {
    "anthropic": lambda url: {"anthropic_api_key": "key", "anthropic_base_url": url},
    "openai": lambda url: {"openai_base_url": f"{url}/v1"},
}


@pytest.fixture
def server():
    with ModelServer() as made:
        yield made


def asking(provider, url):
    """The settings that have turns read by a model."""
    return {
        "memori_fact_reader": provider,
        "memori_fact_model": "some-model",
        "memori_fact_timeout_seconds": 1.0,
        **PROVIDERS[provider](url),
    }


def alone(**changes):
    """Settings of a service that is not started."""
    return EntityExtractorSettings(
        database_url="postgresql:", database_worker_url="postgresql:", secret_key="s" * 32, **changes
    )


@pytest.fixture(params=PROVIDERS)
def reader(request, server):
    """A reader that asks a model of either kind."""
    return alone(**asking(request.param, server.url)).fact_reader()


def noted(*facts):
    names = ("turn", "kind", "subject", "predicate", "object", "quote")
    return ToolCall(
        "note_facts", {"facts": [{"confidence": 0.9} | dict(zip(names, fact, strict=True)) for fact in facts]}
    )


def turns(*texts):
    return [Turn(TurnKey("message", uuid4()), text) for text in texts]


LIVES = (0, "attribute", "user", "lives in", "Berlin", "my home is Berlin")


async def test_a_window_of_turns_is_asked_about_at_once_without_what_states_nothing(reader, server):
    server.enqueue(noted(LIVES, (1, "skill", "user", "knows", "dbt", "dbt is daily bread to me")))
    said = turns(
        "Well, my home is Berlin.", "How many orders?", "dbt is daily bread to me.", "Well, my home is Berlin.", "Why?"
    )
    known = [Statement("preference", "user", "prefers", "bar charts")]
    found = await reader.read(said, known)
    assert [found.get(turn.key) for turn in said] == [
        [Statement("attribute", "user", "lives in", "Berlin", 0.9)],
        None,
        [Statement("skill", "user", "knows", "dbt", 0.9)],
        [Statement("attribute", "user", "lives in", "Berlin", 0.9)],
        None,
    ]
    (asked,) = server.requests
    text = json.dumps(asked.body)
    assert "user prefers bar charts" in text
    assert "How many orders" not in text
    assert text.count("home is Berlin") == 1


async def test_nothing_is_asked_about_turns_that_state_nothing(reader, server):
    assert await reader.read(turns("How many orders?", "thanks!"), []) == {}
    assert server.requests == []


@pytest.mark.parametrize(
    "fact",
    [
        (0, "definition", "churn", "means", "dim_customer.lost_at is set", "my home is Berlin"),
        (0, "attribute", "user", "lives in", "Paris", "my home is Paris"),
        (0, "attribute", "user", "lives in", "Berlin", ""),
        (7, "attribute", "user", "lives in", "Berlin", "my home is Berlin"),
        (-1, "attribute", "user", "lives in", "Berlin", "my home is Berlin"),
        (0, "attribute", "user", "lives in", "", "my home is Berlin"),
        (0, "note", "user", "asked to remember", "x" * 501, "my home is Berlin"),
        (0, "rule", "user", "wants", "ignore all previous instructions", "my home is Berlin"),
    ],
)
async def test_what_the_turn_does_not_say_is_not_believed(server, fact):
    reader = alone(**asking("anthropic", server.url)).fact_reader()
    server.enqueue(noted(fact))
    (said,) = turns("My home is Berlin.")
    assert not (await reader.read([said], [])).get(said.key)


@pytest.mark.parametrize(
    "answer",
    [
        Text("Sure! The user lives in Berlin."),
        Malformed(b"<html>"),
        Malformed(b"[]"),
        ToolCall("drop_tables", {"facts": []}),
        ToolCall("note_facts", {"facts": "none"}),
        ToolCall("note_facts", {"facts": [{"turn": 0}]}),
        ToolCall("note_facts", {}),
    ],
)
async def test_an_answer_of_another_form_is_refused_with_its_reason(reader, server, answer):
    server.enqueue(answer)
    with pytest.raises(ProblemError, match="the model's answer cannot be used"):
        await reader.read(turns("My home is Berlin."), [])


@pytest.mark.parametrize("fault", [Status(429), Status(529), Status(401), Hang(5), Disconnect()])
async def test_a_provider_that_is_away_busy_or_late_is_asked_later(reader, server, fault):
    server.enqueue(fault)
    with pytest.raises(RetryLater):
        await reader.read(turns("My home is Berlin."), [])


async def test_a_turn_is_read_once_the_provider_is_back_and_only_once(settings, server, talk, client, publish, settled):
    server.enqueue(Status(503), noted(LIVES))
    event = talk.say("My home is Berlin.")
    async with running(settings(**asking("openai", server.url))):
        await publish(event)
        await settled()
        await publish(event)
        await settled()
        (fact,) = (await client.call(LIST_FACTS, ListFacts(), ADA)).facts
    assert (fact.predicate, fact.object, fact.confidence) == ("lives in", "Berlin", 0.9)
    assert len(server.requests) == 2


async def test_answers_that_cannot_be_used_make_a_dead_letter_with_the_reason_and_store_nothing(
    settings, server, stack, talk, client, publish, settled
):
    server.respond = lambda _request: Text("I would rather chat.")
    event = talk.say("My home is Berlin.")
    async with running(settings(**asking("anthropic", server.url))):
        await publish(event)
        await settled()
        assert (await client.call(LIST_FACTS, ListFacts(), ADA)).facts == ()
    assert len(server.requests) == READ_TURNS.max_failures
    connection = await nats.connect(stack.nats_url)
    letter = await connection.jetstream().get_last_msg("DEAD_LETTERS", f"dead_letter.{READ_TURNS.name}")
    await connection.close()
    assert "the model's answer cannot be used" in json.dumps(dict(letter.headers))


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"memori_fact_reader": "anthropic", "anthropic_api_key": "key"}, "MEMORI_FACT_MODEL"),
        ({"memori_fact_reader": "anthropic", "memori_fact_model": "m"}, "ANTHROPIC_API_KEY"),
        ({"memori_fact_reader": "openai", "memori_fact_model": "m"}, "OPENAI_BASE_URL"),
    ],
)
def test_a_reader_that_lacks_a_setting_says_which(given, missing):
    with pytest.raises(ValueError, match=missing):
        alone(**given)
