"""What the Messages API is sent, and what of it is read, through the official SDK."""

import asyncio
import threading
from uuid import UUID

import pytest
from pydantic import SecretStr

from contracts.sql_generator import Column, DatabaseSchema, Table
from memori_testing.model_server import ModelServer, Status, ToolCall
from sql_generator.generation.anthropic import AnthropicModel
from sql_generator.generation.model import GenerationContext, ModelAnswerInvalid, RuleText, Tokens
from sql_generator.generation.prompt import prompt

# The default model is one that the SDK warns about; it is the default all the same.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The model 'claude-sonnet-4-5-20250929' is deprecated:DeprecationWarning"
)

ANSWER = {"sql": "SELECT 1", "explanation": "One.", "intent": "select", "confidence": 0.5}
GOOD = ToolCall("answer_with_sql", ANSWER)
SCHEMA = DatabaseSchema(dialect="sqlite", tables=(Table(name="orders", columns=(Column(name="id", type="INTEGER"),)),))


def context(question="How many orders?", **parts):
    return GenerationContext(question=question, schema=SCHEMA, **parts)


def message(**changes):
    """A message as the API documents it."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "tool_use", "id": "toolu_1", "name": "answer_with_sql", "input": ANSWER}],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **changes,
    }


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
async def model(server):
    running = AnthropicModel(SecretStr("sk-test"), base_url=server.url, timeout=20, backoff=0.01)
    yield running
    await running.close()


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens", "cache_read_input_tokens"])
async def test_a_negative_number_of_tokens_is_no_answer(server, model, field):
    usage = {"input_tokens": 10, "output_tokens": 5, field: -1}
    server.enqueue(Status(200, body=message(usage=usage)))

    with pytest.raises(ModelAnswerInvalid, match=field):
        await model.draft(context())


async def test_the_stable_blocks_are_sent_as_system_each_ending_a_cached_prefix(server, model):
    rule = RuleText(rule_id=UUID(int=1), rule_name="a", rule_type="constraint", rule_content="no drafts")
    given = context(rules=(rule,))
    server.enqueue(GOOD)

    await model.draft(given)

    body = server.requests[0].body
    expected = prompt(given)
    assert [block["text"] for block in body["system"]] == list(expected.stable)
    assert [block["cache_control"] for block in body["system"]] == [{"type": "ephemeral"}] * 3
    assert body["messages"] == [{"role": "user", "content": expected.volatile}]


async def test_two_questions_send_the_same_cached_prefix(server, model):
    server.enqueue(GOOD, GOOD)

    await model.draft(context("How many orders?"))
    await model.draft(context("Which order was first?"))

    first, second = (request.body for request in server.requests)
    assert (first["tools"], first["system"]) == (second["tools"], second["system"])
    assert first["messages"] != second["messages"]


async def test_the_tool_is_forced_and_the_output_limited(server, model):
    server.enqueue(GOOD)

    await model.draft(context())

    body = server.requests[0].body
    assert body["model"] == "claude-sonnet-4-5-20250929"
    assert body["max_tokens"] == 2048
    assert body["tool_choice"] == {"type": "tool", "name": "answer_with_sql", "disable_parallel_tool_use": True}
    assert [tool["name"] for tool in body["tools"]] == ["answer_with_sql"]
    assert body["tools"][0]["input_schema"]["required"] == ["sql", "explanation", "intent", "confidence"]


async def test_no_sampling_parameter_is_sent_since_this_version_of_the_api_refuses_them(server, model):
    server.enqueue(GOOD)

    await model.draft(context())

    assert server.requests[0].headers["anthropic-version"] >= "2026-10-21"
    assert server.requests[0].body.keys().isdisjoint({"temperature", "top_p", "top_k"})


async def test_tokens_of_the_cache_are_told_apart(server, model):
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 300,
        "cache_read_input_tokens": 2_000,
        "output_tokens": 5,
    }
    server.enqueue(Status(200, body=message(usage=usage)))

    draft = await model.draft(context())

    assert draft.tokens == Tokens(input=10, output=5, cache_read=2_000, cache_write=300)


async def test_text_and_thinking_before_the_tool_call_are_passed_over(server, model):
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "x"},
        {"type": "text", "text": "Let me see."},
        *message()["content"],
    ]
    server.enqueue(Status(200, body=message(content=blocks)))

    assert (await model.draft(context())).sql == "SELECT 1"


async def test_two_tool_calls_are_not_an_answer(server, model):
    server.enqueue(Status(200, body=message(content=message()["content"] * 2)))

    with pytest.raises(ModelAnswerInvalid, match="once and nothing else"):
        await model.draft(context())


@pytest.mark.parametrize(
    ("stop_reason", "said"), [("refusal", "declined"), ("model_context_window_exceeded", "context window")]
)
async def test_an_answer_that_was_stopped_says_why(server, model, stop_reason, said):
    server.enqueue(Status(200, body=message(stop_reason=stop_reason)))

    with pytest.raises(ModelAnswerInvalid, match=said):
        await model.draft(context())


async def test_a_model_that_cannot_be_forced_is_asked_to_choose_from_then_on(server, model):
    refusal = 'tool_choice: type "tool" and "any" are not supported for this model.'

    both_sent = threading.Barrier(2, timeout=10)

    def respond(request):
        forced = request.body["tool_choice"]["type"] == "tool"
        if forced:
            both_sent.wait()
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": refusal}}
        return Status(400, body=error) if forced else GOOD

    server.respond = respond

    first, second = await asyncio.gather(model.draft(context()), model.draft(context()))
    sent_before = len(server.requests)
    third = await model.draft(context())

    assert first.sql == second.sql == third.sql == "SELECT 1"
    assert sent_before == 4
    assert len(server.requests) == 5
    assert server.requests[-1].body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
