"""Queries: a question in, SQL out, with what shaped it."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.responses import Response

from contracts import sql_generator
from contracts.sql_generator import Answer, Generate, QueryRef
from gateway.bodies import STRICT, json_body
from gateway.services import Authenticated

router = APIRouter(prefix="/api/queries", tags=["queries"])


class Ask(Generate):
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


@router.post("", response_model=Answer)
async def ask(services: Authenticated, body: Annotated[Ask, json_body(Ask)]) -> Response:
    """Write SQL for a question, with the memories, rules and past queries that matter; run it if `execute` says so.

    `status` says what came of it: a question nobody can answer is `abstained`, a statement that may not run is
    `refused`, both with the `reason`.
    """
    return await services.relay(sql_generator.GENERATE, body)


@router.post("/{query_id}/execute", response_model=Answer)
async def execute(services: Authenticated, query_id: UUID) -> Response:
    """Run the SQL of a query, read-only and within limits."""
    return await services.relay(sql_generator.EXECUTE, QueryRef(query_id=query_id))
