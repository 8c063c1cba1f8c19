"""Taking in the schema of a data source when it was read, and forgetting it when the source is gone."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from contracts.events import (
    DataSourceDeleted,
    DataSourceSynced,
    EntityCreated,
    EntityUpdated,
    Event,
    RelationshipCreated,
)
from contracts.identity import Identity
from contracts.methods import ProblemError
from contracts.sql_generator import GET_DATA_SOURCE, GET_SCHEMA, DataSourceRef, GetSchema, Table
from entity_extractor.domain.graph import FOREIGN_KEY, QUERY, Entity, Relationship, SourceKey
from entity_extractor.domain.schema_graph import declared_graph
from entity_extractor.repository import entities, relationships, sources, turns
from entity_extractor.use_cases.mentions import MentionUseCases
from messaging import Outbox, RetryLater, RpcClient
from persistence import Database, Transaction
from persistence.erasures import Erasures

_RPC_SECONDS = 10.0


class SchemaUseCases:
    """Keeps the part of the graph that schemas declare."""

    def __init__(
        self, database: Database, outbox: Outbox, rpc: RpcClient, mentioned: MentionUseCases, erasures: Erasures
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._rpc = rpc
        self._mentioned = mentioned
        self._erasures = erasures

    async def synced(self, event: Event[DataSourceSynced]) -> None:
        """A schema was read: the graph holds it as it is now."""
        await self.look_at(SourceKey(Identity(event.tenantid, event.userid), event.data.data_source_id), event.time)

    async def look_at(self, key: SourceKey, since: datetime) -> None:
        """Have the graph hold the schema as it is now, unless its user was erased at `since` or later."""
        owner = key.owner
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, since):
                return
            source = await sources.lock(transaction, key)
            if not source.is_deleted:
                await self.take_in(transaction, key)

    async def deleted(self, event: Event[DataSourceDeleted]) -> None:
        """A data source is gone: so are its entities and relationships, and they stay gone."""
        key = SourceKey(Identity(event.tenantid, event.userid), event.data.data_source_id)
        async with self._database.transaction(tenant_id=event.tenantid, user_id=event.userid) as transaction:
            if not await self._erasures.hold(transaction, key.owner, event.time):
                return
            await sources.lock(transaction, key)
            await turns.lock(transaction, key.owner)
            await entities.remove_source(transaction, key)
            await sources.bury(transaction, key)

    async def take_in(self, transaction: Transaction, key: SourceKey, *, unless: str | None = None) -> bool:
        """Make the graph hold the current schema; False when that has the fingerprint `unless`, or is not there.

        It is fetched while the source is locked: two events cannot bring an older schema over a newer one.

        Raises:
            RetryLater: the schema changed between two pages.
            ProblemError: sql-generator cannot answer now.
        """
        try:
            schema = await self._fetch(key, unless)
            if schema is None:
                return False
            source = await self._rpc.call(
                GET_DATA_SOURCE,
                DataSourceRef(data_source_id=key.data_source_id),
                key.owner,
                timeout_seconds=_RPC_SECONDS,
            )
        except ProblemError as error:
            # Deleted meanwhile, which its own event says, or never read.
            if error.problem.type in {"not-found", "conflict"}:
                return False
            raise
        fingerprint, dialect, tables = schema
        graph = declared_graph(key, source, dialect, tables)
        # After what was fetched: readers of turns are not to wait for that.
        await turns.lock(transaction, key.owner)
        created = await self._save_entities(transaction, key, graph.entities)
        related = await self._save_relationships(transaction, key, graph.relationships)
        await sources.set_fingerprint(transaction, key, fingerprint)
        await self._outbox.emit(transaction, *created, *related, identity=key.owner)
        if created:
            await self._mentioned.match_again(transaction, key.owner)
        return True

    async def _fetch(self, key: SourceKey, unless: str | None) -> tuple[str, str, Sequence[Table]] | None:
        tables: list[Table] = []
        fingerprint: str | None = None
        offset: int | None = 0
        while offset is not None:
            page = await self._rpc.call(
                GET_SCHEMA,
                GetSchema(data_source_id=key.data_source_id, offset=offset),
                key.owner,
                timeout_seconds=_RPC_SECONDS,
            )
            if page.fingerprint == unless:
                return None
            if page.fingerprint != (fingerprint or page.fingerprint) or (page.next_offset or offset + 1) <= offset:
                raise RetryLater("the schema changed while it was read")
            fingerprint = page.fingerprint
            tables += page.tables
            offset = page.next_offset
        return str(fingerprint), page.dialect, tables

    async def _save_entities(
        self, transaction: Transaction, key: SourceKey, declared: Iterable[Entity]
    ) -> list[EntityCreated | EntityUpdated]:
        known = {entity.entity_id: entity for entity in await entities.of_source(transaction, key)}
        current = {
            entity.entity_id: replace(entity, mention_count=known[entity.entity_id].mention_count)
            if entity.entity_id in known
            else entity
            for entity in declared
        }
        changed = [entity for entity in current.values() if known.get(entity.entity_id) != entity]
        now = datetime.now(UTC)
        gone = [
            replace(entity, retired_at=now)
            for entity in known.values()
            if entity.entity_id not in current and entity.retired_at is None and entity.is_declared
        ]
        await entities.save(transaction, key, [*changed, *gone])
        leaving = {entity.entity_id for entity in gone}
        retired = {entity.entity_id for entity in known.values() if entity.retired_at}
        await relationships.retire(transaction, key, leaving)
        await relationships.restore(transaction, key, retired & current.keys(), (retired - current.keys()) | leaving)
        return [
            (EntityUpdated if entity.entity_id in known else EntityCreated)(
                entity_id=entity.entity_id, entity_type=entity.node.entity_type
            )
            for entity in (*changed, *gone)
        ]

    async def _save_relationships(
        self, transaction: Transaction, key: SourceKey, declared: Iterable[Relationship]
    ) -> list[RelationshipCreated]:
        known = {item.relationship_id: item for item in await relationships.declared(transaction, key)}
        current = {item.relationship_id: _with_uses(item, known.get(item.relationship_id)) for item in declared}
        changed = [item for item in current.values() if known.get(item.relationship_id) != item]
        dropped = [
            item
            for item in known.values()
            if item.metadata.get("origin") == FOREIGN_KEY and item.relationship_id not in current
        ]
        # A join that queries use outlives the key that declared it; with what it was used for, it was learned.
        learned = [replace(item, metadata={"origin": QUERY}) for item in dropped if item.usage_count]
        await relationships.save(transaction, key, [*changed, *learned])
        unused = [item.relationship_id for item in dropped if not item.usage_count]
        await relationships.remove(transaction, key.owner, unused)
        return [
            RelationshipCreated(relationship_id=item.relationship_id, relationship_type=item.relationship_type)
            for item in changed
            if item.relationship_id not in known
        ]


def _with_uses(declared: Relationship, known: Relationship | None) -> Relationship:
    kept: dict[str, Any] = {"usage_count": known.usage_count, "last_used_at": known.last_used_at} if known else {}
    return replace(declared, **kept)
