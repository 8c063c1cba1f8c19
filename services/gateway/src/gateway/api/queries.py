"""Queries: a question in, SQL out, with what shaped it."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from contracts import sql_generator
from contracts.methods import ProblemError
from contracts.problems import problem
from contracts.sql_generator import Answer, Generate, NewQuestion, QueryRef, QueryResult
from gateway.bodies import STRICT, json_body
from gateway.downloads import arrow_of, csv_of
from gateway.event_stream import MEDIA_TYPE, open_stream, wants_events
from gateway.problems import MAY_CONFLICT, MAY_EXCEED
from gateway.services import Authenticated, Edge

FileFormat: TypeAlias = Literal["csv", "arrow"]

_FILES: Final[dict[FileFormat, tuple[str, str, Callable[[QueryResult], bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", "csv", csv_of),
    "arrow": ("application/vnd.apache.arrow.stream", "arrows", arrow_of),
}

router = APIRouter(prefix="/api/queries", tags=["queries"])


class Ask(NewQuestion):
    """A question to answer with SQL."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "question": "What were the ten best-selling products last month?",
                    "data_source_id": "6f1d3c1e-9a54-4d0e-8d0c-2f6f3f1f7a10",
                    "execute": True,
                }
            ]
        }
    )

    query_id: UUID = Field(default_factory=uuid4, description="Send your own to make a retry harmless")


_AS_EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The answer; as server-sent events when `Accept` names them",
        "content": {
            MEDIA_TYPE: {
                "schema": {"type": "string"},
                "example": 'id: 1\nevent: stage\ndata: {"stage":"source"}\n\nid: 2\nevent: answer\ndata: {…}\n\n',
            }
        },
    }
}


@router.post("", response_model=Answer, responses=_AS_EVENTS | MAY_CONFLICT | MAY_EXCEED)
async def ask(services: Authenticated, request: Request, body: Annotated[Ask, json_body(Ask)]) -> Response:
    """Write SQL for a question, with the memories, rules and past queries that matter; run it if `execute` says so.

    `status` says what came of it: a question nobody can answer is `abstained`, a statement that may not run is
    `refused`, both with the `reason`.

    With `Accept: text/event-stream` the stages come as events named `stage` (`{"stage": "source"}`, then `context`,
    `drafting`, `checking`, `executing`, and `repairing` with the number of the repair), and the last event is `answer`
    with this document, or `problem`. Comments keep a silent stream alive. A client that leaves, and asks again with the
    same `query_id`, gets the answer it would have got.
    """
    asked = Generate.model_construct(**dict(body), progress_id=None)
    if not wants_events(request.headers.get("accept", "")):
        return await services.relay(sql_generator.GENERATE, asked)
    asked = asked.model_copy(update={"progress_id": (progress_id := uuid4())})
    edge: Edge = request.app.state.edge
    reply = services.forward(sql_generator.GENERATE, asked)
    return await open_stream(request, reply, edge.progress, progress_id, edge.heartbeat_seconds)


@router.post("/{query_id}/execute", response_model=Answer)
async def execute(services: Authenticated, query_id: UUID) -> Response:
    """Run the SQL of a query, read-only and within limits."""
    return await services.relay(sql_generator.EXECUTE, QueryRef(query_id=query_id))


@router.get(
    "/{query_id}/result",
    response_class=Response,
    responses={
        200: {
            "description": "The rows as a file; `Memori-Truncated-By` names the cap (rows, bytes) that cut it, if any",
            "content": {media.partition(";")[0]: {} for media, _, _ in _FILES.values()},
        },
        **MAY_CONFLICT,
    },
)
async def download(services: Authenticated, query_id: UUID, format: FileFormat = "csv") -> Response:  # noqa: A002
    """Run the SQL of a query, as `execute` does, and get its rows as a file: CSV, or an Arrow IPC stream."""
    answer = await services.ask(sql_generator.EXECUTE, QueryRef(query_id=query_id))
    if answer.result is None:
        raise ProblemError(problem("conflict", f"the query failed: {answer.reason}"))
    media_type, extension, written = _FILES[format]
    headers = {"Content-Disposition": f'attachment; filename="{query_id}.{extension}"'}
    if answer.result.truncated_by is not None:
        headers["Memori-Truncated-By"] = answer.result.truncated_by
    return Response(await asyncio.to_thread(written, answer.result), 200, headers, media_type)
