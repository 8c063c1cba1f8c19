"""The client against a small HTTP server on the loopback interface."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from memori_client import Memori, MemoriError, MemoriUnavailable


@pytest.fixture
def api():
    answers, requests = [], []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            requests.append(
                (self.command, self.path, dict(self.headers), json.loads(self.rfile.read(length) or b"null"))
            )
            status, body, headers = answers.pop(0)
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815  # the names http.server looks for

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers, requests
    server.shutdown()
    server.server_close()


def test_a_memory_is_sent_with_an_id_and_the_token(api):
    url, answers, requests = api
    answers.append((201, {"memory_id": "m"}, {}))
    with Memori(url, token="t") as memori:
        assert memori.remember("a fact", memory_type="rule") == {"memory_id": "m"}
    ((verb, path, headers, body),) = requests
    assert (verb, path, headers["Authorization"]) == ("POST", "/api/memories", "Bearer t")
    assert body["content"] == "a fact"
    assert body["memory_type"] == "rule"
    assert len(body["memory_id"]) == 36


def test_an_overloaded_api_is_asked_again_with_the_same_id(api):
    url, answers, requests = api
    answers += [(503, {}, {"Retry-After": "0"}), (429, {}, {"Retry-After": "0"}), (201, {"memory_id": "m"}, {})]
    with Memori(url, user_id="ada") as memori:
        memori.remember("a fact")
    assert len({body["memory_id"] for *_, body in requests}) == 1
    assert len(requests) == 3


def test_a_problem_names_the_fields(api):
    url, answers, requests = api
    wrong = {"type": "invalid", "title": "Not valid", "errors": [{"field": "content", "message": "too long"}]}
    answers.append((422, wrong, {}))
    with Memori(url, user_id="ada") as memori, pytest.raises(MemoriError, match="content: too long") as caught:
        memori.remember("x")
    assert (caught.value.status, caught.value.kind) == (422, "invalid")
    assert len(requests) == 1


def test_an_api_that_stays_away_is_unavailable(api):
    url, answers, _ = api
    answers += [(503, {"title": "away"}, {"Retry-After": "0"})] * 3
    with Memori(url, user_id="ada") as memori, pytest.raises(MemoriUnavailable, match="away"):
        memori.search("x")


def test_an_answer_that_is_not_json_is_an_error_all_the_same(api):
    url, answers, _ = api
    answers.append((500, "oops", {}))
    with Memori(url, user_id="ada") as memori, pytest.raises(MemoriError, match="500"):
        memori.search("x")


def test_many_memories_are_sent_at_once_each_with_its_own_or_a_new_id(api):
    url, answers, requests = api
    answers.append((201, {"memories": [{"memory_id": "a"}, {"memory_id": "b"}]}, {}))
    with Memori(url, user_id="ada") as memori:
        stored = memori.remember_all([{"content": "one", "memory_id": "mine"}, {"content": "two"}])
    assert [memory["memory_id"] for memory in stored] == ["a", "b"]
    ((verb, path, _, body),) = requests
    assert (verb, path) == ("POST", "/api/memories/batch")
    assert body["memories"][0] == {"content": "one", "memory_id": "mine"}
    assert len(body["memories"][1]["memory_id"]) == 36


def test_a_conversation_is_opened_under_the_id_that_is_given(api):
    url, answers, requests = api
    answers.append((201, {"conversation_id": "c"}, {}))
    with Memori(url, user_id="ada") as memori:
        assert memori.open_conversation("Revenue", conversation_id="c") == {"conversation_id": "c"}
    ((verb, path, _, body),) = requests
    assert (verb, path, body) == ("POST", "/api/conversations", {"conversation_id": "c", "title": "Revenue"})


def test_another_user_is_named_without_changing_who_asked_before(api):
    url, answers, requests = api
    answers += [(200, {}, {}), (200, {}, {})]
    with Memori(url, user_id="ada") as ada:
        ada.as_user("eve").memory("m")
        ada.memory("m")
    assert [headers["X-User-Id"] for _, _, headers, _ in requests] == ["eve", "ada"]
