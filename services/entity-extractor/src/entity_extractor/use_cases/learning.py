"""Learning from queries that ran: each counts once, however often and in whatever order its events arrive."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.events import Event, QueryExecuted, QueryRated, RelationshipCreated
from contracts.identity import Identity
from contracts.methods import ProblemError
from contracts.sql_generator import GET_QUERY, QueryRecord, QueryRef
from entity_extractor.domain.graph import MAX_CONTEXT_CHARS, QUERY, Edge, Relationship, SourceKey
from entity_extractor.domain.schema_graph import column_node, join_edge, relationship_of, table_node
from entity_extractor.domain.synonyms import Asked
from entity_extractor.domain.words import question_words
from entity_extractor.extraction import SqlFacts, UnreadableSql, extract
from entity_extractor.repository import entities, relationships, sources
from entity_extractor.use_cases.schemas import SchemaUseCases
from messaging import Outbox, RpcClient
from observability import logger
from persistence import Database, Transaction
from persistence.erasures import Erasures

_log = logger(__name__)
_RPC_SECONDS = 10.0


class LearningUseCases:
    """Counts what executed queries join, filter, aggregate and group by."""

    def __init__(
        self, database: Database, outbox: Outbox, rpc: RpcClient, schemas: SchemaUseCases, erasures: Erasures
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._rpc = rpc
        self._erasures = erasures
        self._schemas = schemas

    async def executed(self, event: Event[QueryExecuted]) -> None:
        """A query ran: what its SQL uses is counted, unless it was counted before.

        SQL that cannot be read teaches nothing.

        Raises:
            ProblemError: sql-generator cannot answer now.
        """
        await self.learn(Identity(event.tenantid, event.userid), event.data.query_id, event.time, since=event.time)

    async def learn(self, owner: Identity, query_id: UUID, executed_at: datetime, *, since: datetime) -> None:
        """Count what a query uses, unless it was counted, or its user was erased at `since` or later."""
        record = await self._record(query_id, owner)
        if record is None or record.sql is None:
            return
        key = SourceKey(owner, record.data_source_id)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, since):
                return
            source = await sources.lock(transaction, key)
            if source.is_deleted or (source.fingerprint is None and not await self._schemas.take_in(transaction, key)):
                return
            if not await sources.mark_learned(transaction, key, record.query_id):
                return
            facts = _facts(record, record.sql, await entities.columns_of(transaction, key))
            # The query may be faster than the event of the sync whose tables it names.
            stale = facts.unknown and source.fingerprint is not None
            if stale and await self._schemas.take_in(transaction, key, unless=source.fingerprint):
                facts = _facts(record, record.sql, await entities.columns_of(transaction, key))
            await sources.describe(transaction, key, record.query_id, _asked(key, record.question, facts))
            await self._count_mentions(transaction, key, facts)
            await self._count_uses(transaction, key, facts, executed_at)

    async def rated(self, event: Event[QueryRated]) -> None:
        """A person rated a query: words of a question that was answered wrongly mean nothing."""
        key = SourceKey(Identity(event.tenantid, event.userid), event.data.data_source_id)
        await self.rate(key, event.data.query_id, event.data.trust, event.time, since=event.time)

    async def rate(self, key: SourceKey, query_id: UUID, trust: str, rated_at: datetime, *, since: datetime) -> None:
        """Keep how far a query is trusted, unless its user was erased at `since` or later."""
        owner = key.owner
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, since):
                return
            if not (await sources.lock(transaction, key)).is_deleted:
                await sources.rate(transaction, key, query_id, trust, rated_at)

    async def _record(self, query_id: UUID, owner: Identity) -> QueryRecord | None:
        """The query, or None when it is gone by now."""
        request = QueryRef(query_id=query_id)
        try:
            return await self._rpc.call(GET_QUERY, request, owner, timeout_seconds=_RPC_SECONDS)
        except ProblemError as error:
            if error.problem.type == "not-found":
                return None
            raise

    async def _count_mentions(self, transaction: Transaction, key: SourceKey, facts: SqlFacts) -> None:
        nodes = {table_node(table) for table in facts.tables} | {column_node(column) for column in facts.columns}
        await entities.count(transaction, key.owner, {key.entity_id(node): 1 for node in nodes})

    async def _count_uses(self, transaction: Transaction, key: SourceKey, facts: SqlFacts, when: datetime) -> None:
        used = {key.relationship_id(edge): edge for edge in _used_edges(facts)}
        if not used:
            return
        known = {item.relationship_id: item for item in await relationships.find(transaction, key.owner, used)}
        counted = [_used(known.get(found) or _learned(key, edge), when) for found, edge in used.items()]
        await relationships.save(transaction, key, counted)
        created = [
            RelationshipCreated(relationship_id=item.relationship_id, relationship_type=item.relationship_type)
            for item in counted
            if item.relationship_id not in known
        ]
        await self._outbox.emit(transaction, *created, identity=key.owner)


def _facts(record: QueryRecord, sql: str, columns_of: Mapping[str, Sequence[str]]) -> SqlFacts:
    try:
        return extract(sql, record.dialect, columns_of)
    except UnreadableSql as error:
        # It ran, so nothing is wrong with it: the database reads more than we do.
        _log.warning("query_not_read", query_id=str(record.query_id), reason=str(error))
        return SqlFacts()


def _asked(key: SourceKey, question: str, facts: SqlFacts) -> Asked:
    """The question's words, and the tables and columns it was about: those that only join others are not."""
    joining = {column for join in facts.joins for pair in join.pairs for column in pair}
    nodes = [*map(table_node, facts.tables), *map(column_node, facts.columns - joining)]
    return Asked(question_words(question), frozenset(key.entity_id(node) for node in nodes))


def _used_edges(facts: SqlFacts) -> Iterable[Edge]:
    """The relationships a query uses: joins of tables, and what a table's columns are used for."""
    yield from (edge for join in facts.joins if len((edge := join_edge(join)).context) <= MAX_CONTEXT_CHARS)
    for column in facts.filters:
        yield Edge(table_node(column.table), column_node(column), "filters_by")
    for column in facts.groupings:
        yield Edge(table_node(column.table), column_node(column), "groups_by")
    for item in facts.aggregates:
        yield Edge(table_node(item.column.table), column_node(item.column), "aggregates", item.function)


def _learned(key: SourceKey, edge: Edge) -> Relationship:
    metadata: dict[str, Any] = {"origin": QUERY} if edge.relationship_type == "joins_with" else {}
    return relationship_of(key, edge, metadata)


def _used(relationship: Relationship, when: datetime) -> Relationship:
    last = max(when, relationship.last_used_at) if relationship.last_used_at else when
    return replace(relationship, usage_count=relationship.usage_count + 1, last_used_at=last)
