"""Registering, reading, changing, testing, syncing and deleting data sources."""

import asyncio
import time
from datetime import UTC, datetime
from uuid import UUID

from contracts.events import DataSourceDeleted, DataSourceSynced
from contracts.identity import Identity
from contracts.methods import Empty
from contracts.sql_generator import (
    DatabaseSchema,
    DataSource,
    DataSourceRef,
    DataSources,
    DataSourceTest,
    GetSchema,
    ListDataSources,
    RegisterDataSource,
    SchemaPage,
    SourceKind,
    UpdateDataSource,
)
from messaging import Outbox, paging
from persistence import Database, Transaction, cursor
from persistence.cursor import CursorError
from persistence.erasures import Erasures
from sql_generator.connections import Connections
from sql_generator.domain.paging import tables_from
from sql_generator.domain.source_terms import terms_of
from sql_generator.domain.used_names import names_of
from sql_generator.errors import conflict, erased, invalid, not_found, unavailable
from sql_generator.repository import data_sources, files, grades, source_terms
from sql_generator.repository.data_sources import StoredSource
from sql_generator.sources import ConnectionRejected, SourceError, SourceUnreachable
from sql_generator.sources.fingerprint import fingerprint
from sql_generator.uploads.store import FileStore

# Introspection and the look at the login together, so that a sync ends before the gateway stops waiting for it.
_READ_SECONDS = 45.0
_RETRY_SECONDS = 5


class DataSourceUseCases:
    """The verbs of data sources."""

    def __init__(
        self, database: Database, outbox: Outbox, connections: Connections, erasures: Erasures, uploads: FileStore
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._connections = connections
        self._erasures = erasures
        self._uploads = uploads

    async def register(self, request: RegisterDataSource, owner: Identity) -> DataSource:
        """The data source that was registered, or the one that has this id already.

        It is tried at once: one that cannot be reached is kept with the reason, one that may not be is refused.
        """
        began = datetime.now(UTC)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            existing = await data_sources.find(transaction, owner, request.data_source_id)
            is_a_files = await files.find(transaction, owner, request.data_source_id) is not None
        if existing is not None:
            return existing
        if is_a_files:
            raise conflict("this id is that of an uploaded file, which becomes a data source by itself")
        connection = request.connection.get_secret_value()
        unreachable = await self._try(request.kind, connection)
        sealed = self._connections.seal(connection, owner, request.data_source_id)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, began):
                raise erased()
            added = await data_sources.add(
                transaction,
                owner,
                request,
                connection=sealed,
                status="unreachable" if unreachable else "registered",
                status_detail=unreachable,
                now=datetime.now(UTC),
            )
            # Another request with the same id may have been faster.
            registered = added or await data_sources.find(transaction, owner, request.data_source_id)
        return _known(registered)

    async def get(self, request: DataSourceRef, owner: Identity) -> DataSource:
        """One data source of this user."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            return _known(await data_sources.find(transaction, owner, request.data_source_id))

    async def list(self, request: ListDataSources, owner: Identity) -> DataSources:
        """A page, by name."""
        try:
            after = cursor.decode(request.cursor, str, UUID) if request.cursor is not None else None
        except CursorError as error:
            raise invalid("cursor", str(error)) from error
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await data_sources.page(transaction, owner, after=after, limit=request.limit + 1)
        page, last = paging.page(found, request.limit)
        return DataSources(
            data_sources=page,
            next_cursor=cursor.encode(last.name[: data_sources.ORDERED_CHARS], last.data_source_id) if last else None,
        )

    async def update(self, request: UpdateDataSource, owner: Identity) -> DataSource:
        """The data source with another name, another connection, or both.

        Another connection is tried as at the registration; what was read before stays until it has been read anew.
        """
        stored = await self.stored(request.data_source_id, owner)
        connection = request.connection.get_secret_value() if request.connection is not None else None
        if connection is not None and await self._is_upload(request.data_source_id, owner):
            raise conflict("the data source is an uploaded file; upload another one")
        unreachable = await self._try(stored.source.kind, connection) if connection is not None else ""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            updated = await data_sources.change(
                transaction,
                owner,
                request.data_source_id,
                name=request.name,
                connection=self._connections.seal(connection, owner, request.data_source_id) if connection else None,
                unreachable=unreachable,
                now=datetime.now(UTC),
            )
        if connection is None or unreachable:
            return _known(updated)
        return await self.sync(request, owner)

    async def test(self, request: DataSourceRef, owner: Identity) -> DataSourceTest:
        """Connect once, and say what came of it."""
        stored = await self.stored(request.data_source_id, owner)
        began = time.perf_counter()
        try:
            async with self._connections.stored_source(stored, owner) as source:
                server = await source.test()
                latency_ms = (time.perf_counter() - began) * 1_000
                advice = await source.role_warnings()
        except SourceError as error:
            return DataSourceTest(
                data_source_id=request.data_source_id,
                reachable=False,
                reason=error.detail,
                server=None,
                latency_ms=None,
                advice=(),
            )
        return DataSourceTest(
            data_source_id=request.data_source_id,
            reachable=True,
            reason=None,
            server=server,
            latency_ms=latency_ms,
            advice=advice,
        )

    async def sync(self, request: DataSourceRef, owner: Identity) -> DataSource:
        """Read the schema anew; a source that cannot be reached keeps the one it has, and says why."""
        stored = await self.stored(request.data_source_id, owner)
        try:
            synced, _ = await self.read_schema(stored, owner)
        except SourceError as error:
            async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
                return _known(
                    await data_sources.set_unreachable(
                        transaction,
                        owner,
                        request.data_source_id,
                        status_detail=error.detail,
                        now=datetime.now(UTC),
                    )
                )
        return synced

    async def delete(self, request: DataSourceRef, owner: Identity) -> Empty:
        """Forget a data source, its rules and its patterns, and the uploaded file that it was."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            location = await files.remove(transaction, owner, request.data_source_id)
            if not await data_sources.remove(transaction, owner, request.data_source_id):
                raise not_found("data_source_id", "data source")
            deleted = DataSourceDeleted(data_source_id=request.data_source_id)
            await self._outbox.emit(transaction, deleted, identity=owner)
        if location is not None:
            await self._uploads.discard(location)
        return Empty()

    async def get_schema(self, request: GetSchema, owner: Identity) -> SchemaPage:
        """One page of the schema as it was at the last sync."""
        stored = await self.stored(request.data_source_id, owner)
        schema = await stored.schema()
        if schema is None or stored.source.fingerprint is None:
            raise conflict("the data source has not been synced yet")
        tables, next_offset = tables_from(schema.tables, request.offset)
        return SchemaPage(
            data_source_id=request.data_source_id,
            dialect=schema.dialect,
            fingerprint=stored.source.fingerprint,
            tables=tables,
            next_offset=next_offset,
        )

    async def stored(self, data_source_id: UUID, owner: Identity) -> StoredSource:
        """A data source of this user with its sealed connection and its schema."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await data_sources.stored(transaction, owner, data_source_id)
        if found is None:
            raise not_found("data_source_id", "data source")
        return found

    async def only(self, owner: Identity) -> StoredSource:
        """The one data source this user has; a problem that names `data_source_id` when there is not exactly one."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            ids = await data_sources.first_ids(transaction, owner, limit=2)
        if not ids:
            raise invalid("data_source_id", "there is no data source yet; register one first")
        if len(ids) > 1:
            raise invalid("data_source_id", "there are several data sources; name the one to ask")
        return await self.stored(ids[0], owner)

    async def schema_of(self, stored: StoredSource, owner: Identity) -> DatabaseSchema:
        """The schema of the last sync; of a data source that never was synced it is read now."""
        if (schema := await stored.schema()) is not None:
            return schema
        try:
            _, schema = await self.read_schema(stored, owner)
        except SourceError as error:
            raise unavailable(f"the data source cannot be read: {error.detail}", _RETRY_SECONDS) from error
        return schema

    async def read_schema(self, stored: StoredSource, owner: Identity) -> tuple[DataSource, DatabaseSchema]:
        """Read and keep the schema of a data source; its readers are told when it is another than before.

        Raises:
            SourceError: the source cannot be read.
        """
        try:
            async with asyncio.timeout(_READ_SECONDS), self._connections.stored_source(stored, owner) as source:
                schema = await source.introspect()
                warnings = await source.role_warnings()
        except TimeoutError:
            raise SourceUnreachable(f"the schema could not be read in {_READ_SECONDS:g} s") from None
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            data_source_id = stored.source.data_source_id
            synced = await self.keep_schema(transaction, data_source_id, schema, owner, detail=" ".join(warnings))
        return synced, schema

    async def _is_upload(self, data_source_id: UUID, owner: Identity) -> bool:
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            return await files.find(transaction, owner, data_source_id) is not None

    async def keep_schema(
        self, transaction: Transaction, data_source_id: UUID, schema: DatabaseSchema, owner: Identity, *, detail: str
    ) -> DataSource:
        """The data source, ready with a schema; its readers are told when it is another than before."""
        terms = await asyncio.to_thread(terms_of, schema)
        kept = await data_sources.set_synced(
            transaction,
            owner,
            data_source_id,
            schema=schema,
            fingerprint=(found := fingerprint(schema)),
            status_detail=detail,
            now=datetime.now(UTC),
        )
        if kept is None:
            raise not_found("data_source_id", "data source")
        await source_terms.put(transaction, owner, data_source_id, terms)
        synced, changed = kept
        if not changed:
            return synced
        stale = await grades.follow_schema(transaction, owner, data_source_id, names_of(schema))
        await data_sources.set_stale_patterns(transaction, owner, data_source_id, stale)
        event = DataSourceSynced(data_source_id=synced.data_source_id, fingerprint=found, stale_patterns=stale)
        await self._outbox.emit(transaction, event, identity=owner)
        return synced.model_copy(update={"stale_patterns": stale})

    async def _try(self, kind: SourceKind, connection: str) -> str:
        """Why the source cannot be reached; empty when it can."""
        try:
            async with self._connections.source(kind, connection) as source:
                await source.test()
        except ConnectionRejected as error:
            raise invalid("connection", error.detail.removeprefix("connection: ")) from None
        except SourceUnreachable as error:
            return error.detail
        return ""


def _known(found: DataSource | None) -> DataSource:
    if found is None:
        raise not_found("data_source_id", "data source")
    return found
