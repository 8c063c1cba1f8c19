"""A question's answer as server-sent events: the stages, and then the answer or the problem."""

import asyncio
import json
from uuid import UUID, uuid4

import httpx
import pytest

from contracts import sql_generator
from contracts.methods import ProblemError
from contracts.problems import problem
from contracts.progress import Progress, subject_of
from contracts.sql_generator import Answer
from gateway.event_stream import OPEN_STREAMS, wants_events

EVENTS = {"Accept": "text/event-stream"}
BODY = {"question": "how many orders?"}


def answer_to(request):
    return Answer(
        query_id=request.query_id,
        question=request.question,
        data_source_id=uuid4(),
        conversation_id=None,
        status="generated",
        sql="SELECT 'a\nb'",
        explanation="",
        intent="select",
        confidence=1,
        model="offline",
    )


@pytest.fixture
def says(services):
    """A function to await: says a stage of the request as sql-generator does."""

    async def say(request, stage, **more):
        subject = subject_of(request.progress_id)
        await services.broker.connection.publish(subject, Progress(stage=stage, **more).model_dump_json().encode())

    return say


def events_of(text):
    """The events of a stream as (id, name, data), without its comments."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


async def test_the_stages_come_as_events_and_the_answer_is_the_last(ada, services, says):
    async def work(request, identity):
        await says(request, "source")
        await says(request, "repairing", repair=1)
        return answer_to(request)

    services.on(sql_generator.GENERATE, work)
    reply = await ada.post("/api/queries", json=BODY, headers=EVENTS)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-accel-buffering"] == "no"
    assert {"no-transform", "no-store"} <= set(reply.headers["cache-control"].split(", "))
    *stages, (last, kind, data) = events_of(reply.text)
    assert [(number, name, stage["stage"], stage["repair"]) for number, name, stage in stages] == [
        (1, "stage", "source", None),
        (2, "stage", "repairing", 1),
    ]
    assert (last, kind, data["sql"]) == (3, "answer", "SELECT 'a\nb'")


async def test_who_does_not_ask_for_events_gets_the_answer_alone_and_nobody_listens(ada, services):
    async def work(request, identity):
        assert request.progress_id is None
        return answer_to(request)

    services.on(sql_generator.GENERATE, work)
    assert (await ada.post("/api/queries", json=BODY)).json()["status"] == "generated"
    named = await ada.post("/api/queries", json=BODY | {"progress_id": str(uuid4())})
    assert named.status_code == 422
    assert [error["field"] for error in named.json()["errors"]] == ["progress_id"]


async def test_each_request_has_an_id_of_its_own_whatever_the_client_calls_it(ada, services):
    seen = []

    async def work(request, identity):
        seen.append((request.progress_id, identity.request_id))
        return answer_to(request)

    services.on(sql_generator.GENERATE, work)
    chosen = str(uuid4())
    for _ in range(2):
        await ada.post("/api/queries", json=BODY, headers=EVENTS | {"X-Request-Id": chosen})
    assert len({chosen, *(str(progress_id) for progress_id, _ in seen)}) == 3
    assert all(isinstance(progress_id, UUID) and request_id == chosen for progress_id, request_id in seen)


async def test_a_problem_before_any_progress_is_a_response_of_its_own(ada, services, check_problem):
    async def refuse(request, identity):
        raise ProblemError(problem("not-found", "no such data source"))

    services.on(sql_generator.GENERATE, refuse)
    check_problem(await ada.post("/api/queries", json=BODY, headers=EVENTS), 404, "not-found")
    check_problem(await ada.post("/api/queries", json={}, headers=EVENTS), 422, "invalid", "question")


async def test_a_problem_after_some_progress_is_the_last_event(ada, services, says):
    async def fail(request, identity):
        await says(request, "drafting")
        raise ProblemError(problem("unavailable", "the model is away", retry_after=5))

    services.on(sql_generator.GENERATE, fail)
    reply = await ada.post("/api/queries", json=BODY, headers=EVENTS)
    assert [name for _, name, _ in events_of(reply.text)] == ["stage", "problem"]
    document = events_of(reply.text)[-1][2]
    assert (document["type"], document["status"], document["instance"]) == ("unavailable", 503, "/api/queries")


async def test_a_silent_stream_says_that_it_is_alive(start_gateway, services, token, eventually):
    goes_on = asyncio.Event()

    async def think(request, identity):
        await asyncio.wait_for(goes_on.wait(), 10)
        return answer_to(request)

    services.on(sql_generator.GENERATE, think)
    with start_gateway(event_heartbeat_seconds=0.02) as url:
        async with (
            httpx.AsyncClient(base_url=url, headers=token("ada") | EVENTS, timeout=20) as client,
            client.stream("POST", "/api/queries", json=BODY) as reply,
        ):
            received = ""
            async for text in reply.aiter_text():
                received += text
                if received.count(": waiting\n\n") >= 3:
                    goes_on.set()
    assert [name for _, name, _ in events_of(received)] == ["answer"]


async def test_a_client_that_leaves_ends_the_relay_and_not_the_work(ada, services, says, eventually):
    left, recorded = asyncio.Event(), []

    async def work(request, identity):
        await says(request, "drafting")
        await asyncio.wait_for(left.wait(), 10)
        recorded.append(request.query_id)
        return answer_to(request)

    services.on(sql_generator.GENERATE, work)
    query_id = str(uuid4())
    async with ada.stream("POST", "/api/queries", json=BODY | {"query_id": query_id}, headers=EVENTS) as reply:
        async for text in reply.aiter_text():
            assert "drafting" in text
            break
        assert OPEN_STREAMS._value.get() == 1
    await eventually(lambda: OPEN_STREAMS._value.get() == 0)
    left.set()
    await eventually(lambda: [str(each) for each in recorded] == [query_id])


async def test_more_stages_than_anybody_reads_are_dropped_and_the_answer_is_not(ada, services, says):
    async def work(request, identity):
        for _ in range(500):
            await says(request, "checking")
        return answer_to(request)

    services.on(sql_generator.GENERATE, work)
    reply = await ada.post("/api/queries", json=BODY, headers=EVENTS)
    assert events_of(reply.text)[-1][1] == "answer"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/event-stream", True),
        ("application/json, Text/Event-Stream;q=0.5", True),
        ("text/event-stream; q=0", False),
        ("application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_events_are_sent_to_who_names_them(accept, wanted):
    assert wants_events(accept) is wanted
