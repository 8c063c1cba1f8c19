"""The OpenAPI document is a published language: it has a golden file, so that a break is a diff."""

import json
import os
from pathlib import Path

import pytest

from gateway.main import create_app
from gateway.settings import GatewaySettings

GOLDEN = Path(__file__).parents[4] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def document():
    return create_app(GatewaySettings(environment="development")).openapi()


def operations(document):
    return [(path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()]


def test_the_openapi_document_is_the_golden_one(document):
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == text, "docs/openapi.json is not what the routes say: `make golden`"


def test_every_reference_leads_somewhere(document):
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        found = document
        for key in reference.split("/"):
            found = found[key]


def test_every_body_has_an_example_that_is_valid(document):
    bodies = [operation["requestBody"] for _, _, operation in operations(document) if "requestBody" in operation]
    assert bodies
    for body in bodies:
        if "multipart/form-data" in body["content"]:
            continue
        name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        assert document["components"]["schemas"][name]["examples"], name
        assert document["components"]["schemas"][name]["additionalProperties"] is False, name


def test_every_api_operation_needs_a_token_and_tells_its_problems(document):
    for path, _, operation in operations(document):
        if path.startswith("/api/"):
            assert operation["security"] == [{"token": []}]
            assert {"401", "503", "504"} <= set(operation["responses"])
            assert ("404" in operation["responses"]) or ("{" not in path)


def test_operation_ids_are_the_names_of_the_functions(document):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert {"create_memory", "search_memories", "ask"} <= set(ids)


def test_what_is_stored_can_be_attributed_by_headers(document):
    attributed = {
        operation["operationId"]
        for _, _, operation in operations(document)
        if {"X-Process-Id", "X-Session-Id"} <= {parameter["name"] for parameter in operation.get("parameters", ())}
    }
    assert attributed == {"create_memory", "create_memories", "append_messages"}


def test_operations_that_the_state_can_forbid_say_so(document):
    for operation_id in ("create_memory", "create_memories", "append_messages", "promote_memory", "restore_memory"):
        (found,) = (made for _, _, made in operations(document) if made["operationId"] == operation_id)
        assert found["responses"]["409"] == {"$ref": "#/components/responses/Problem409"}
