"""What a user may ask for themselves (GDPR, articles 15, 17 and 20): everything out, and everything gone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from contracts import memory_store
from contracts.base import Message, UtcTime
from contracts.methods import Empty, ProblemError
from contracts.personal_data import ErasedRows, ExportData, erase_of, export_of
from contracts.problems import problem
from contracts.topology import OUTBOXES, OWNERS, STREAMS, stream_of
from gateway.archive import Archive
from gateway.services import JSON, Authenticated, Services
from messaging.dead_letters import STREAM as DEAD_LETTERS

router = APIRouter(prefix="/api/users/me", tags=["users"])

PSEUDONYM = (
    "Each service keeps a keyed hash of the tenant and user id with the time of the erasure, so that work that began"
    " before cannot bring anything back. Nobody without the installation's secret key can tell whose it is."
)

_RETRY_SECONDS = 5
_CHUNK_BYTES = 64 * 1024
_EVENT_STREAMS = {stream_of(service) for service in OUTBOXES}


class ZipResponse(StreamingResponse):
    """A ZIP archive."""

    media_type = "application/zip"


class ErasureReceipt(Message):
    """What was erased, and what remains until when."""

    receipt_id: UUID
    erased_at: UtcTime
    services: dict[str, dict[str, int]] = Field(description="Rows deleted, by service and table")
    pending: tuple[str, ...] = Field(
        description="Services that did not answer: they erase as soon as they are back, and nothing else is to be done"
    )
    event_log_until: UtcTime = Field(
        description="When the last event that names the user has left the event log; events hold ids, never content"
    )
    dead_letters_until: UtcTime = Field(
        description="When an event that a service could not handle has left the dead letters, if there was one"
    )
    pseudonym_kept: str = Field(description="The one thing that is kept, and why")


@router.get("/export", response_class=ZipResponse)
async def export_my_data(services: Authenticated) -> Response:
    """Everything that is kept of me, as a ZIP of JSON Lines. It is whole, or it is a 503: try again later then."""
    archive = Archive()
    try:
        made_at = datetime.now(UTC)
        for service in OWNERS:
            await _collect(services, service, archive)
        size = await asyncio.to_thread(
            archive.finish, services.identity, made_at=made_at, version=version("memori-gateway")
        )
    except BaseException:
        archive.close()
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="memori-export-{made_at:%Y-%m-%d}.zip"',
        "Content-Length": str(size),
    }
    return ZipResponse(_read(archive), headers=headers)


@router.delete("/data", response_model=ErasureReceipt)
async def erase_my_data(services: Authenticated) -> Response:
    """Erase everything that is kept of me, for good. Asked again, it erases what came since."""
    erased: dict[str, ErasedRows] = {}
    pending: list[str] = []
    for service in reversed(OWNERS):
        try:
            erased[service] = await services.ask(erase_of(service), Empty())
        except ProblemError as error:
            if not error.problem.is_transient:
                raise
            pending.append(service)
    # It tells the others, those that did not answer among them: without it nothing is certain.
    if memory_store.SERVICE in pending:
        raise _away(memory_store.SERVICE, "not everything is erased yet")
    erased_at = erased[memory_store.SERVICE].erased_at
    receipt = ErasureReceipt(
        receipt_id=uuid4(),
        erased_at=erased_at,
        services={service: reply.rows for service, reply in erased.items()},
        pending=tuple(pending),
        event_log_until=erased_at + _longest(_EVENT_STREAMS),
        dead_letters_until=erased_at + _longest({DEAD_LETTERS}),
        pseudonym_kept=PSEUDONYM,
    )
    return Response(receipt.model_dump_json(), media_type=JSON)


async def _collect(services: Services, service: str, archive: Archive) -> None:
    cursor: str | None = None
    while True:
        try:
            page = await services.ask(export_of(service), ExportData(cursor=cursor))
        except ProblemError as error:
            if not error.problem.is_transient:
                raise
            raise _away(service, "nothing was exported") from error
        await asyncio.to_thread(archive.add, service, page)
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


async def _read(archive: Archive) -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(archive.file.read, _CHUNK_BYTES):
            yield chunk
    finally:
        archive.close()


def _away(service: str, outcome: str) -> ProblemError:
    return ProblemError(problem("unavailable", f"{service} did not answer: {outcome}", retry_after=_RETRY_SECONDS))


def _longest(names: set[str]) -> timedelta:
    return timedelta(seconds=max(stream.max_age for stream in STREAMS if stream.name in names))
