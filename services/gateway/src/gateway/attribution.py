"""Which agent or app, and which run of it, something comes from: said once in headers instead of in every body."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Depends, Header

from contracts.memory_store import NewMemory, NewMessage
from gateway.identity import header_id

PROCESS, SESSION = "X-Process-Id", "X-Session-Id"

ItemT = TypeVar("ItemT", NewMemory, NewMessage)


@dataclass(frozen=True, slots=True)
class AttributionHeaders:
    """What the headers of a request say; None where they say nothing."""

    process_id: str | None = None
    session_id: str | None = None

    def filled(self, item: ItemT) -> ItemT:
        """The item, with what its body leaves out; null in the body is an answer and stays."""
        said = {"process_id": self.process_id, "session_id": self.session_id}
        missing = {
            name: value for name, value in said.items() if value is not None and name not in item.model_fields_set
        }
        return item.model_copy(update=missing) if missing else item


async def _attribution(
    process_id: Annotated[
        str | None,
        Header(alias=PROCESS, description="`process_id` of whatever the body sends without one; up to 255 characters"),
    ] = None,
    session_id: Annotated[
        str | None,
        Header(alias=SESSION, description="`session_id` of whatever the body sends without one; up to 255 characters"),
    ] = None,
) -> AttributionHeaders:
    return AttributionHeaders(process_id=header_id(PROCESS, process_id), session_id=header_id(SESSION, session_id))


Attributed: TypeAlias = Annotated[AttributionHeaders, Depends(_attribution)]
"""What the request's headers say about where it comes from, for routes that store something."""
