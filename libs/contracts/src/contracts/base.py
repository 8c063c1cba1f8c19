"""The types every message is made of."""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

MAX_JSON_DEPTH = 32


class Message(BaseModel):
    """A message between services: immutable, and tolerant of fields a newer sender added."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", ser_json_inf_nan="null", ser_json_bytes="base64", val_json_bytes="base64"
    )


def _storable_text(value: str) -> str:
    # Postgres text cannot hold NUL; said here, at the edge, instead of as a database error later.
    if "\x00" in value:
        raise ValueError("must not contain the NUL character")
    return value


def _storable_json(value: dict[str, Any]) -> dict[str, Any]:
    pending: list[tuple[Any, int]] = [(value, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_JSON_DEPTH:
            raise ValueError(f"must not be nested deeper than {MAX_JSON_DEPTH} levels")
        if isinstance(node, dict):
            pending.extend((item, depth + 1) for pair in node.items() for item in pair)
        elif isinstance(node, list):
            pending.extend((item, depth + 1) for item in node)
        elif isinstance(node, str):
            _storable_text(node)
        elif isinstance(node, float) and not math.isfinite(node):
            raise ValueError("must not contain NaN or Infinity")
    return value


Text: TypeAlias = Annotated[str, AfterValidator(_storable_text)]
"""Text that Postgres can hold."""

JsonObject: TypeAlias = Annotated[dict[str, JsonValue], AfterValidator(_storable_json)]
"""A JSON object that Postgres can hold as jsonb."""

Score: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A number from 0 to 1."""

UserId: TypeAlias = Annotated[Text, Field(min_length=1, max_length=255)]
TenantId: TypeAlias = Annotated[Text, Field(min_length=1, max_length=255)]
Tag: TypeAlias = Annotated[Text, Field(min_length=1, max_length=100)]
Name: TypeAlias = Annotated[Text, Field(min_length=1, max_length=500)]


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


UtcTime: TypeAlias = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A point in time with its offset; stored as UTC."""

Vector: TypeAlias = Annotated[bytes, WithJsonSchema({"type": "string", "contentEncoding": "base64url"})]
"""An embedding: little-endian float32, base64 on the wire (a third of the size of a JSON list)."""

Cursor: TypeAlias = Annotated[Text, Field(max_length=200)]
