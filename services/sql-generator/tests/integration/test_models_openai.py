"""What a chat completions server is sent, and what of it is read, through the official SDK."""

import json

import pytest
from pydantic import SecretStr

from contracts.sql_generator import Column, DatabaseSchema, Table
from memori_testing.model_server import ModelServer, Status, Text, ToolCall
from sql_generator.generation.model import GenerationContext, ModelAnswerInvalid, ModelUnavailable, Tokens
from sql_generator.generation.openai import OpenAIModel
from sql_generator.generation.prompt import prompt

ANSWER = {"sql": "SELECT 1", "explanation": "One.", "intent": "select", "confidence": 0.5}
GOOD = ToolCall("answer_with_sql", ANSWER)
CONTEXT = GenerationContext(
    question="How many orders?",
    schema=DatabaseSchema(
        dialect="sqlite", tables=(Table(name="orders", columns=(Column(name="id", type="INTEGER"),)),)
    ),
)


def completion(finish_reason="tool_calls", usage=None, **said):
    """A chat completion as the API documents it."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", **said}}],
        "usage": usage,
    }


def call(arguments):
    return {"id": "call_1", "type": "function", "function": {"name": "answer_with_sql", "arguments": arguments}}


def refusal(parameter, message):
    error = {"message": message, "type": "invalid_request_error", "param": parameter, "code": "unsupported_parameter"}
    return Status(400, body={"error": error})


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
async def model(server):
    running = OpenAIModel(SecretStr("sk-test"), "gpt-test", base_url=f"{server.url}/v1", timeout=20, backoff=0.01)
    yield running
    await running.close()


async def test_a_negative_number_of_tokens_is_no_answer(server, model):
    usage = {"prompt_tokens": -1, "completion_tokens": 1}
    server.enqueue(Status(200, body=completion(usage=usage, tool_calls=[call(json.dumps(ANSWER))])))

    with pytest.raises(ModelAnswerInvalid, match="prompt_tokens"):
        await model.draft(CONTEXT)


async def test_the_function_is_forced_and_the_output_limited(server, model):
    server.enqueue(GOOD)

    await model.draft(CONTEXT)

    body = server.requests[0].body
    assert body["model"] == "gpt-test"
    assert body["max_tokens"] == 2048
    assert body["temperature"] == 0
    assert body["tool_choice"] == {"type": "function", "function": {"name": "answer_with_sql"}}
    assert [tool["function"]["name"] for tool in body["tools"]] == ["answer_with_sql"]


async def test_the_stable_part_is_the_system_message_so_that_its_prefix_can_be_cached(server, model):
    server.enqueue(GOOD)

    await model.draft(CONTEXT)

    expected = prompt(CONTEXT)
    assert server.requests[0].body["messages"] == [
        {"role": "system", "content": "\n\n".join(expected.stable)},
        {"role": "user", "content": expected.volatile},
    ]


@pytest.mark.parametrize("text", [json.dumps(ANSWER), f"\n {json.dumps(ANSWER, indent=2)} \n"])
async def test_a_text_that_is_exactly_the_json_object_is_an_answer(server, model, text):
    server.enqueue(Text(text))

    assert (await model.draft(CONTEXT)).sql == "SELECT 1"


@pytest.mark.parametrize(
    "text",
    [
        f"Here it is: {json.dumps(ANSWER)}",
        f"{json.dumps(ANSWER)} I hope this helps.",
        json.dumps(ANSWER) * 2,
        f"```json\n{json.dumps(ANSWER)}\n```",
        json.dumps([ANSWER]),
        json.dumps({"sql": "SELECT 1"}),
        "",
    ],
)
async def test_a_text_that_is_anything_else_is_not(server, model, text):
    server.enqueue(Text(text))

    with pytest.raises(ModelAnswerInvalid):
        await model.draft(CONTEXT)


async def test_arguments_sent_as_an_object_are_read_like_their_text(server, model):
    server.enqueue(Status(200, body=completion(tool_calls=[call(ANSWER)])))

    draft = await model.draft(CONTEXT)

    assert draft.sql == "SELECT 1"
    assert draft.tokens == Tokens()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (completion(tool_calls=[call("{")]), "arguments of answer_with_sql are invalid"),
        (completion(tool_calls=[call(json.dumps(ANSWER))] * 2), "once and nothing else"),
        (completion(finish_reason="stop", refusal="I cannot help with that."), "declined"),
        (completion(finish_reason="content_filter", content=""), "declined"),
        (completion(finish_reason="stop", content=None), "in prose"),
    ],
)
async def test_an_answer_that_is_none_says_why(server, model, body, said):
    server.enqueue(Status(200, body=body))

    with pytest.raises(ModelAnswerInvalid, match=said):
        await model.draft(CONTEXT)


async def test_parameters_that_a_model_refuses_are_replaced_once_and_for_all(server, model):
    def respond(request):
        if "max_tokens" in request.body:
            return refusal("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if "temperature" in request.body:
            return refusal("temperature", "Unsupported value: 'temperature' does not support 0 with this model.")
        return GOOD

    server.respond = respond

    await model.draft(CONTEXT)
    sent_before = len(server.requests)
    await model.draft(CONTEXT)

    assert sent_before == 3
    assert len(server.requests) == 4
    assert server.requests[-1].body["max_completion_tokens"] == 2048


async def test_a_parameter_refused_for_good_is_not_asked_about_forever(server, model):
    server.respond = lambda _: refusal("temperature", "temperature, max_tokens and tool_choice are all unsupported")

    with pytest.raises(ModelUnavailable, match="all unsupported"):
        await model.draft(CONTEXT)

    assert len(server.requests) == 4
