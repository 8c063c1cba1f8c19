"""Both providers through their official SDKs, against a local server that speaks their protocols."""

import asyncio
import logging
import subprocess
import sys
import time
import traceback
from uuid import uuid4

import pytest
from pydantic import SecretStr

from contracts.memory_store import RecalledMemory
from contracts.sql_generator import Column, DatabaseSchema, Table
from memori_testing.model_server import Disconnect, Hang, Malformed, ModelServer, Status, Text, ToolCall
from sql_generator.generation.anthropic import AnthropicModel
from sql_generator.generation.factory import create_model
from sql_generator.generation.model import Attempt, GenerationContext, ModelAnswerInvalid, ModelUnavailable, RuleText
from sql_generator.generation.openai import OpenAIModel

KEY = "sk-test-0123456789abcdef"
ANSWER = {
    "sql": "SELECT count(*) FROM orders",
    "explanation": "Counts the orders.",
    "intent": "aggregate",
    "confidence": 0.9,
    "clarifying_question": None,
    "used_memories": ["m1"],
    "used_rules": ["r1"],
    "used_examples": [],
}
GOOD = ToolCall("answer_with_sql", ANSWER, input_tokens=321, output_tokens=45)
CONTEXT = GenerationContext(
    question="How many orders?",
    schema=DatabaseSchema(
        dialect="sqlite", tables=(Table(name="orders", columns=(Column(name="id", type="INTEGER"),)),)
    ),
    memories=(
        RecalledMemory(
            memory_id=uuid4(), content="orders exclude drafts", memory_type="long_term", similarity_score=0.9, score=0.9
        ),
    ),
    rules=(RuleText(rule_id=uuid4(), rule_name="dates", rule_type="preference", rule_content="use ISO dates"),),
)


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture(params=["anthropic", "openai"])
async def build(request, server):
    """Builds a ready model of the provider; whoever wants another time-out or back-off says so."""
    opened = []

    async def built(**options):
        settings = {"timeout": 20, "backoff": 0.01, **options}
        if request.param == "anthropic":
            model = AnthropicModel(SecretStr(KEY), "claude-test", base_url=server.url, **settings)
        else:
            model = OpenAIModel(SecretStr(KEY), "gpt-test", base_url=f"{server.url}/v1", **settings)
        opened.append(model)
        await model.warm()
        return model

    yield built
    for model in opened:
        await model.close()


async def test_a_tool_call_becomes_a_draft_with_its_references_and_tokens(server, build):
    server.enqueue(GOOD)

    draft = await (await build()).draft(CONTEXT)

    assert draft.sql == "SELECT count(*) FROM orders"
    assert draft.explanation == "Counts the orders."
    assert draft.intent == "aggregate"
    assert draft.confidence == 0.9
    assert draft.used_memories == (CONTEXT.memories[0].memory_id,)
    assert draft.used_rules == (CONTEXT.rules[0].rule_id,)
    assert (draft.tokens.input, draft.tokens.output) == (321, 45)


async def test_an_abstention_is_a_draft_without_sql(server, build):
    server.enqueue(ToolCall("answer_with_sql", {**ANSWER, "sql": None, "clarifying_question": "Orders of which year?"}))

    draft = await (await build()).draft(CONTEXT)

    assert draft.sql is None
    assert draft.clarifying_question == "Orders of which year?"


async def test_a_failed_attempt_and_its_error_reach_the_model(server, build):
    server.enqueue(GOOD)
    attempt = Attempt(sql="SELECT total FROM orders", error="no such column: total")

    await (await build()).draft(GenerationContext(CONTEXT.question, CONTEXT.schema, attempts=(attempt,)))

    said = server.requests[0].body["messages"][-1]
    assert said["role"] == "user"
    assert '{"sql":"SELECT total FROM orders","error":"no such column: total"}' in said["content"]


async def test_a_call_told_to_wait_is_repeated_after_the_time_it_was_told(server, build):
    server.enqueue(Status(429, retry_after=0.4), GOOD)
    model = await build()

    started = time.monotonic()
    draft = await model.draft(CONTEXT)

    assert draft.sql is not None
    assert time.monotonic() - started >= 0.4
    assert len(server.requests) == 2


async def test_a_wait_beyond_the_deadline_is_handed_to_the_caller_at_once(server, build):
    server.enqueue(Status(429, retry_after=3600))

    with pytest.raises(ModelUnavailable, match="status 429") as caught:
        await (await build()).draft(CONTEXT)

    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault", [Status(408), Status(409), Status(429), Status(500), Status(503), Status(529), Disconnect()], ids=str
)
async def test_a_passing_fault_is_overcome(server, build, fault):
    server.enqueue(fault, fault, GOOD)

    draft = await (await build()).draft(CONTEXT)

    assert draft.sql is not None
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "said"), [(Status(500), "status 500"), (Status(529), "status 529"), (Disconnect(), "no response")]
)
async def test_a_lasting_fault_is_given_up_after_two_retries(server, build, fault, said):
    server.respond = lambda _: fault

    with pytest.raises(ModelUnavailable, match=said) as caught:
        await (await build()).draft(CONTEXT)

    assert caught.value.retry_after is None
    assert len(server.requests) == 3


async def test_the_last_retry_after_reaches_the_caller(server, build):
    server.enqueue(Status(503, retry_after=0.01), Status(503, retry_after=0.02), Status(503, retry_after=7))

    with pytest.raises(ModelUnavailable) as caught:
        await (await build()).draft(CONTEXT)

    assert caught.value.retry_after == 7


async def test_a_call_that_hangs_is_given_up_at_half_the_time_and_repeated(server, build):
    server.enqueue(Hang(60), GOOD)

    draft = await (await build(timeout=3)).draft(CONTEXT)

    assert draft.sql is not None
    assert len(server.requests) == 2


async def test_a_server_that_only_hangs_costs_no_more_than_the_deadline(server, build):
    server.respond = lambda _: Hang(60)
    model = await build(timeout=1)

    started = time.monotonic()
    with pytest.raises(ModelUnavailable):
        await model.draft(CONTEXT)

    assert time.monotonic() - started < 2
    assert len(server.requests) == 2


async def test_a_server_that_nobody_runs_is_unavailable(server, build):
    model = await build()
    server.__exit__(None, None, None)

    with pytest.raises(ModelUnavailable, match="no response"):
        await model.draft(CONTEXT)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_named_by_its_setting_and_not_tried_again(server, build, status):
    server.enqueue(Status(status, body={"error": {"message": f"Incorrect API key provided: {KEY}"}}))
    model = await build()

    with pytest.raises(ModelUnavailable, match=f"{model.key_setting} was refused") as caught:
        await model.draft(CONTEXT)

    assert KEY not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_a_refused_request_is_unavailable_with_the_providers_reason_and_not_tried_again(server, build, status):
    server.enqueue(Status(status, body={"type": "error", "error": {"message": "prompt is too long\n: 9 > 8"}}))

    with pytest.raises(ModelUnavailable, match=rf"prompt is too long : 9 > 8.*\(status {status}\)") as caught:
        await (await build()).draft(CONTEXT)

    assert caught.value.retry_after is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
async def test_the_key_is_in_no_error_and_no_log_even_if_the_server_repeats_it(server, build, status, caplog):
    caplog.set_level(logging.DEBUG)
    body = {"error": {"message": f"rejected {KEY}", "key": KEY, "type": KEY, "code": KEY}, "key": KEY}
    server.respond = lambda _: Status(status, body=body)

    with pytest.raises(ModelUnavailable) as caught:
        await (await build()).draft(CONTEXT)

    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Malformed(b'{"id": "msg_1", '), "documented form"),
        (Malformed(b"<html>Bad gateway</html>"), "documented form"),
        (Malformed(b""), "documented form"),
        (Malformed(b"[]"), "documented form"),
        (Malformed(b"{}"), "documented form"),
        (Malformed(b'{"content": [], "choices": []}'), "documented form|in prose"),
        (ToolCall("run_shell", ANSWER), "did not call answer_with_sql once and nothing else"),
        (ToolCall("answer_with_sql", {}), "sql: Field required"),
        (ToolCall("answer_with_sql", {"sql": "SELECT 1"}), "explanation: Field required"),
        (ToolCall("answer_with_sql", {**ANSWER, "confidence": 7}), "confidence"),
        (ToolCall("answer_with_sql", {**ANSWER, "intent": "delete"}), "intent"),
        (Text("SELECT count(*) FROM orders"), "in prose"),
        (Text("Sure! ```json\n{}\n```"), "in prose"),
        (ToolCall("answer_with_sql", ANSWER, truncated=True), "limit of output tokens"),
        (Text("SELECT count(", truncated=True), "limit of output tokens"),
    ],
    ids=str,
)
async def test_an_answer_of_another_form_is_invalid_and_not_asked_for_again(server, build, answer, reason):
    server.enqueue(answer)

    with pytest.raises(ModelAnswerInvalid, match=reason) as caught:
        await (await build()).draft(CONTEXT)

    assert len(str(caught.value)) < 300
    assert len(server.requests) == 1


async def test_drafts_at_the_same_time_share_one_client_built_once(server, build):
    server.respond = lambda _: GOOD
    model = await build()
    await model.close()
    built, build_client = [], model._build_client
    model._build_client = lambda: built.append(build_client()) or built[-1]

    drafts = await asyncio.gather(*(model.draft(CONTEXT) for _ in range(8)))

    assert [draft.sql for draft in drafts] == ["SELECT count(*) FROM orders"] * 8
    assert len(built) == 1


async def test_a_cancelled_draft_stops_at_once(server, build):
    arrived, loop = asyncio.Event(), asyncio.get_running_loop()

    def respond(_):
        loop.call_soon_threadsafe(arrived.set)
        return Hang(60)

    server.respond = respond
    drafting = asyncio.create_task((await build()).draft(CONTEXT))
    await asyncio.wait_for(arrived.wait(), timeout=5)

    drafting.cancel()

    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await drafting
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("key", ["", "sk-with space", "sk-zeile\n", "sk-schlüssel"])
@pytest.mark.parametrize(("provider", "setting"), [("anthropic", "ANTHROPIC_API_KEY"), ("openai", "OPENAI_API_KEY")])
def test_a_key_that_cannot_be_one_is_refused_at_the_start_by_the_name_of_its_setting(provider, setting, key):
    with pytest.raises(ValueError, match=setting) as caught:
        create_model(provider, model="some-model", api_key=SecretStr(key))

    assert not key or key.strip() not in str(caught.value)


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_making_a_model_does_not_import_its_sdk(provider):
    script = (
        "import sys; from pydantic import SecretStr\n"
        "from sql_generator.generation.factory import create_model\n"
        f"model = create_model({provider!r}, model='m', api_key=SecretStr('k'))\n"
        f"assert model.name == '{provider}/m'\n"
        "assert not {'anthropic', 'openai'} & sys.modules.keys()\n"
    )

    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


async def test_a_server_of_ones_own_needs_no_key(server):
    server.enqueue(GOOD)
    model = create_model("openai", model="llama", base_url=f"{server.url}/v1")

    draft = await model.draft(CONTEXT)
    await model.close()

    assert draft.sql is not None


def test_anthropic_has_a_default_model_and_openai_asks_for_one():
    assert create_model("anthropic", api_key=SecretStr("k")).name == "anthropic/claude-sonnet-4-5-20250929"
    with pytest.raises(ValueError, match="MEMORI_LLM_MODEL"):
        create_model("openai", api_key=SecretStr("k"))
