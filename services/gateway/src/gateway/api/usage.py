"""Usage: what my questions cost."""

from fastapi import APIRouter
from starlette.responses import Response

from contracts import sql_generator
from contracts.methods import Empty
from contracts.sql_generator import UsageReport
from gateway.services import Authenticated

router = APIRouter(prefix="/api/usage", tags=["usage"])


@router.get("", response_model=UsageReport)
async def get_usage(services: Authenticated) -> Response:
    """The tokens and US dollars my questions cost this month, by model, and the budgets that apply to me."""
    return await services.relay(sql_generator.USAGE, Empty())
