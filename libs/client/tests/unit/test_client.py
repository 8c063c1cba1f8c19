"""The client against a small HTTP server on the loopback interface."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from memori_client import Memori, MemoriError, MemoriUnavailable


@pytest.fixture
def api():
    answers, requests = [], []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length) or b"null"
            is_form = "multipart" in self.headers.get("Content-Type", "")
            requests.append((self.command, self.path, dict(self.headers), sent if is_form else json.loads(sent)))
            status, body, headers = answers.pop(0)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815  # the names http.server looks for

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


def test_an_api_that_is_away_for_long_is_not_asked_again(api):
    url, answers, requests = api
    answers.append((429, {"title": "spent"}, {"Retry-After": "61"}))
    with Memori(url, user_id="ada") as memori, pytest.raises(MemoriUnavailable, match="spent"):
        memori.usage()
    assert len(requests) == 1


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


def test_names_outside_ascii_are_sent_as_utf_8(api):
    url, answers, requests = api
    answers += [(200, {}, {}), (200, {}, {})]
    with Memori(url, user_id="zoë") as memori:
        memori.memory("m")
        memori.as_user("łucja").memory("m")
    names = [headers["X-User-Id"].encode("latin-1").decode() for _, _, headers, _ in requests]
    assert names == ["zoë", "łucja"]


def test_where_everything_comes_from_is_said_once(api):
    url, answers, requests = api
    answers += [(201, {"memory_id": "m"}, {}), (201, {"messages": [{"message_id": "n"}]}, {})]
    with Memori(url, token="t", process_id="sales-assistant", session_id="monday") as memori:
        memori.remember("a fact")
        memori.say("c", "user", "hello")
    for _, _, headers, _ in requests:
        assert (headers["X-Process-Id"], headers["X-Session-Id"]) == ("sales-assistant", "monday")
        assert "X-User-Id" not in headers


def test_a_list_is_read_page_by_page_as_far_as_it_is_needed(api):
    url, answers, requests = api
    answers += [
        (200, {"memories": [{"memory_id": "a"}, {"memory_id": "b"}], "next_cursor": "p2"}, {}),
        (200, {"memories": [], "next_cursor": "p3"}, {}),
        (200, {"memories": [{"memory_id": "c"}], "next_cursor": None}, {}),
    ]
    with Memori(url, user_id="ada") as memori:
        found = memori.memories(memory_types=["rule", "long_term"], include_archived=True, process_id=None, limit=2)
        assert requests == []
        assert [next(found)["memory_id"] for _ in range(2)] == ["a", "b"]
        assert len(requests) == 1
        assert [memory["memory_id"] for memory in found] == ["c"]
    asked = [urlsplit(path) for _, path, _, _ in requests]
    assert {parts.path for parts in asked} == {"/api/memories"}
    filters = {"memory_types": ["rule", "long_term"], "include_archived": ["true"], "limit": ["2"]}
    assert [parse_qs(parts.query) for parts in asked] == [
        filters,
        filters | {"cursor": ["p2"]},
        filters | {"cursor": ["p3"]},
    ]


@pytest.mark.parametrize(
    ("read", "path", "key"),
    [
        (lambda memori: memori.history("m"), "/api/memories/m/history", "versions"),
        (lambda memori: memori.messages("c"), "/api/conversations/c/messages", "messages"),
        (lambda memori: memori.conversations(), "/api/conversations", "conversations"),
        (lambda memori: memori.rules(), "/api/rules", "rules"),
        (lambda memori: memori.data_sources(), "/api/data-sources", "data_sources"),
    ],
    ids=["history", "messages", "conversations", "rules", "data_sources"],
)
def test_every_list_goes_on_to_its_last_page(api, read, path, key):
    url, answers, requests = api
    answers += [(200, {key: [{"n": 1}], "next_cursor": "more"}, {}), (200, {key: [{"n": 2}]}, {})]
    with Memori(url, user_id="ada") as memori:
        assert list(read(memori)) == [{"n": 1}, {"n": 2}]
    assert [asked for _, asked, _, _ in requests] == [path, f"{path}?cursor=more"]


@pytest.mark.parametrize(
    ("act", "verb", "path", "body"),
    [
        (lambda memori: memori.update("m", visibility="tenant"), "PATCH", "/api/memories/m", {"visibility": "tenant"}),
        (lambda memori: memori.promote("m"), "POST", "/api/memories/m/promote", None),
        (lambda memori: memori.restore("m"), "POST", "/api/memories/m/restore", None),
        (lambda memori: memori.statistics(), "GET", "/api/memories/statistics/summary", None),
        (lambda memori: memori.archive(90), "POST", "/api/memories/maintenance/archive?days_threshold=90", None),
        (lambda memori: memori.conversation("c"), "GET", "/api/conversations/c", None),
        (
            lambda memori: memori.conversation("c", include="memories"),
            "GET",
            "/api/conversations/c?include=memories",
            None,
        ),
        (
            lambda memori: memori.update_conversation("c", title="Sales"),
            "PATCH",
            "/api/conversations/c",
            {"title": "Sales"},
        ),
        (lambda memori: memori.erase(), "DELETE", "/api/users/me/data", None),
    ],
    ids=[
        "update",
        "promote",
        "restore",
        "statistics",
        "archive",
        "conversation",
        "with-memories",
        "update_conversation",
        "erase",
    ],
)
def test_every_method_asks_its_route_and_returns_what_it_answers(api, act, verb, path, body):
    url, answers, requests = api
    answers.append((200, {"done": True}, {}))
    with Memori(url, user_id="ada") as memori:
        assert act(memori) == {"done": True}
    assert [(asked, where, sent) for asked, where, _, sent in requests] == [(verb, path, body)]


@pytest.mark.parametrize(
    ("act", "path"),
    [
        (lambda memori: memori.forget("m"), "/api/memories/m"),
        (lambda memori: memori.forget_conversation("c"), "/api/conversations/c"),
    ],
    ids=["memory", "conversation"],
)
def test_what_is_forgotten_answers_nothing(api, act, path):
    url, answers, requests = api
    answers.append((204, b"", {}))
    with Memori(url, user_id="ada") as memori:
        assert act(memori) is None
    assert [(verb, asked) for verb, asked, _, _ in requests] == [("DELETE", path)]


def test_a_turn_is_sent_with_an_id_and_returned_as_it_is_kept(api):
    url, answers, requests = api
    answers += [(503, {}, {"Retry-After": "0"}), (201, {"messages": [{"message_id": "n", "role": "user"}]}, {})]
    with Memori(url, user_id="ada") as memori:
        assert memori.say("c", "user", "hello", metadata={"a": 1}) == {"message_id": "n", "role": "user"}
    (first, again) = (body["messages"] for *_, body in requests)
    assert first == again
    assert first[0] | {"message_id": ""} == {
        "message_id": "",
        "role": "user",
        "content": "hello",
        "metadata": {"a": 1},
    }
    assert len(first[0]["message_id"]) == 36


def test_an_export_is_the_bytes_of_a_file_and_the_file(api, tmp_path):
    url, answers, requests = api
    archive = b"PK\x03\x04 not quite \xff"
    answers += [(200, archive, {"Content-Type": "application/zip"})] * 2
    with Memori(url, user_id="ada") as memori:
        assert memori.export() == archive
        assert memori.export(tmp_path / "mine.zip") == archive
    assert (tmp_path / "mine.zip").read_bytes() == archive
    assert [(verb, path) for verb, path, _, _ in requests] == [("GET", "/api/users/me/export")] * 2


def test_an_answer_is_rated(api):
    url, answers, requests = api
    answers.append((200, {"query": {"query_id": "q"}, "correction": None}, {}))
    with Memori(url, user_id="ada") as memori:
        assert memori.rate("q", score=5)["query"] == {"query_id": "q"}
    ((verb, path, _, body),) = requests
    assert (verb, path, body) == ("POST", "/api/queries/q/feedback", {"score": 5})


def test_entities_are_read_page_by_page(api):
    url, answers, requests = api
    answers += [
        (200, {"entities": [{"entity_name": "orders"}], "next_cursor": "c"}, {}),
        (200, {"entities": [{"entity_name": "items"}], "next_cursor": None}, {}),
    ]
    with Memori(url, user_id="ada") as memori:
        found = [entity["entity_name"] for entity in memori.entities(entity_type="table")]
    assert found == ["orders", "items"]
    assert [parse_qs(urlsplit(path).query) for _, path, _, _ in requests] == [
        {"entity_type": ["table"]},
        {"entity_type": ["table"], "cursor": ["c"]},
    ]


def test_a_file_is_sent_as_a_form_and_waited_for(api, tmp_path):
    url, answers, requests = api
    (tmp_path / "sales.csv").write_bytes(b"a,b\n1,2\n")
    answers += [
        (503, {}, {"Retry-After": "0"}),
        (201, {"file_id": "f", "status": "received"}, {}),
        (200, {"file_id": "f", "status": "converting"}, {}),
        (200, {"file_id": "f", "status": "ready"}, {}),
    ]
    with Memori(url, user_id="ada") as memori:
        assert memori.upload(tmp_path / "sales.csv")["status"] == "ready"
    first, second, *polls = requests
    for form in (first[3], second[3]):
        # Sent again, it is read from its beginning, under the id it had.
        assert b'name="file"; filename="sales.csv"' in form
        assert b"a,b\n1,2\n" in form
    ids = {form.split(b'name="file_id"')[1].split(b"\r\n")[2] for form in (first[3], second[3])}
    assert len(ids) == 1
    assert [path for _, path, *_ in polls] == ["/api/files/f"] * 2


def test_the_stages_of_a_question_come_before_its_answer(api):
    url, answers, requests = api
    stream = b': waiting\n\nid: 1\nevent: stage\ndata: {"stage": "source"}\n\nid: 2\nevent: answer\ndata: {"sql": "SELECT 1"}\n\n'
    answers.append((200, stream, {"Content-Type": "text/event-stream"}))
    with Memori(url, user_id="ada") as memori:
        events = list(memori.ask_stream("how many?", execute=True))
    assert events == [("stage", {"stage": "source"}), ("answer", {"sql": "SELECT 1"})]
    _, path, headers, body = requests[0]
    assert (path, headers["Accept"], body["execute"], len(body["query_id"])) == (
        "/api/queries",
        "text/event-stream",
        True,
        36,
    )


def test_a_problem_instead_of_an_answer_is_an_error_whenever_it_comes(api):
    url, answers, _ = api
    wrong = {"type": "unavailable", "title": "Away", "status": 503}
    answers += [
        (200, f"id: 1\nevent: problem\ndata: {json.dumps(wrong)}\n\n".encode(), {}),
        (422, wrong, {}),
        (503, wrong, {}),
    ]
    with Memori(url, user_id="ada") as memori:
        for status, kind in ((503, MemoriError), (422, MemoriError), (503, MemoriUnavailable)):
            with pytest.raises(kind, match="Away") as caught:
                list(memori.ask_stream("how many?"))
            assert caught.value.status == status
