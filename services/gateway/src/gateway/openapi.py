"""The OpenAPI 3.1 document: what FastAPI knows, plus request bodies, problems and authentication."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from contracts.problems import STATUS
from gateway.api import ROUTERS
from gateway.bodies import JsonBody
from gateway.problems import MEDIA_TYPE, ProblemDocument

TITLE = "Memori for Text2SQL"
API_VERSION = "0.1.0"

_SCHEMA = "#/components/schemas/{model}"
_DESCRIPTION = """\
A memory for people who ask questions of their data in plain language.

Every error is an `application/problem+json` document (RFC 9457) that names the fields that are wrong. Send
`X-Request-Id` to find your request in the logs. Ids you mint yourself make a repeated `POST` harmless.
"""
_PROBLEMS = {
    401: "The token is missing or not valid",
    404: "Not found, or somebody else's",
    409: "The state does not allow this; `detail` says why",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The request is not valid; `errors` names the fields",
    429: "A limit was reached; `detail` says which, `Retry-After` when it ends",
    503: "A dependency is unavailable; `Retry-After` says when to try again",
    504: "The answer took too long",
}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the app's routes."""
    spec = get_openapi(
        title=TITLE, version=API_VERSION, openapi_version="3.1.0", description=_DESCRIPTION, routes=app.routes
    )
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    schemas: dict[str, Any] = spec["components"]["schemas"]
    schemas.update(_schemas([ProblemDocument, *filter(None, map(_body_of, routes))]))
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for route in routes:
        for method in route.methods or ():
            _complete(spec["paths"][route.path_format][method.lower()], route)
    spec["components"] |= {
        "schemas": dict(sorted(schemas.items())),
        "responses": {f"Problem{status}": _problem(text) for status, text in _PROBLEMS.items()},
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
    }
    return spec


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    body = _body_of(route)
    if body is not None:
        content = {"application/json": {"schema": {"$ref": _SCHEMA.format(model=body.__name__)}}}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"].pop("422", None)
    if not route.path.startswith("/api/"):
        return
    operation["security"] = [{"token": []}]
    statuses = {401, 503, 504, *(status for status in map(int, route.responses) if status in _PROBLEMS)}
    if body is not None:
        statuses |= {413, 415, 422}
    if body is not None or "parameters" in operation:
        statuses |= {404, STATUS["invalid"]}
    for status in sorted(statuses):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}


def _body_of(route: APIRoute) -> type[BaseModel] | None:
    calls = (dependency.call for dependency in route.dependant.dependencies)
    return next((call.model for call in calls if isinstance(call, JsonBody)), None)


def _schemas(models: list[type[BaseModel]]) -> dict[str, Any]:
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_SCHEMA)
    found: dict[str, Any] = definitions["$defs"]
    return found


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": _SCHEMA.format(model=ProblemDocument.__name__)}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
