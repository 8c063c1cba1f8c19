"""What of a sensitive memory is encrypted at rest, and back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.identity import Identity
from persistence.sealing import SecretBox

PURPOSE = "memori sensitive memories"


@dataclass(frozen=True, slots=True)
class Private:
    """The parts of a memory that say something; only these are sealed: tags and type stay readable, to find it by."""

    content: str
    metadata: Mapping[str, Any]
    related_entities: Sequence[str]


class Vault:
    """Seals and opens what sensitive memories say. A sealed text opens only as the memory it was sealed for."""

    def __init__(self, box: SecretBox) -> None:
        self._box = box

    def seal(self, owner: Identity, memory_id: UUID, private: Private) -> bytes:
        """The sealed parts (AES-256-GCM)."""
        text = json.dumps([private.content, dict(private.metadata), list(private.related_entities)])
        return self._box.seal(text, bound_to=_bound_to(owner, memory_id))

    def open(self, owner: Identity, memory_id: UUID, sealed: bytes) -> Private:
        """The parts in plain text.

        Raises:
            persistence.sealing.SecretUnreadable: its key is not configured any more, or it is damaged.
        """
        return Private(*json.loads(self._box.open(sealed, bound_to=_bound_to(owner, memory_id))))


def _bound_to(owner: Identity, memory_id: UUID) -> str:
    return json.dumps([owner.tenant_id, owner.user_id, str(memory_id)])
