"""Memories as they are answered: their contents opened where they are sealed."""

from collections.abc import Mapping
from typing import Any

from contracts.identity import Identity
from contracts.memory_store import Memory
from memory_store.sealed import Vault


def memory_of(fields: Mapping[str, Any], owner: Identity, vault: Vault) -> Memory:
    """The memory that these fields of the repository are, as `owner` sees it."""
    return Memory.model_validate(opened(fields, owner, vault) | {"mine": fields["user_id"] == owner.user_id})


def opened(fields: Mapping[str, Any], owner: Identity, vault: Vault) -> dict[str, Any]:
    """The fields with what is sealed in plain text."""
    if fields["sealed"] is None:
        return dict(fields)
    private = vault.open(owner, fields["memory_id"], fields["sealed"])
    found = {"content": private.content, "metadata": private.metadata, "related_entities": private.related_entities}
    return dict(fields) | {name: value for name, value in found.items() if name in fields}
