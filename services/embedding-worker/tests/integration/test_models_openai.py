"""The official SDK against a real HTTP server on the loopback interface, which answers as a provider may."""

import asyncio
import base64
import email.utils
import json
import logging
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from embedding_worker.models import EmbeddingRejected, EmbeddingUnavailable
from embedding_worker.models.catalog import create_model

KEY = "sk-top-secret"
DIMENSIONS = 4


def direction(text):
    """What the provider computes: a vector of length 5 that depends on the text alone."""
    vector = np.array([len(text) + 1, *text.encode()[:3].ljust(3)], np.float32)
    return 5 * vector / np.linalg.norm(vector)


def answer(texts, *, vector=direction, order=None, as_numbers=False):
    entries = []
    for index in order or range(len(texts)):
        values = np.asarray(vector(texts[index]), "<f4")
        embedding = values.tolist() if as_numbers else base64.b64encode(values.tobytes()).decode()
        entries.append({"object": "embedding", "index": index, "embedding": embedding})
    return json.dumps(
        {"object": "list", "data": entries, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    )


def refusal(status, message="no", **headers):
    return (
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        json.dumps({"error": {"message": message}}),
    )


class Provider:
    """Answers each request with the next of `answers`, the last one again and again; a callable sees the texts."""

    def __init__(self):
        self.answers = [answer]
        self.requests = []
        self.arrived = threading.Event()
        self.release = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                provider.requests.append((self.path, self.headers, body))
                provider.arrived.set()
                reply = provider.answers.pop(0) if len(provider.answers) > 1 else provider.answers[0]
                if callable(reply):
                    reply = reply(body["input"])
                status, headers, content = reply if isinstance(reply, tuple) else (200, {}, reply)
                self.send_response(status)
                length = str(len(content.encode()))
                for name, value in ({"content-type": "application/json", "content-length": length} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                if not isinstance(sys.exception(), ConnectionError):  # the client gave up on a slow answer
                    super().handle_error(request, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def hang(self, texts):
        self.release.wait(10)
        return answer(texts)

    def close(self):
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
async def create(provider):
    models = []

    def build(**settings):
        defaults = {"model": "m", "dimensions": DIMENSIONS, "api_key": KEY, "base_url": provider.url}
        models.append(create_model("openai", **defaults | settings))
        return models[-1]

    yield build
    for model in models:
        await model.close()


def expected(texts):
    return np.stack([direction(text) / 5 for text in texts])


@pytest.mark.parametrize("as_numbers", [False, True])
async def test_vectors_come_back_in_order_with_length_one(provider, create, as_numbers):
    provider.answers = [lambda texts: answer(texts, as_numbers=as_numbers)]
    texts = ["alpha", "beta", "größer 数"]

    vectors = await create().embed(texts)

    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected(texts), atol=1e-6)


async def test_a_query_is_one_vector(create):
    vector = await create().embed_query("alpha")

    assert vector.shape == (DIMENSIONS,)
    np.testing.assert_allclose(vector, expected(["alpha"])[0], atol=1e-6)


async def test_no_texts_need_no_request(provider, create):
    assert (await create().embed([])).shape == (0, DIMENSIONS)
    assert provider.requests == []


async def test_an_answer_in_another_order_is_put_right(provider, create):
    provider.answers = [lambda texts: answer(texts, order=[2, 0, 1])]
    texts = ["alpha", "beta", "gamma"]

    np.testing.assert_allclose(await create().embed(texts), expected(texts), atol=1e-6)


async def test_the_request_carries_the_model_and_the_key(provider, create):
    await create().embed(["alpha"])

    ((path, headers, body),) = provider.requests
    assert (path, headers["authorization"]) == ("/v1/embeddings", f"Bearer {KEY}")
    assert body == {"model": "m", "input": ["alpha"], "encoding_format": "base64"}


async def test_only_a_model_that_shortens_is_sent_the_dimensions(provider, create):
    await create(model="text-embedding-3-small").embed(["alpha"])

    assert provider.requests[0][2]["dimensions"] == DIMENSIONS


async def test_a_request_holds_at_most_a_hundred_texts_and_a_quarter_megabyte(provider, create):
    texts = [f"text {index}" for index in range(150)] + ["x" * 200_000, "y" * 200_000]

    vectors = await create().embed(texts)

    assert [len(body["input"]) for _, _, body in provider.requests] == [100, 51, 1]
    np.testing.assert_allclose(vectors, expected(texts), atol=1e-6)


async def test_a_rate_limit_is_waited_out_for_as_long_as_the_provider_asks(provider, create):
    provider.answers = [refusal(429, retry_after="0.3"), answer]
    started = time.monotonic()

    vectors = await create().embed(["alpha"])

    assert len(vectors) == 1
    assert len(provider.requests) == 2
    assert time.monotonic() - started >= 0.3


async def test_a_longer_pause_is_left_to_the_caller(provider, create):
    provider.answers = [refusal(429, retry_after="60")]

    with pytest.raises(EmbeddingUnavailable) as caught:
        await create().embed(["alpha"])

    assert caught.value.retry_after == 60
    assert len(provider.requests) == 1


async def test_a_pause_may_be_given_as_a_date(provider, create):
    provider.answers = [refusal(503, retry_after=email.utils.formatdate(time.time() + 600, usegmt=True))]

    with pytest.raises(EmbeddingUnavailable) as caught:
        await create().embed(["alpha"])

    assert caught.value.retry_after == pytest.approx(600, abs=5)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
async def test_a_fault_that_may_pass_is_tried_three_times(provider, create, status):
    provider.answers = [refusal(status)]

    with pytest.raises(EmbeddingUnavailable, match=str(status)):
        await create().embed(["alpha"])

    assert len(provider.requests) == 3


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refused_input_is_not_tried_again(provider, create, status):
    provider.answers = [refusal(status, message="cannot embed 'my secret diary'")]

    with pytest.raises(EmbeddingRejected, match=str(status)) as caught:
        await create().embed(["my secret diary"])

    assert "diary" not in str(caught.value)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_name_the_setting_and_never_the_key(provider, create, status):
    provider.answers = [refusal(status, message=f"Incorrect API key provided: {KEY}")]

    with pytest.raises(EmbeddingUnavailable, match="OPENAI_API_KEY") as caught:
        await create().embed(["alpha"])

    assert KEY not in "".join(
        logging.Formatter().formatException((type(caught.value), caught.value, caught.value.__traceback__))
    )
    assert len(provider.requests) == 1


async def test_an_unknown_model_is_the_settings_fault_not_the_inputs(provider, create):
    provider.answers = [refusal(404)]

    with pytest.raises(EmbeddingUnavailable, match="'m'"):
        await create().embed(["alpha"])


async def test_nobody_listening_is_unavailable(provider, create):
    model = create()
    provider.close()

    with pytest.raises(EmbeddingUnavailable, match="cannot be reached"):
        await model.embed(["alpha"])


async def test_a_provider_that_hangs_is_given_up_at_the_deadline(provider, create):
    provider.answers = [provider.hang]
    started = time.monotonic()

    with pytest.raises(EmbeddingUnavailable, match=r"within 0\.3 s"):
        await create(batch_timeout=0.3).embed(["alpha"])

    assert time.monotonic() - started < 2


async def test_a_query_does_not_wait_for_the_batches(provider, create):
    provider.answers = [lambda texts: answer(texts) if texts == ["question"] else provider.hang(texts)]
    model = create()
    batches = [asyncio.create_task(model.embed(["alpha"])) for _ in range(5)]
    await asyncio.to_thread(provider.arrived.wait, 5)

    await asyncio.wait_for(model.embed_query("question"), 5)

    assert not any(batch.done() for batch in batches)
    provider.release.set()
    assert len(await asyncio.gather(*batches)) == 5


@pytest.mark.parametrize(
    "content",
    [
        '{"data": [',
        "<html>welcome</html>",
        "[]",
        '{"data": null}',
        '{"data": [{"index": 0}]}',
        '{"data": [{"index": 0, "embedding": "?"}]}',
    ],
)
async def test_an_answer_that_is_no_list_of_embeddings_is_the_endpoints_fault(provider, create, content):
    provider.answers = [content]

    with pytest.raises(EmbeddingUnavailable):
        await create().embed(["alpha"])


async def test_another_dimension_than_configured_names_the_setting(provider, create):
    provider.answers = [lambda texts: answer(texts, vector=lambda _: [1.0] * 7)]

    with pytest.raises(EmbeddingUnavailable, match="7 dimensions, MEMORI_EMBEDDING_DIMENSIONS is 4"):
        await create().embed(["alpha"])


@pytest.mark.parametrize("order", [[0], [0, 1, 1], [0, 0]])
async def test_a_wrong_count_of_vectors_is_rejected(provider, create, order):
    provider.answers = [lambda texts: answer(texts, order=order)]

    with pytest.raises(EmbeddingRejected, match=f"{len(order)} vectors for 2 texts"):
        await create().embed(["alpha", "beta"])


@pytest.mark.parametrize("as_numbers", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0])
async def test_a_vector_without_a_direction_is_rejected(provider, create, value, as_numbers):
    provider.answers = [lambda texts: answer(texts, vector=lambda _: [value] * DIMENSIONS, as_numbers=as_numbers)]

    with pytest.raises(EmbeddingRejected, match="not finite"):
        await create().embed(["alpha"])


async def test_a_lone_surrogate_is_rejected_before_it_is_sent(provider, create):
    model = create()

    for call in (model.embed(["fine", "\ud800"]), model.embed_query("\ud800"), model.split(["\ud800"])):
        with pytest.raises(EmbeddingRejected, match="surrogate"):
            await call

    assert provider.requests == []


async def test_a_text_is_split_where_it_might_have_more_tokens_than_the_window(provider, create):
    short, long, ideographs = "short", "Refunds are not revenue. " * 400, "客户的收入按季度汇总。" * 900
    split = await create().split([short, long, ideographs])

    assert split[0] == [short]
    assert [len(pieces) for pieces in split] == [1, 2, 4]
    assert all(len(piece.encode()) <= 8190 for pieces in split for piece in pieces)
    assert all(piece.endswith("。") for piece in split[2])
    assert provider.requests == []


async def test_the_window_of_an_endpoints_model_is_a_setting(create):
    (pieces,) = await create(max_tokens=256).split(["Refunds are not revenue. " * 40])

    assert len(pieces) == 5
    assert all(len(piece) <= 254 for piece in pieces)
