"""What becomes of memories: their versions, promotion, restoring, archiving, and all of them in numbers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from contracts import memory_store
from contracts.base import Cursor
from contracts.memory_store import (
    Archived,
    ArchiveMemories,
    ListHistory,
    Memory,
    MemoryHistory,
    MemoryRef,
    Statistics,
)
from contracts.methods import Empty
from gateway.problems import MAY_CONFLICT
from gateway.services import Authenticated

router = APIRouter(prefix="/api/memories", tags=["memories"])


# The fixed paths come before those with an id, here and for whoever adds to them.
@router.get("/statistics/summary", response_model=Statistics)
async def memory_statistics(services: Authenticated) -> Response:
    """My memories in numbers; archived and expired ones count in `archived` only."""
    return await services.relay(memory_store.STATISTICS, Empty())


@router.post("/maintenance/archive", response_model=Archived)
async def archive_memories(services: Authenticated, request: Annotated[ArchiveMemories, Query()]) -> Response:
    """Archive my short-term memories older than `days_threshold` days that matter little and are hardly used."""
    return await services.relay(memory_store.ARCHIVE, request)


@router.get("/{memory_id}/history", response_model=MemoryHistory)
async def memory_history(
    services: Authenticated,
    memory_id: UUID,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[Cursor | None, Query()] = None,
) -> Response:
    """Every version of a memory and who or what made it, the newest first; what is left of a deleted one's too."""
    return await services.relay(memory_store.HISTORY, ListHistory(memory_id=memory_id, limit=limit, cursor=cursor))


@router.post("/{memory_id}/promote", response_model=Memory, responses=MAY_CONFLICT)
async def promote_memory(services: Authenticated, memory_id: UUID) -> Response:
    """Make a short-term memory long-term: it expires no more and counts a little more. 409 for any other type."""
    return await services.relay(memory_store.PROMOTE, MemoryRef(memory_id=memory_id))


@router.post("/{memory_id}/restore", response_model=Memory, responses=MAY_CONFLICT)
async def restore_memory(services: Authenticated, memory_id: UUID) -> Response:
    """Undo the archiving, the superseding or the promotion of a memory. 409 when there is nothing to undo."""
    return await services.relay(memory_store.RESTORE, MemoryRef(memory_id=memory_id))
