"""Uploaded files: they arrive in parts, are looked at, and go with everything that came of them."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from contracts.events import DataSourceDeleted
from contracts.identity import Identity
from contracts.methods import Empty
from contracts.sql_generator import (
    PART_BYTES,
    CompleteFile,
    FilePart,
    FilePreview,
    FileRef,
    ListFiles,
    NewFile,
    PreviewOf,
    PreviewTable,
    Table,
    UploadedFile,
    UploadedFiles,
)
from messaging import Outbox, paging
from persistence import Database, Transaction, cursor
from persistence.cursor import CursorError
from persistence.erasures import Erasures
from sql_generator.connections import Connections
from sql_generator.domain.files import ENDINGS, kind_of, shown_name
from sql_generator.errors import conflict, erased, invalid, not_found, too_large, unavailable
from sql_generator.repository import data_sources, files
from sql_generator.repository.files import StoredFile
from sql_generator.sources import Limits, Source, SourceError
from sql_generator.sources.identifiers import quoted
from sql_generator.uploads.store import FileStore
from sql_generator.use_cases.conversions import Conversions

_PREVIEWED_TABLES = 10
_PREVIEW_BYTES = 256 * 1024
_PREVIEW_SECONDS = 10.0


class FileUseCases:
    """The verbs of files."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        connections: Connections,
        erasures: Erasures,
        uploads: FileStore,
        conversions: Conversions,
        *,
        max_bytes: int,
        max_files: int,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._connections = connections
        self._erasures = erasures
        self._uploads = uploads
        self._conversions = conversions
        self._max_bytes = max_bytes
        self._max_files = max_files

    async def create(self, request: NewFile, owner: Identity) -> UploadedFile:
        """The file that is to arrive, or the one that has this id already."""
        began = datetime.now(UTC)
        name = shown_name(request.file_name)
        kind = kind_of(name)
        if kind is None:
            raise invalid("file", f"its name must end in one of {', '.join(ENDINGS)}")
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, began):
                raise erased()
            existing = await files.find(transaction, owner, request.file_id)
            if existing is not None:
                return existing.file
            if await files.count(transaction, owner) >= self._max_files:
                raise conflict(f"there are {self._max_files} files already; delete one first")
            if await data_sources.find(transaction, owner, request.file_id) is not None:
                raise invalid("file_id", "is that of a data source")
            added = await files.add(
                transaction, owner, file_id=request.file_id, name=name, kind=kind, location=uuid4().hex, now=began
            )
            # Another request with the same id may have been faster.
            return added or _known(await files.find(transaction, owner, request.file_id)).file

    async def write(self, request: FilePart, owner: Identity) -> Empty:
        """Keep one part of a file that is arriving."""
        if request.index * PART_BYTES + len(request.data) > self._max_bytes:
            raise too_large(f"a file may have {self._max_bytes} bytes at most")
        now = datetime.now(UTC)
        # Written while the row is held: whoever deletes the file or erases the user comes after these bytes.
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, now):
                raise erased()
            stored = await self._arriving(transaction, request.file_id, owner)
            try:
                await self._uploads.write_part(stored.location, request.index, request.data)
            except OSError:
                raise unavailable("the store of uploaded files is away", retry_after=5) from None
            await files.touch(transaction, owner, request.file_id, now)
        return Empty()

    async def complete(self, request: CompleteFile, owner: Identity) -> UploadedFile:
        """The file, of which every part was sent: it is converted next."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            await self._arriving(transaction, request.file_id, owner)
            received = await files.set_received(
                transaction,
                owner,
                request.file_id,
                size_bytes=request.size_bytes,
                sha256=request.sha256,
                now=datetime.now(UTC),
            )
            transaction.after_commit(self._conversions.wake)
        return received

    async def get(self, request: FileRef, owner: Identity) -> UploadedFile:
        """One file of this user."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            return _known(await files.find(transaction, owner, request.file_id)).file

    async def list(self, request: ListFiles, owner: Identity) -> UploadedFiles:
        """A page, the newest first."""
        try:
            after = cursor.decode(request.cursor, datetime, UUID) if request.cursor is not None else None
        except CursorError as error:
            raise invalid("cursor", str(error)) from error
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await files.page(transaction, owner, after=after, limit=request.limit + 1)
        page, last = paging.page(found, request.limit)
        return UploadedFiles(files=page, next_cursor=cursor.encode(last.created_at, last.file_id) if last else None)

    async def preview(self, request: PreviewOf, owner: Identity) -> FilePreview:
        """The first rows of each of the first tables, as many as fit."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            file = _known(await files.find(transaction, owner, request.file_id)).file
            stored = await data_sources.stored(transaction, owner, request.file_id)
        schema = await stored.schema() if stored is not None else None
        if file.status != "ready" or stored is None or schema is None:
            raise conflict(f"the file is {file.status}: there is nothing to show")
        shown = schema.tables[:_PREVIEWED_TABLES]
        try:
            async with self._connections.stored_source(stored, owner) as source:
                tables = [await _preview(source, table, request.rows, _PREVIEW_BYTES // len(shown)) for table in shown]
        except SourceError as error:
            raise unavailable(error.detail, retry_after=5) from None
        fitting = paging.fitting(tables)
        return FilePreview(file_id=request.file_id, tables=fitting, truncated=len(fitting) < len(schema.tables))

    async def delete(self, request: FileRef, owner: Identity) -> Empty:
        """Delete a file and its bytes, with its data source and everything that belongs to that."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            location = await files.remove(transaction, owner, request.file_id)
            if location is None:
                raise not_found("file_id", "file")
            if await data_sources.remove(transaction, owner, request.file_id):
                await self._outbox.emit(transaction, DataSourceDeleted(data_source_id=request.file_id), identity=owner)
        await self._uploads.discard(location)
        return Empty()

    async def _arriving(self, transaction: Transaction, file_id: UUID, owner: Identity) -> StoredFile:
        stored = _known(await files.find(transaction, owner, file_id, lock=True))
        if stored.file.status != "receiving":
            raise conflict(f"the file is {stored.file.status} already")
        return stored


async def _preview(source: Source, table: Table, rows: int, max_bytes: int) -> PreviewTable:
    names = ", ".join(quoted(column.name) for column in table.columns)
    result = await source.execute(
        f"SELECT {names} FROM {quoted(table.name)} LIMIT {rows}",  # noqa: S608  # quoted
        Limits(rows=rows, bytes=max_bytes, seconds=_PREVIEW_SECONDS),
    )
    return PreviewTable(name=table.name, columns=table.columns, row_count=table.row_estimate, rows=result.rows)


def _known(found: StoredFile | None) -> StoredFile:
    if found is None:
        raise not_found("file_id", "file")
    return found
