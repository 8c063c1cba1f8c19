"""Files become data sources in the background; what was interrupted is begun again, what nobody needs is deleted."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import Counter, Histogram
from pydantic import SecretStr

from contracts.sql_generator import DatabaseSchema, RegisterDataSource
from observability import logger
from persistence import Database
from persistence.erasures import Erasures
from sql_generator.connections import Connections, uploaded
from sql_generator.domain.files import ABANDONED_AFTER, stem_of
from sql_generator.repository import data_sources, files
from sql_generator.repository.files import Claim
from sql_generator.sources import one_line
from sql_generator.uploads.conversion import Conversion
from sql_generator.uploads.converter import ConversionLimits, Refused
from sql_generator.uploads.store import FileStore
from sql_generator.use_cases.data_sources import DataSourceUseCases

_log = logger(__name__)

CONVERSIONS = Counter(
    "memori_file_conversions_total", "Uploaded files, by kind and what came of them", ("kind", "outcome")
)
CONVERSION_SECONDS = Histogram(
    "memori_file_conversion_seconds",
    "Time to convert an uploaded file",
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600),
)

_POLL_SECONDS = 2.0
_SWEEP_SECONDS = 60.0
_PROGRESS_SECONDS = 1.0


class _Gone(Exception):  # noqa: N818  # reads as what it says
    """The file was deleted or its user erased while it was converted, or another attempt has overtaken this one."""


class Conversions:
    """Converts everybody's files, several at a time; one process of the service does, the one that leads.

    Every step is safe to be done again: a conversion that another attempt has overtaken changes nothing.
    """

    def __init__(
        self,
        database: Database,
        worker: Database,
        connections: Connections,
        erasures: Erasures,
        uploads: FileStore,
        sources: DataSourceUseCases,
        limits: ConversionLimits,
    ) -> None:
        self._database = database
        self._worker = worker
        self._connections = connections
        self._erasures = erasures
        self._uploads = uploads
        self._sources = sources
        self._limits = limits
        self._under_way: set[str] = set()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """A file waits."""
        self._woken.set()

    async def run(self) -> None:
        """Convert one file after the other, until cancelled; run it several times to convert several at once."""
        while True:
            self._woken.clear()
            claim = await self._claim()
            if claim is not None:
                await self._convert(claim)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _POLL_SECONDS)

    async def sweep(self) -> None:
        """Put right what was left unfinished, again and again, until cancelled."""
        while True:
            try:
                await self.sweep_once()
            except OSError as error:
                _log.warning("sweep_of_files_failed", reason=str(error))
            await asyncio.sleep(_SWEEP_SECONDS)

    async def sweep_once(self) -> None:
        """Begin again what ended with its process, give up what never arrived, delete bytes that no file needs."""
        async with self._worker.worker_transaction() as transaction:
            await files.resume(transaction, under_way=self._under_way)
            await files.abandon(transaction, ABANDONED_AFTER)
        # Rows are there before their bytes: what is in the store now and in no row never will be.
        await self._remove_unless_needed(*await self._uploads.places())
        self._uploads.clear_workspaces(under_way=self._under_way)

    async def _claim(self) -> Claim | None:
        async with self._worker.worker_transaction() as transaction:
            claim = await files.claim(transaction)
            if claim is not None:
                # Before anybody sees the claim: a sweep would take it for one that a crash left behind.
                self._under_way.add(claim.location)
        return claim

    async def _convert(self, claim: Claim) -> None:
        started = time.perf_counter()
        try:
            outcome = await self._outcome(claim)
        finally:
            self._under_way.discard(claim.location)
        CONVERSIONS.labels(claim.file.kind, outcome).inc()
        CONVERSION_SECONDS.observe(time.perf_counter() - started)

    async def _outcome(self, claim: Claim) -> str:
        try:
            with self._uploads.workspace(claim.location) as folder:
                await self._make_source(claim, folder)
        except Refused as error:
            await self._fail(claim, str(error))
            return "failed"
        except _Gone:
            await self._remove_unless_needed(claim.location)
            return "gone"
        except OSError:
            _log.exception("conversion_interrupted", kind=claim.file.kind)
            async with self._worker.worker_transaction() as transaction:
                await files.excuse(transaction, claim)
            return "interrupted"
        except Exception:  # noqa: BLE001  # of this service, not the file: a sweep has it begun again
            _log.exception("conversion_interrupted", kind=claim.file.kind)
            return "interrupted"
        with suppress(OSError):
            await self._uploads.remove_parts(claim.location)
        return "ready"

    async def _make_source(self, claim: Claim, folder: Path) -> None:
        path = folder / "original"
        arrived = await self._uploads.assemble(claim.location, path)
        if arrived != (claim.file.size_bytes, claim.file.sha256):
            raise Refused("it did not arrive as it was sent")
        conversion = Conversion(claim.file.kind, claim.file.file_name, path, self._limits)
        said = time.monotonic()
        async for progress in conversion.progress():
            if time.monotonic() - said > _PROGRESS_SECONDS:
                said = time.monotonic()
                await self._note(claim, progress)
        schema = await conversion.schema()
        if not schema.tables:
            raise Refused("it holds no table")
        await self._uploads.put(claim.location, conversion.database)
        await self._register(claim, schema, conversion.database.name)

    async def _register(self, claim: Claim, schema: DatabaseSchema, name: str) -> None:
        """Make the data source and say so, all of it or nothing."""
        owner, file_id = claim.owner, claim.file.file_id
        new = RegisterDataSource(
            data_source_id=file_id,
            name=stem_of(claim.file.file_name),
            kind=schema.dialect,
            connection=SecretStr(uploaded(claim.location, name)),
        )
        sealed = self._connections.seal(new.connection.get_secret_value(), owner, file_id)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            held = await self._erasures.hold(transaction, owner, claim.file.created_at)
            if not held or await files.find(transaction, owner, file_id, lock=True) is None:
                raise _Gone
            now = datetime.now(UTC)
            added = await data_sources.add(
                transaction, owner, new, connection=sealed, status="registered", status_detail="", now=now
            )
            if added is None:
                raise Refused("a data source was registered under its id meanwhile")
            await self._sources.keep_schema(transaction, file_id, schema, owner, detail="")
            rows = sum(table.row_estimate or 0 for table in schema.tables)
            if not await files.set_ready(transaction, claim, row_count=rows, table_count=len(schema.tables)):
                raise _Gone

    async def _remove_unless_needed(self, *places: str) -> None:
        async with self._worker.worker_transaction() as transaction:
            needed = await files.needed(transaction, places)
        for place in set(places) - needed:
            await self._uploads.discard(place)

    async def _note(self, claim: Claim, progress: float) -> None:
        async with self._worker.worker_transaction() as transaction:
            if not await files.set_progress(transaction, claim, progress):
                raise _Gone

    async def _fail(self, claim: Claim, reason: str) -> None:
        async with self._worker.worker_transaction() as transaction:
            failed = await files.set_failed(transaction, claim, one_line(reason))
        if failed:
            await self._uploads.discard(claim.location)
