"""The types that guard what comes in, the topology, and who may say what."""

import math
import struct
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts import memory_store
from contracts.base import JsonObject, Text
from contracts.dead_letters import drop_command_of, retry_command_of
from contracts.embedding_worker import Embedding
from contracts.events import EVENTS
from contracts.identity import Identity
from contracts.memory_store import NewMemory, Search
from contracts.permissions import nats_authorization, permissions_of, subscriber_permissions
from contracts.topology import (
    CALLS,
    DURABLES,
    ERASURES,
    MIGRATOR,
    OUTBOXES,
    OWNERS,
    SERVICES,
    STREAMS,
    answered_by,
)


@given(st.text(min_size=1, max_size=255), st.text(min_size=1, max_size=255))
def test_any_user_id_survives_the_headers(tenant, user):
    identity = Identity(tenant, user, ("user", "admin"), "r-1")
    headers = identity.headers()
    assert all(value.isascii() and "\n" not in value and "\r" not in value for value in headers.values())
    assert Identity.from_headers(headers) == identity


def test_text_with_nul_is_refused():
    with pytest.raises(ValidationError, match="NUL"):
        TypeAdapter(Text).validate_python("a\x00b")


@pytest.mark.parametrize("value", [{"a": "\x00"}, {"a\x00": 1}, {"a": [1, {"b": math.nan}]}, {"a": math.inf}])
def test_json_that_postgres_cannot_hold_is_refused(value):
    with pytest.raises(ValidationError):
        TypeAdapter(JsonObject).validate_python(value)


def test_json_nested_too_deep_is_refused():
    value: object = 1
    for _ in range(100):
        value = {"a": value}
    with pytest.raises(ValidationError, match="nested"):
        TypeAdapter(JsonObject).validate_python(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("content", ""),
        ("content", "x" * 10_001),
        ("importance_score", 1.5),
        ("importance_score", math.nan),
        ("memory_type", "forever"),
        ("context_tags", ["x"] * 51),
        ("conversation_id", "not-a-uuid"),
        ("expires_at", "2026-01-01T00:00:00"),
        ("expires_at", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_memory_that_breaks_a_limit_names_the_field(field, value):
    with pytest.raises(ValidationError) as caught:
        NewMemory.model_validate({"memory_id": uuid4(), "content": "fine", field: value})
    assert caught.value.errors()[0]["loc"][0] == field


def test_a_search_limit_is_between_1_and_100():
    for limit in (0, 101):
        with pytest.raises(ValidationError):
            Search(query="x", limit=limit)


def test_every_event_has_one_stream_and_every_durable_an_existing_one():
    for name in EVENTS:
        assert sum(name in stream.subjects for stream in STREAMS) == 1
    streams = {stream.name: stream for stream in STREAMS}
    for durable in DURABLES:
        assert set(durable.subjects) <= set(streams[durable.stream].subjects)
    assert len({durable.name for durable in DURABLES}) == len(DURABLES)


def test_a_service_may_publish_its_own_events_only():
    for service in SERVICES:
        allowed = set(permissions_of(service).publish)
        for name, data in EVENTS.items():
            assert (name in allowed) == (data.source == service)


def test_only_callers_in_the_topology_may_ask():
    for service in SERVICES:
        allowed = set(permissions_of(service).publish)
        for method in (m for other in SERVICES for m in answered_by(other)):
            assert (method.subject in allowed) == (method in CALLS.get(service, ()))


def test_the_gateway_may_not_fetch_contents_across_users():
    assert memory_store.FETCH_CONTENTS.subject not in permissions_of("gateway").publish


def test_nobody_but_the_operator_decides_about_refused_commands():
    for service in OUTBOXES:
        for method in (retry_command_of(service), drop_command_of(service)):
            assert [caller for caller, methods in CALLS.items() if method in methods] == [MIGRATOR]


def test_erasing_asks_who_makes_others_store_before_who_stores():
    for service in OWNERS:
        # Commands go to memory-store only: it comes last.
        asked_later = set(OWNERS[: OWNERS.index(service)])
        assert service == memory_store.SERVICE or memory_store.SERVICE in asked_later
    assert {durable.service for durable in ERASURES.values()} == set(OWNERS) - {memory_store.SERVICE}


def test_a_subscriber_reads_events_and_publishes_none():
    allowed = subscriber_permissions()
    assert set(EVENTS) <= set(allowed.subscribe)
    assert not set(EVENTS) & set(allowed.publish)
    assert not any(subject.startswith("rpc.") for subject in allowed.publish + allowed.subscribe)


def test_the_nats_configuration_has_a_user_for_each_service():
    config = nats_authorization(dict.fromkeys([*SERVICES, "subscriber", "migrator"], "pw"))
    for service in SERVICES:
        assert f'user: "{service}"' in config


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
def test_a_vector_is_bytes_here_and_base64_on_the_wire(numbers):
    vector = struct.pack(f"<{len(numbers)}f", *numbers)
    made = Embedding(model="m", dimensions=len(numbers), min_similarity=0.2, embedding=vector)
    sent = memory_store.Recall(question="q", embedding=made)
    received = memory_store.Recall.model_validate_json(sent.model_dump_json())
    assert received == sent
    assert list(struct.unpack(f"<{len(numbers)}f", received.embedding.embedding)) == numbers


def test_progress_is_said_by_sql_generator_and_heard_by_the_gateway_alone():
    for service in SERVICES:
        permissions = permissions_of(service)
        assert ("progress.*" in permissions.publish) == (service == "sql-generator")
        assert ("progress.*" in permissions.subscribe) == (service == "gateway")
    assert "progress.*" not in subscriber_permissions().subscribe
