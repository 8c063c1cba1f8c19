"""The real SDKs against the server: what they send is understood, what they parse is what was scripted."""

import asyncio
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest

from memori_testing.model_server import (
    Disconnect,
    Hang,
    Malformed,
    ModelServer,
    Request,
    Status,
    Text,
    ToolCall,
    embedding,
)

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
SQL = {"sql": 'SELECT "größe" FROM "товары" -- 商品\n', "confidence": 0.9, "tables": ["товары"]}
QUESTION: Any = [{"role": "user", "content": "How many orders from Zürich?"}]
ANTHROPIC_TOOL: Any = {"name": "write_sql", "description": "Answer with SQL.", "input_schema": {"type": "object"}}
OPENAI_TOOL: Any = {"type": "function", "function": {"name": "write_sql", "parameters": {"type": "object"}}}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def claude(server: ModelServer, *, retries: int = 0, timeout: float = 10) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="key-a", base_url=server.url, max_retries=retries, timeout=timeout)


def gpt(server: ModelServer, *, retries: int = 0, timeout: float = 10) -> openai.OpenAI:
    return openai.OpenAI(api_key="key-o", base_url=server.url + "/v1", max_retries=retries, timeout=timeout)


def ask_claude(client: anthropic.Anthropic, **options: Any) -> Any:
    return client.messages.create(model="claude-test", max_tokens=2048, messages=QUESTION, **options)


def ask_gpt(client: openai.OpenAI, **options: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, **options)


def embed(client: openai.OpenAI, **options: Any) -> Any:
    return client.embeddings.create(model="text-embedding-ada-002", input=["orders"], **options)


def cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


# Each SDK call, and the errors its SDK raises: the same fault must look the same through all of them.
CALLS = [
    pytest.param(anthropic, lambda s, **o: ask_claude(claude(s, **o)), id="messages"),
    pytest.param(anthropic, lambda s, **o: list(ask_claude(claude(s, **o), stream=True)), id="messages-stream"),
    pytest.param(openai, lambda s, **o: ask_gpt(gpt(s, **o)), id="chat"),
    pytest.param(openai, lambda s, **o: list(ask_gpt(gpt(s, **o), stream=True)), id="chat-stream"),
    pytest.param(openai, lambda s, **o: embed(gpt(s, **o)), id="embeddings"),
]
WHOLE_CALLS = [CALLS[0], CALLS[2], CALLS[4]]
Call = Callable[..., Any]


def test_anthropic_reads_a_tool_call(server: ModelServer) -> None:
    server.enqueue(ToolCall("write_sql", SQL, input_tokens=321, output_tokens=45))
    message = ask_claude(claude(server), tools=[ANTHROPIC_TOOL], tool_choice={"type": "tool", "name": "write_sql"})
    [block] = message.content
    assert (block.type, block.name, block.input) == ("tool_use", "write_sql", SQL)
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (321, 45)
    assert message.model == "claude-test"


def test_anthropic_reads_text(server: ModelServer) -> None:
    server.enqueue(Text("Grüße, 世界"), Text("cut o", truncated=True))
    message = ask_claude(claude(server))
    assert (message.content[0].text, message.stop_reason) == ("Grüße, 世界", "end_turn")
    assert ask_claude(claude(server)).stop_reason == "max_tokens"


@pytest.mark.parametrize("arguments", [SQL, {}], ids=["arguments", "no-arguments"])
def test_anthropic_assembles_a_streamed_tool_call(server: ModelServer, arguments: dict[str, Any]) -> None:
    server.enqueue(ToolCall("write_sql", arguments, input_tokens=321, output_tokens=45))
    with claude(server).messages.stream(
        model="claude-test", max_tokens=2048, messages=QUESTION, tools=[ANTHROPIC_TOOL]
    ) as stream:
        message: Any = stream.get_final_message()
    [block] = message.content
    assert (block.type, block.name, block.input) == ("tool_use", "write_sql", arguments)
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (321, 45)


def test_anthropic_streams_text_in_portions(server: ModelServer) -> None:
    text = "One line,\nanother — and a third 🙂 at the end."
    server.enqueue(Text(text))
    with claude(server).messages.stream(model="m", max_tokens=9, messages=QUESTION) as stream:
        portions = list(stream.text_stream)
    assert len(portions) > 1
    assert "".join(portions) == text
    assert stream.get_final_message().stop_reason == "end_turn"


def test_openai_reads_a_tool_call(server: ModelServer) -> None:
    server.enqueue(ToolCall("write_sql", SQL, input_tokens=321, output_tokens=45))
    completion = ask_gpt(gpt(server), tools=[OPENAI_TOOL])
    [choice] = completion.choices
    [call] = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("write_sql", SQL)
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (321, 45)


def test_openai_reads_the_arguments_as_json_content_when_it_offers_no_tools(server: ModelServer) -> None:
    server.enqueue(ToolCall("write_sql", SQL))
    [choice] = ask_gpt(gpt(server), response_format={"type": "json_object"}).choices
    assert json.loads(choice.message.content) == SQL
    assert (choice.message.tool_calls, choice.finish_reason) == (None, "stop")


def test_openai_reads_text(server: ModelServer) -> None:
    server.enqueue(Text("Grüße, 世界"), Text("cut o", truncated=True))
    [choice] = ask_gpt(gpt(server)).choices
    assert (choice.message.content, choice.finish_reason) == ("Grüße, 世界", "stop")
    assert ask_gpt(gpt(server)).choices[0].finish_reason == "length"


def test_openai_streams_a_tool_call_and_its_usage(server: ModelServer) -> None:
    server.enqueue(ToolCall("write_sql", SQL, input_tokens=321, output_tokens=45))
    chunks = list(ask_gpt(gpt(server), tools=[OPENAI_TOOL], stream=True, stream_options={"include_usage": True}))
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert calls[0].function.name == "write_sql"
    assert json.loads("".join(call.function.arguments for call in calls)) == SQL
    assert [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason] == ["tool_calls"]
    assert chunks[-1].usage.total_tokens == 366


def test_openai_streams_text_in_portions_without_usage_unless_asked(server: ModelServer) -> None:
    text = "One line,\nanother — and a third 🙂 at the end."
    server.enqueue(Text(text))
    chunks = list(ask_gpt(gpt(server), stream=True))
    portions = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert len(portions) > 1
    assert "".join(portions) == text
    assert all(chunk.usage is None for chunk in chunks)


async def test_the_asynchronous_clients_are_served_concurrently(server: ModelServer) -> None:
    # Each responder waits for the other ones, so a server that answered one by one would break the barrier.
    together = threading.Barrier(20, timeout=10)

    def respond(request: Request) -> Text:
        together.wait()
        return Text(request.body["messages"][0]["content"])

    server.respond = respond
    async with (
        anthropic.AsyncAnthropic(api_key="k", base_url=server.url, max_retries=0, timeout=10) as left,
        openai.AsyncOpenAI(api_key="k", base_url=server.url + "/v1", max_retries=0, timeout=10) as right,
    ):
        messages: list[Any] = [[{"role": "user", "content": f"question {number}"}] for number in range(10)]
        answers: list[Any] = await asyncio.gather(
            *(left.messages.create(model="m", max_tokens=9, messages=message) for message in messages),
            *(right.chat.completions.create(model="m", messages=message) for message in messages),
        )
    contents = [a.content[0].text for a in answers[:10]] + [a.choices[0].message.content for a in answers[10:]]
    assert contents == [message[0]["content"] for message in messages * 2]


def test_requests_are_recorded_as_the_sdks_sent_them(server: ModelServer) -> None:
    server.respond = lambda _: Text("yes")
    ask_claude(claude(server), system="Be brief.")
    ask_gpt(gpt(server))
    embed(gpt(server))
    first, second, third = server.requests
    assert [(r.method, r.path) for r in server.requests] == [("POST", MESSAGES), ("POST", CHAT), ("POST", EMBEDDINGS)]
    assert first.body["system"] == "Be brief."
    assert first.body["messages"] == second.body["messages"] == QUESTION
    assert "key-a" in first.headers.get("x-api-key", first.headers.get("authorization", ""))
    assert second.headers["authorization"] == "Bearer key-o"
    assert (third.body["input"], third.body["encoding_format"]) == (["orders"], "base64")


def test_scripted_answers_come_in_order_and_then_the_responder(server: ModelServer) -> None:
    server.respond = lambda request: Text(f"about {request.body['model']}")
    server.enqueue(Text("first"), Text("second"))
    client = gpt(server)
    assert [ask_gpt(client).choices[0].message.content for _ in range(3)] == ["first", "second", "about gpt-4o-mini"]


def test_an_entry_for_one_path_waits_for_it(server: ModelServer) -> None:
    server.enqueue(Status(503), path=EMBEDDINGS)
    server.enqueue(Text("yes"))
    assert ask_gpt(gpt(server)).choices[0].message.content == "yes"
    with pytest.raises(openai.InternalServerError):
        embed(gpt(server))


def test_embeddings_leave_completions_in_the_script(server: ModelServer) -> None:
    server.enqueue(Text("yes"))
    assert embed(gpt(server)).data
    assert ask_gpt(gpt(server)).choices[0].message.content == "yes"


def test_an_unscripted_request_is_refused_without_retries(server: ModelServer) -> None:
    with pytest.raises(anthropic.BadRequestError, match="no answer is scripted"):
        ask_claude(claude(server, retries=2))
    with pytest.raises(openai.BadRequestError, match="no answer is scripted"):
        ask_gpt(gpt(server, retries=2))
    assert len(server.requests) == 2


def test_invalid_requests_are_refused_with_the_field_named(server: ModelServer) -> None:
    server.respond = lambda _: Text("never")
    with pytest.raises(anthropic.BadRequestError, match="messages: Field required"):
        claude(server).messages.create(model="m", max_tokens=9, messages=[])
    with pytest.raises(openai.BadRequestError, match="messages: Field required"):
        gpt(server).chat.completions.create(model="m", messages=[])
    with pytest.raises(openai.BadRequestError, match="input: cannot be an empty string"):
        gpt(server).embeddings.create(model="m", input=["text", ""])
    with pytest.raises(openai.BadRequestError, match="input: at most 2048 inputs"):
        gpt(server).embeddings.create(model="m", input=["text"] * 2049)
    with pytest.raises(openai.NotFoundError, match="no such endpoint"):
        gpt(server).post("/other", cast_to=object, body={})


@pytest.mark.parametrize("encoding_format", ["float", "base64"])
def test_embeddings_are_the_same_unit_vectors_in_both_encodings(server: ModelServer, encoding_format: str) -> None:
    texts = ["Orders by customer", "größte Kunden", "!!!"]
    # Without the parameter the SDK asks for base64 and decodes it; with "float" it takes the numbers as they are.
    options: Any = {"encoding_format": "float"} if encoding_format == "float" else {}
    response = gpt(server).embeddings.create(model="text-embedding-ada-002", input=texts, **options)
    assert [item.index for item in response.data] == [0, 1, 2]
    assert server.requests[-1].body["encoding_format"] == encoding_format
    for item, text in zip(response.data, texts, strict=True):
        assert len(item.embedding) == 1536
        assert math.isclose(math.hypot(*item.embedding), 1, rel_tol=1e-6)
        assert item.embedding == pytest.approx(embedding(text), abs=1e-6)
    assert response.usage.prompt_tokens == 5


def test_embeddings_take_single_texts_tokens_and_other_dimensions() -> None:
    with ModelServer(dimensions=384) as server:
        client = gpt(server)
        single = client.embeddings.create(model="m", input="orders")
        tokens = client.embeddings.create(model="m", input=[[1, 2], [3]])
        narrow = client.embeddings.create(model="m", input="orders", dimensions=256)
    assert [len(item.embedding) for item in (*single.data, *tokens.data, *narrow.data)] == [384, 384, 384, 256]


def test_texts_that_share_words_are_similar() -> None:
    question = embedding("total revenue by country")
    near, far = embedding("Revenue by country, total"), embedding("employees hired last spring")
    assert cosine(question, near) == pytest.approx(1)
    assert cosine(question, embedding("revenue by region")) == pytest.approx(2 / math.sqrt(12), abs=0.2)
    assert abs(cosine(question, far)) < 0.2


def test_an_embedding_is_a_unit_vector_even_where_words_cancel_out() -> None:
    vectors = [embedding(f"{left} {right}", 1) for left in "abcd" for right in "abcd"]
    assert {abs(vector[0]) for vector in vectors} == {1.0}


@pytest.mark.parametrize(("sdk", "call"), CALLS)
def test_status_429_is_a_rate_limit_error_with_its_retry_after(server: ModelServer, sdk: Any, call: Call) -> None:
    server.enqueue(Status(429, retry_after=7))
    with pytest.raises(sdk.RateLimitError) as caught:
        call(server)
    assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(("sdk", "call"), [CALLS[0], CALLS[2]])
def test_a_retry_waits_as_long_as_the_server_says(server: ModelServer, sdk: Any, call: Call) -> None:
    server.enqueue(Status(429, retry_after=0.8), Status(500))
    began = time.monotonic()
    with pytest.raises(sdk.InternalServerError):
        call(server, retries=1)
    assert time.monotonic() - began >= 0.8  # the SDKs' own first pause is at most half a second
    assert len(server.requests) == 2


@pytest.mark.parametrize(("sdk", "call"), CALLS)
def test_status_500_and_the_providers_own_codes_are_errors(server: ModelServer, sdk: Any, call: Call) -> None:
    for code, error in ((500, sdk.InternalServerError), (529, sdk.InternalServerError), (401, sdk.AuthenticationError)):
        server.enqueue(Status(code))
        with pytest.raises(error) as caught:
            call(server)
        assert caught.value.status_code == code


def test_error_documents_are_the_providers_own_unless_scripted(server: ModelServer) -> None:
    server.enqueue(Status(529), Status(529, body={"detail": "a proxy"}))
    bodies: list[Any] = []
    for _ in range(2):
        with pytest.raises(anthropic.InternalServerError) as caught:
            ask_claude(claude(server))
        bodies.append(caught.value.body)
    assert bodies[0]["error"]["type"] == "overloaded_error"
    assert bodies[1] == {"detail": "a proxy"}


@pytest.mark.parametrize(("sdk", "call"), CALLS)
def test_silence_is_a_time_out(server: ModelServer, sdk: Any, call: Call) -> None:
    server.enqueue(Hang(60))
    with pytest.raises(sdk.APITimeoutError):
        call(server, timeout=0.2)


def test_a_hang_ends_when_its_time_is_over(server: ModelServer) -> None:
    server.enqueue(Hang(0.05))
    with pytest.raises(anthropic.APIConnectionError) as caught:
        ask_claude(claude(server))
    assert not isinstance(caught.value, anthropic.APITimeoutError)


@pytest.mark.parametrize(("sdk", "call"), CALLS)
def test_closing_ends_a_hanging_request_at_once(sdk: Any, call: Call) -> None:
    caught: list[BaseException] = []

    def hang(server: ModelServer) -> None:
        with pytest.raises(sdk.APIConnectionError) as error:
            call(server, timeout=60)
        caught.append(error.value)

    with ModelServer() as server:
        server.enqueue(Hang(60))
        client = threading.Thread(target=hang, args=(server,), daemon=True)
        client.start()
        deadline = time.monotonic() + 10
        while not server.requests and time.monotonic() < deadline:
            client.join(0.01)
        assert len(server.requests) == 1
        began = time.monotonic()
    client.join(10)
    assert time.monotonic() - began < 10
    assert [type(error) for error in caught] == [sdk.APIConnectionError]


def test_closing_ends_idle_connections_and_frees_the_port() -> None:
    with ModelServer(respond=lambda _: Text("yes")) as server:
        client = gpt(server)
        ask_gpt(client)
        host, port = server.url.removeprefix("http://").split(":")
    with pytest.raises(openai.APIConnectionError):
        ask_gpt(client)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)


@pytest.mark.parametrize(("sdk", "call"), CALLS)
def test_a_disconnect_is_a_connection_error(server: ModelServer, sdk: Any, call: Call) -> None:
    server.enqueue(Disconnect())
    with pytest.raises(sdk.APIConnectionError) as caught:
        call(server)
    assert not isinstance(caught.value, sdk.APITimeoutError)


@pytest.mark.parametrize("body", [b"", b'{"id": "trunc', b"<html>bad gateway</html>"])
@pytest.mark.parametrize(("sdk", "call"), WHOLE_CALLS)
def test_malformed_json_reaches_the_sdk_as_it_is(server: ModelServer, sdk: Any, call: Call, body: bytes) -> None:
    server.enqueue(Malformed(body))
    # Not an error of the SDK's own hierarchy: who calls it must expect ValueError too.
    with pytest.raises(json.JSONDecodeError) as caught:
        call(server)
    assert not isinstance(caught.value, sdk.APIError)


@pytest.mark.parametrize(
    ("ask", "event"),
    [
        (lambda s: ask_claude(claude(s), stream=True), b"event: message_start\n"),
        (lambda s: ask_gpt(gpt(s), stream=True), b""),
    ],
    ids=["messages", "chat"],
)
def test_a_malformed_event_breaks_the_stream(server: ModelServer, ask: Call, event: bytes) -> None:
    server.enqueue(Malformed(event + b'data: {"id": "trunc\n\n'))
    with pytest.raises(json.JSONDecodeError):
        list(ask(server))


def test_a_server_that_recovers_is_used_again_on_the_same_client(server: ModelServer) -> None:
    client = claude(server)
    server.enqueue(Disconnect(), Malformed(b"{"), Status(500), Text("back"))
    for error in (anthropic.APIConnectionError, json.JSONDecodeError, anthropic.InternalServerError):
        with pytest.raises(error):
            ask_claude(client)
    assert ask_claude(client).content[0].text == "back"


@pytest.fixture
def caching() -> Iterator[ModelServer]:
    with ModelServer(caches_prompts=True) as running:
        yield running


def test_a_prefix_that_was_sent_before_is_read_from_the_cache_of_the_messages_api(caching: ModelServer) -> None:
    caching.enqueue(*[Text("ok", input_tokens=7)] * 3)
    client = anthropic.Anthropic(api_key="k", base_url=caching.url, max_retries=0)

    def usage(*blocks: str) -> tuple[int, int, int]:
        system: Any = [{"type": "text", "text": block, "cache_control": {"type": "ephemeral"}} for block in blocks]
        found = client.messages.create(model="m", max_tokens=9, system=system, messages=QUESTION).usage
        return found.input_tokens, found.cache_creation_input_tokens or 0, found.cache_read_input_tokens or 0

    tokens, written, read = usage("a" * 4_000)
    assert (tokens, read) == (7, 0)
    assert written >= 1_000
    _, more, again = usage("a" * 4_000, "b" * 400)
    assert (again, 100 <= more < 200) == (written, True)
    assert usage("c" * 4_000)[2] == 0
    with pytest.raises(anthropic.BadRequestError, match="maximum of 4 blocks"):
        usage(*"abcde")
