"""Every error leaves as an RFC 9457 problem document."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from contracts.base import Message
from contracts.methods import ProblemError
from contracts.problems import TITLES, FieldError, Problem, problem

MEDIA_TYPE = "application/problem+json"

MAY_CONFLICT: dict[int | str, dict[str, Any]] = {409: {"description": TITLES["conflict"]}}
"""The `responses` of a route that the state can forbid, for the OpenAPI document."""

MAY_EXCEED: dict[int | str, dict[str, Any]] = {429: {"description": TITLES["limit-exceeded"]}}
"""Likewise of a route that a budget or a limit can forbid."""

_MAX_ERRORS = 50
_MAX_FIELD_CHARS = 200


class ProblemDocument(Message):
    """What went wrong, in the format of RFC 9457."""

    type: str = Field(description="One of a fixed set of words, for programs")
    title: str = Field(description="What the type means, for people")
    status: int
    detail: str
    instance: str = Field(description="The path that was requested")
    request_id: str = Field(description="Also in the header X-Request-Id of every response")
    errors: tuple[FieldError, ...] = Field(description="The fields that are wrong, by their paths; at most 50")


def problem_response(request: Request, found: Problem) -> Response:
    """The response that says a problem, with the headers that belong to it."""
    headers: dict[str, str] = {}
    if found.retry_after is not None:
        headers["Retry-After"] = str(found.retry_after)
    if found.type == "unauthenticated":
        given = "authorization" in request.headers
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if given else "Bearer"
    return _respond(
        request, found.type, found.title, found.status, detail=found.detail, errors=found.errors, headers=headers
    )


def install(app: FastAPI) -> None:
    """Answer every exception that is meant for the caller with its problem."""
    app.add_exception_handler(ProblemError, _of_problem)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)


async def _of_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101  # what it is registered for
    return problem_response(request, error.problem)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # what it is registered for
    errors = tuple(
        # The first part of a location says where the value was: path, query or header.
        FieldError(field=".".join(map(str, item["loc"][1:])), message=item["msg"].removeprefix("Value error, "))
        for item in error.errors()[:_MAX_ERRORS]
    )
    return problem_response(request, problem("invalid", errors=errors))


async def _of_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown routes, methods and content types."""
    assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(request, problem("not-found", "there is no such route"))
    phrase = HTTPStatus(error.status_code).phrase
    kind = phrase.lower().replace(" ", "-")
    return _respond(request, kind, phrase, error.status_code, detail=error.detail, headers=error.headers)


def _respond(
    request: Request,
    kind: str,
    title: str,
    status: int,
    *,
    detail: str = "",
    errors: tuple[FieldError, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    document = ProblemDocument(
        type=kind,
        title=title,
        status=status,
        detail=detail,
        instance=request.url.path,
        request_id=request.state.request_id,
        errors=tuple(
            error.model_copy(update={"field": error.field[:_MAX_FIELD_CHARS]}) for error in errors[:_MAX_ERRORS]
        ),
    )
    return Response(document.model_dump_json(), status, headers, MEDIA_TYPE)
