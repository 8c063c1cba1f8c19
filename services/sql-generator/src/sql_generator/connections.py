"""The registered connections: sealed where they are kept, opened only where a source is connected to."""

from collections.abc import AsyncIterator, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from uuid import UUID

from contracts.identity import Identity
from contracts.sql_generator import SourceKind
from persistence.sealing import SecretBox, SecretUnreadable
from sql_generator.repository.data_sources import StoredSource
from sql_generator.sources import ConnectionRejected, Source, SourceError, SourceUnreachable
from sql_generator.sources.cached import ResultCache
from sql_generator.sources.connect import ConnectPolicy, open_source
from sql_generator.sources.file_source import FileSource
from sql_generator.uploads.store import FileStore

_UPLOADED: Final = "upload:"


def uploaded(place: str, name: str) -> str:
    """The connection of a database that an uploaded file became. Nobody can register one."""
    return f"{_UPLOADED}{place}/{name}"


class Connections:
    """Seals and opens connections under the keys and the policy of the installation; with a cache, a registered source
    is not asked for the same result again while it holds.
    """

    def __init__(
        self, box: SecretBox, policy: ConnectPolicy, uploads: FileStore, cache: ResultCache | None = None
    ) -> None:
        self._box = box
        self._policy = policy
        self._uploads = uploads
        self._cache = cache

    def seal(self, connection: str, owner: Identity, data_source_id: UUID) -> bytes:
        """The connection as it is stored; it opens only in the row of this user and data source."""
        return self._box.seal(connection, bound_to=_binding(owner, data_source_id))

    @asynccontextmanager
    async def source(self, kind: SourceKind, connection: str) -> AsyncIterator[Source]:
        """The source behind a connection that somebody gave in plain text; raises as `open_source` does."""
        if connection.startswith(_UPLOADED):
            raise ConnectionRejected("connection: not a valid path")
        source = open_source(kind, connection, policy=self._policy)
        try:
            yield source
        finally:
            await source.close()

    @asynccontextmanager
    async def stored_source(self, stored: StoredSource, owner: Identity) -> AsyncIterator[Source]:
        """The source of a registered connection; raises `SourceUnreachable` where it cannot be opened any more."""
        try:
            connection = self._box.open(stored.connection, bound_to=_binding(owner, stored.source.data_source_id))
        except SecretUnreadable:
            raise SourceUnreachable(
                "the stored connection cannot be decrypted: SECRET_KEY is not the one it was stored with"
            ) from None
        async with self._opened(stored.source.kind, connection) as source:
            yield source if self._cache is None else self._cache.over(source, _shared_by(stored, owner))

    async def reachable_source(self, stack: AsyncExitStack, stored: StoredSource, owner: Identity) -> Source | None:
        """The source of a registered connection, open until `stack` is left; None where it cannot be opened now."""
        try:
            return await stack.enter_async_context(self.stored_source(stored, owner))
        except SourceError:
            return None

    @asynccontextmanager
    async def _opened(self, kind: SourceKind, connection: str) -> AsyncIterator[Source]:
        if not connection.startswith(_UPLOADED):
            async with self.source(kind, connection) as source:
                yield source
            return
        place, _, name = connection.removeprefix(_UPLOADED).partition("/")
        path = await self._uploads.open_path(place, name)
        yield FileSource("sqlite" if kind == "sqlite" else "duckdb", path)

    def forget(self) -> None:
        """Keep no result of anybody in memory."""
        if self._cache is not None:
            self._cache.clear()


def _shared_by(stored: StoredSource, owner: Identity) -> Hashable:
    # The sealed connection is another one each time it is set.
    source = stored.source
    return owner.tenant_id, owner.user_id, source.data_source_id, source.fingerprint, stored.connection


def _binding(owner: Identity, data_source_id: UUID) -> str:
    # NUL occurs in no tenant or user id, so no two rows share a binding.
    return "\x00".join((owner.tenant_id, owner.user_id, str(data_source_id)))
