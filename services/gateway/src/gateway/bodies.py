"""Request bodies: read as JSON and validated strictly in one pass, so that a wrong type is an error, not a guess."""

import json
from typing import Any, Generic, NoReturn, Self, TypeVar

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request

from contracts.methods import ProblemError
from contracts.problems import FieldError, problem
from messaging.errors import field_errors

BodyT = TypeVar("BodyT", bound=BaseModel)

STRICT = ConfigDict(extra="forbid", strict=True)
"""What every request body is: a field nobody knows is a typo, and a number in quotes is not a number."""


def left_out() -> Any:
    """The default of a field of `Changes`: not in its schema, and never sent on."""
    return None


class Changes(BaseModel):
    """What to change; what is left out stays as it is.

    Its fields are not nullable, though they default to None: null would look like a way to empty a field.
    """

    model_config = STRICT

    @model_validator(mode="after")
    def _something_changes(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must name at least one field to change")
        return self

    def given(self) -> dict[str, Any]:
        """What the body names."""
        return self.model_dump(exclude_unset=True)


# More than a full batch with every field wrong. pydantic can only list all errors, at 8 µs each: a body of 16 MB that
# is made of errors would hold up everybody for ten seconds.
_MAX_ERRORS = 10_000


class JsonBody(Generic[BodyT]):
    """A dependency that is the request's body as a model; the OpenAPI document takes the model from it.

    FastAPI's own body parameters decode JSON to Python objects first: lone surrogates and NaN get in, numbers in
    quotes count as numbers, and the values are walked twice.
    """

    def __init__(self, model: type[BodyT]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> BodyT:
        """The body.

        Raises:
            ProblemError: it is not JSON, or not what the model says; each wrong field is named.
            HTTPException: it does not say that it is JSON (415).
        """
        body = await request.body()
        if not body:
            _invalid("body", "is required")
        if not _says_json(request.headers.get("content-type", "")):
            raise HTTPException(415, "send application/json", headers={"Accept-Post": "application/json"})
        _refuse_repeated_names(body)
        try:
            return self.model.model_validate_json(body)
        except ValidationError as error:
            if error.error_count() > _MAX_ERRORS:
                _invalid("body", f"has {error.error_count()} errors")
            raise ProblemError(problem("invalid", errors=field_errors(error))) from None


def json_body(model: type[BaseModel]) -> Any:
    """What to annotate the body parameter of a route with, beside the model."""
    return Depends(JsonBody(model))


def _says_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _refuse_repeated_names(body: bytes) -> None:
    """JSON objects with a name twice mean different things to different parsers."""
    try:
        _PAIRS.decode(body.decode())
    except ProblemError:
        raise
    except (ValueError, RecursionError):
        return  # not JSON: validation says what is wrong, and where


def _without_repetition(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) == len({name for name, _ in pairs}):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            _invalid(name, "is given twice")
        seen.add(name)


_PAIRS = json.JSONDecoder(object_pairs_hook=_without_repetition)


def _invalid(field: str, message: str) -> NoReturn:
    raise ProblemError(problem("invalid", errors=(FieldError(field=field, message=message),)))
