"""The events are a published language: each has a golden file, so that a break is a diff."""

import json
import os
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import ValidationError

from contracts.asyncapi import document
from contracts.events import EVENTS, ArchivedReason, Event, EventData, event, parse_event

GOLDEN = Path(__file__).parent / "golden"
ASYNCAPI = Path(__file__).parents[4] / "docs" / "asyncapi.json"

SAMPLES = {
    UUID: "00000000-0000-4000-8000-000000000001",
    str: "text",
    str | None: "text",
    int: 1,
    int | None: 1,
    UUID | None: "00000000-0000-4000-8000-000000000001",
    ArchivedReason: "superseded",
}


def sample(data_type: type[EventData]) -> EventData:
    values = {}
    for name, field in data_type.model_fields.items():
        values[name] = "rule" if name == "memory_type" else SAMPLES[field.annotation]
    return data_type.model_validate(values)


def envelope(data_type: type[EventData]) -> Event:
    made = event(sample(data_type), tenant_id="acme", user_id="ada")
    return made.model_copy(update={"id": UUID(int=2), "time": made.time.replace(2026, 1, 2, 3, 4, 5, 6000)})


def check_golden(path: Path, document: object) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path.name} is not what the contracts say: `make golden`"


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_is_what_its_golden_file_says(name):
    check_golden(GOLDEN / f"{name}.json", json.loads(envelope(EVENTS[name]).model_dump_json()))


def test_the_asyncapi_document_is_the_golden_one():
    check_golden(ASYNCAPI, document("0.1.0"))


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_comes_back_as_it_was_sent(name):
    sent = envelope(EVENTS[name])
    received = parse_event(sent.model_dump_json().encode())
    assert received == sent
    assert type(received.data) is EVENTS[name]


def test_a_consumer_tolerates_fields_a_newer_producer_added():
    body = json.loads(envelope(EVENTS["memory.created"]).model_dump_json())
    body["newattribute"] = 1
    body["data"]["newfield"] = {"a": 1}
    assert parse_event(json.dumps(body).encode()).data.content_version == 1


def test_an_unknown_type_or_a_broken_body_is_an_error():
    with pytest.raises(KeyError):
        parse_event(b'{"type": "memory.exploded"}')
    with pytest.raises(ValidationError):
        parse_event(b"\xff")
    with pytest.raises(ValidationError):
        parse_event(b'{"type": "memory.created", "data": {}}')


def test_no_event_has_a_field_that_could_carry_content():
    for data_type in EVENTS.values():
        assert not {"content", "question", "sql", "query", "name", "title", "embedding"} & set(data_type.model_fields)
