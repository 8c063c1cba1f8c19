"""Request bodies allow exactly what the services' contracts allow."""

import pytest
from pydantic import ValidationError

from contracts.memory_store import Search, UpdateConversation, UpdateMemory
from gateway.api.conversations import ConversationChanges, NewConversation
from gateway.api.data_sources import NewDataSource
from gateway.api.memories import MemoryBatch, MemoryChanges, MemorySearch, MemoryToStore
from gateway.api.messages import MessagesToAppend
from gateway.api.queries import Ask
from gateway.api.rules import RuleToCreate

BODIES = (
    MemoryToStore,
    MemoryBatch,
    MemorySearch,
    MemoryChanges,
    NewConversation,
    ConversationChanges,
    MessagesToAppend,
    NewDataSource,
    RuleToCreate,
    Ask,
)


@pytest.mark.parametrize("model", BODIES)
def test_every_example_is_valid(model):
    import json

    for example in model.model_config["json_schema_extra"]["examples"]:
        model.model_validate_json(json.dumps(example))


@pytest.mark.parametrize("model", BODIES)
def test_every_body_is_strict(model):
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["strict"] is True


def test_a_search_has_the_fields_and_limits_of_the_contract():
    own = MemorySearch.model_json_schema()["properties"]
    contract = Search.model_json_schema()["properties"]
    assert set(contract) - set(own) == {"embedding"}
    assert own == {name: contract[name] for name in own}


@pytest.mark.parametrize(
    ("changes", "method", "ref"),
    [(MemoryChanges, UpdateMemory, "memory_id"), (ConversationChanges, UpdateConversation, "conversation_id")],
)
def test_changes_have_the_fields_and_limits_of_the_contract(changes, method, ref):
    own = changes.model_json_schema()["properties"]
    contract = method.model_json_schema()["properties"]
    assert set(contract) - set(own) == {ref}
    for name, field in own.items():
        limits = {key: value for key, value in field.items() if key not in {"title", "description"}}
        assert limits in contract[name]["anyOf"]


@pytest.mark.parametrize("changes", [MemoryChanges, ConversationChanges])
def test_changes_are_never_null_and_never_none_at_all(changes):
    for name in changes.model_fields:
        with pytest.raises(ValidationError):
            changes.model_validate_json(f'{{"{name}": null}}')
    with pytest.raises(ValidationError, match="at least one field"):
        changes.model_validate_json("{}")


def test_ids_are_minted_unless_they_are_sent():
    one, other = (Ask.model_validate_json('{"question": "x"}') for _ in range(2))
    assert one.query_id != other.query_id
    assert one.query_id.version == 4


def test_a_number_in_quotes_is_not_a_number():
    with pytest.raises(ValidationError):
        MemorySearch.model_validate_json('{"query": "x", "limit": "10"}')
