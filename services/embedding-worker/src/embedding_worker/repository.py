"""The cache of vectors in Postgres."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from embedding_worker.tables import embeddings
from persistence import Database
from persistence.erasures import Erasures

Key = tuple[str, str, bytes]


class EmbeddingCache:
    """Vectors by tenant, user, model and keyed hash of the text, until they expire."""

    def __init__(self, database: Database, erasures: Erasures, *, ttl_seconds: int) -> None:
        self._database = database
        self._erasures = erasures
        self._ttl = ttl_seconds

    async def find(self, model: str, keys: Iterable[Key]) -> dict[Key, bytes]:
        """The cached vectors among `keys`, of any users."""
        wanted = list(dict.fromkeys(keys))
        if not self._ttl or not wanted:
            return {}
        table = embeddings
        statement = select(table.c.tenant_id, table.c.user_id, table.c.content_hash, table.c.embedding).where(
            table.c.model == model,
            table.c.expires_at > func.now(),
            tuple_(table.c.tenant_id, table.c.user_id, table.c.content_hash).in_(
                bindparam("keys", expanding=True, value=wanted)
            ),
        )
        async with self._database.worker_transaction() as transaction:
            rows = await transaction.execute(statement)
            return {(row.tenant_id, row.user_id, row.content_hash): row.embedding for row in rows}

    async def keep(self, model: str, vectors: Mapping[Key, bytes], *, since: datetime) -> None:
        """Cache vectors, but none of a user who was erased `since` the work began; what is there is left as it is."""
        if not self._ttl or not vectors:
            return
        owners = {Identity(tenant, user) for tenant, user, _ in vectors}
        expires = text("now() + make_interval(secs => :ttl)").bindparams(ttl=float(self._ttl))
        statement = insert(embeddings).values(expires_at=expires).on_conflict_do_nothing()
        async with self._database.worker_transaction() as transaction:
            erased = await self._erasures.hold_each(transaction, owners, since)
            rows = [
                {"tenant_id": tenant, "user_id": user, "model": model, "content_hash": digest, "embedding": vector}
                for (tenant, user, digest), vector in vectors.items()
                if Identity(tenant, user) not in erased
            ]
            if rows:
                await transaction.execute(statement, rows)

    async def drop_expired(self) -> int:
        """Delete what has expired; returns how many."""
        async with self._database.worker_transaction() as transaction:
            result = await transaction.execute(delete(embeddings).where(embeddings.c.expires_at <= func.now()))
            return result.rowcount
