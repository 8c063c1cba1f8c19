"""The knowledge graph: entities, how they relate, and what was learned of what the user said."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from contracts import entity_extractor
from contracts.entity_extractor import Entities, Facts, ListEntities, ListFacts, ListRelationships, Relationships
from gateway.services import Authenticated

router = APIRouter(prefix="/api", tags=["knowledge"])


@router.get("/entities", response_model=Entities)
async def list_entities(services: Authenticated, page: Annotated[ListEntities, Query()]) -> Response:
    """Entities, the most mentioned first."""
    return await services.relay(entity_extractor.LIST_ENTITIES, page)


@router.get("/relationships", response_model=Relationships)
async def list_relationships(services: Authenticated, page: Annotated[ListRelationships, Query()]) -> Response:
    """Relationships between entities, the strongest first."""
    return await services.relay(entity_extractor.LIST_RELATIONSHIPS, page)


@router.get("/facts", response_model=Facts)
async def list_facts(services: Authenticated, page: Annotated[ListFacts, Query()]) -> Response:
    """What was learned of my turns and memories, the latest said first. Deleting a learned memory forgets its fact."""
    return await services.relay(entity_extractor.LIST_FACTS, page)
