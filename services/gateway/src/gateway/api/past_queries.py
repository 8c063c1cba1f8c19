"""Past queries: the history, what was good or wrong about them, and forgetting them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict
from starlette.responses import Response

from contracts import sql_generator
from contracts.sql_generator import Feedback, ListQueries, Queries, QueryDetail, QueryRef, Rate, Rated
from gateway.bodies import STRICT, json_body
from gateway.problems import MAY_CONFLICT
from gateway.services import Authenticated

router = APIRouter(prefix="/api/queries", tags=["queries"])


class FeedbackOnQuery(Feedback):
    """How good an answer is, and what would have been right."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "score": 2,
                    "corrected_sql": "SELECT SUM(amount) AS revenue FROM orders WHERE status = 'paid'",
                    "notes": "Revenue counts paid orders only",
                }
            ]
        }
    )


@router.get("", response_model=Queries)
async def list_queries(services: Authenticated, page: Annotated[ListQueries, Query()]) -> Response:
    """My past queries, the newest first."""
    return await services.relay(sql_generator.LIST_QUERIES, page)


@router.get("/{query_id}", response_model=QueryDetail)
async def get_query(services: Authenticated, query_id: UUID) -> Response:
    """One query with its whole answer but its rows, which are read anew when it is executed."""
    return await services.relay(sql_generator.READ_QUERY, QueryRef(query_id=query_id))


@router.post("/{query_id}/feedback", response_model=Rated, responses=MAY_CONFLICT)
async def rate(
    services: Authenticated, query_id: UUID, body: Annotated[FeedbackOnQuery, json_body(FeedbackOnQuery)]
) -> Response:
    """Say how good an answer is, or what would have been right; the same again changes nothing.

    A score of 4 or 5 verifies the answer, 1 or 2 takes it out of use. Corrected SQL is checked like any other; it
    becomes an answer of its own, verified, that takes the place of the one there was.
    """
    request = Rate.model_construct(**body.model_dump(), query_id=query_id)
    return await services.relay(sql_generator.RATE, request)


@router.delete("/{query_id}", status_code=204)
async def delete_query(services: Authenticated, query_id: UUID) -> Response:
    """Forget a query: it is no example any more, and is not reused. The memory of it, under the same id, stays."""
    return await services.relay(sql_generator.DELETE_QUERY, QueryRef(query_id=query_id), status=204)
