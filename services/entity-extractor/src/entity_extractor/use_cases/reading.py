"""Reading the graph: its entities and relationships."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from contracts.entity_extractor import (
    Entities,
    EntityDetail,
    EntityRef,
    GetGraph,
    Graph,
    ListEntities,
    ListRelationships,
    Relationships,
)
from contracts.identity import Identity
from entity_extractor.domain.graph import Aging
from entity_extractor.errors import not_found
from entity_extractor.repository import entities, relationships
from entity_extractor.use_cases.cursors import position
from messaging import paging
from persistence import Database, cursor

MAX_RELATED = 50
MAX_PAGE = 200
MAX_GRAPH_EDGES = 1_000


class ReadingUseCases:
    """Answers from the graph of one user."""

    def __init__(self, database: Database, *, half_life: timedelta) -> None:
        self._database = database
        self._half_life = half_life

    def _aging(self, at: datetime | None = None) -> Aging:
        return Aging(at or datetime.now(UTC), self._half_life)

    async def list_entities(self, request: ListEntities, owner: Identity) -> Entities:
        """A page of entities in service, the most mentioned first.

        Raises:
            ProblemError: `invalid`, the cursor is not ours.
        """
        after = position(request.cursor, int, UUID)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await entities.page(transaction, owner, request, after)
        page, last = paging.page(found, request.limit)
        return Entities(
            entities=page,
            next_cursor=cursor.encode(last.mention_count, last.entity_id) if last else None,
        )

    async def get_entity(self, request: EntityRef, owner: Identity) -> EntityDetail:
        """An entity in service, with its strongest relationships.

        Raises:
            ProblemError: `not-found`.
        """
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            (entity,) = await entities.shown(transaction, owner, [request.entity_id]) or (None,)
            if entity is None:
                raise not_found("entity_id")
            around = ListRelationships(entity_id=request.entity_id, limit=MAX_RELATED)
            found = await relationships.page(transaction, owner, around, self._aging(), None)
        return EntityDetail(entity=entity, relationships=paging.fitting(found[:MAX_RELATED]))

    async def graph(self, request: GetGraph, owner: Identity) -> Graph:
        """The entities that the filters choose and those around them, as far as depth, number and one message allow."""
        start = ListEntities(
            data_source_id=request.data_source_id,
            entity_type=request.entity_type,
            name=request.name,
            limit=min(request.limit, MAX_PAGE),
        )
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            chosen = await entities.page(transaction, owner, start, None)
            truncated = len(chosen) > start.limit
            reached = dict.fromkeys(entity.entity_id for entity in chosen[: start.limit])
            edge = list(reached)
            for _ in range(request.depth):
                near = await relationships.neighbours(transaction, owner, edge)
                edge = [each for each in near if each not in reached]
                truncated = truncated or len(reached) + len(edge) > request.limit
                edge = edge[: request.limit - len(reached)]
                reached |= dict.fromkeys(edge)
            nodes = await entities.shown(transaction, owner, list(reached))
            edges = await relationships.among(
                transaction, owner, list(reached), self._aging(), limit=MAX_GRAPH_EDGES + 1
            )
        shown = paging.fitting(nodes)
        reserved = sum(len(node.model_dump_json().encode()) + 1 for node in shown)
        ids = {node.entity_id for node in shown}
        within = [each for each in edges[:MAX_GRAPH_EDGES] if {each.source_entity_id, each.target_entity_id} <= ids]
        related = paging.fitting(within, reserved=reserved)
        complete = len(shown) == len(reached) and len(related) == len(edges)
        return Graph(entities=shown, relationships=related, truncated=truncated or not complete)

    async def list_relationships(self, request: ListRelationships, owner: Identity) -> Relationships:
        """A page of relationships in service, the strongest and then the most used first.

        Raises:
            ProblemError: `invalid`, the cursor is not ours.
        """
        # Every page shows the strengths at the time of the first, so that they keep their order.
        at, *after = position(request.cursor, datetime, float, int, UUID) or (None,)
        aging = self._aging(at)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await relationships.page(transaction, owner, request, aging, tuple(after) or None)
        page, last = paging.page(found, request.limit)
        return Relationships(
            relationships=page,
            next_cursor=cursor.encode(aging.at, last.strength, last.usage_count, last.relationship_id)
            if last
            else None,
        )
