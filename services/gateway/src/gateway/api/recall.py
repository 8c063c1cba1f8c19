"""Recall: what a client's own model should know of a question."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict
from starlette.responses import Response

from contracts import sql_generator
from contracts.sql_generator import ContextBlock, RecallContext
from gateway.bodies import STRICT, json_body
from gateway.services import Authenticated

router = APIRouter(prefix="/api/recall", tags=["queries"])


class ContextToRecall(RecallContext):
    """A question to gather the context of."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [{"question": "What were the ten best-selling products last month?", "token_budget": 2_000}]
        }
    )


@router.post("", response_model=ContextBlock)
async def recall(services: Authenticated, body: Annotated[ContextToRecall, json_body(ContextToRecall)]) -> Response:
    """Gather the memories, rules, joins, past queries, turns and tables that matter for a question; no model is asked.

    `text` holds all of it, quoted as data and within `token_budget`, ready to be pasted into a prompt of your own.
    """
    return await services.relay(sql_generator.RECALL, body)
