"""The knowledge graph: entities, how they relate, and what was learned of what the user said."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from contracts import entity_extractor
from contracts.entity_extractor import (
    Entities,
    Entity,
    EntityDetail,
    EntityRef,
    Facts,
    GetGraph,
    Graph,
    ListEntities,
    ListFacts,
    ListRelationships,
    MergeEntities,
    Relationships,
)
from gateway.bodies import STRICT, json_body
from gateway.graphml import GRAPHML, graphml
from gateway.problems import MAY_CONFLICT
from gateway.services import Authenticated

router = APIRouter(prefix="/api", tags=["knowledge"])


class MergeInto(BaseModel):
    """The entity that another one is merged into."""

    model_config = STRICT | ConfigDict(
        json_schema_extra={"examples": [{"into": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}]}
    )

    into: UUID


class GraphQuery(GetGraph):
    """Which part of the graph, and as what."""

    format: Literal["json", "graphml"] = Field(default="json", description="`graphml`: for Gephi, yEd, NetworkX, …")


@router.get("/entities", response_model=Entities)
async def list_entities(services: Authenticated, page: Annotated[ListEntities, Query()]) -> Response:
    """Entities, the most mentioned first."""
    return await services.relay(entity_extractor.LIST_ENTITIES, page)


@router.get("/entities/{entity_id}", response_model=EntityDetail)
async def get_entity(services: Authenticated, entity_id: UUID) -> Response:
    """One entity and its strongest relationships."""
    return await services.relay(entity_extractor.GET_ENTITY, EntityRef(entity_id=entity_id))


@router.post("/entities/{entity_id}/merge", response_model=Entity, responses=MAY_CONFLICT)
async def merge_entity(
    services: Authenticated, entity_id: UUID, body: Annotated[MergeInto, json_body(MergeInto)]
) -> Response:
    """Have an entity stand for another one from now on; answers that one. Tables and columns cannot be merged away."""
    request = MergeEntities(entity_id=entity_id, into=body.into)
    return await services.relay(entity_extractor.MERGE_ENTITIES, request)


@router.delete("/entities/{entity_id}", status_code=204, responses=MAY_CONFLICT)
async def delete_entity(services: Authenticated, entity_id: UUID) -> Response:
    """Delete an entity that no schema declares; it returns when its term is given another meaning."""
    return await services.relay(entity_extractor.DELETE_ENTITY, EntityRef(entity_id=entity_id), status=204)


@router.get("/relationships", response_model=Relationships)
async def list_relationships(services: Authenticated, page: Annotated[ListRelationships, Query()]) -> Response:
    """Relationships between entities, the strongest first."""
    return await services.relay(entity_extractor.LIST_RELATIONSHIPS, page)


@router.get("/graph", response_model=Graph, responses={200: {"content": {GRAPHML: {}}}})
async def get_graph(services: Authenticated, query: Annotated[GraphQuery, Query()]) -> Response:
    """A part of the graph: the entities that the filters choose, those around them, and how they relate."""
    if query.format == "json":
        return await services.relay(entity_extractor.GRAPH, query)
    found = await services.ask(entity_extractor.GRAPH, query)
    headers = {"Content-Disposition": 'attachment; filename="graph.graphml"'}
    return Response(graphml(found), media_type=GRAPHML, headers=headers)


@router.get("/facts", response_model=Facts)
async def list_facts(services: Authenticated, page: Annotated[ListFacts, Query()]) -> Response:
    """What was learned of my turns and memories, the latest said first. Deleting a learned memory forgets its fact."""
    return await services.relay(entity_extractor.LIST_FACTS, page)
