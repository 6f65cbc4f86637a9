"""Routes over entities: find them, see what speaks of them, split and join them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from domain.models.entities import EntityKind
from domain.models.ids import EntityId
from domain.models.search import EVERYTHING
from serve_app.context import Context, InContext
from serve_app.entity_schemas import (
    Decided,
    EntityDetails,
    EntityList,
    EntityModel,
    JoinRequest,
    SplitRequest,
)
from serve_app.problems import problems

router = APIRouter(prefix="/v1/entities", tags=["entities"])

MAX_TEXT_CHARS = 500


@router.get("", summary="Find people, accounts, deals, cases and calls", responses=problems(422))
async def find_entities(
    context: InContext,
    q: Annotated[
        str | None,
        Query(max_length=MAX_TEXT_CHARS, description="Words of a name, an address, an id, a key."),
    ] = None,
    kind: Annotated[list[EntityKind] | None, Query(description="Only these.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> EntityList:
    """Those with a key that equals `q` first, then by how many records speak of them."""
    metadata = context.services.metadata
    found = await metadata.entities.find(q, kinds=kind or (), limit=limit, scope=EVERYTHING)
    return EntityList(
        entities=[EntityModel.of(one) for one in found], waiting=await metadata.linking.waiting()
    )


@router.get("/{entity_id}", summary="Show an entity", responses=problems(404, 422))
async def get_entity(
    entity_id: UUID,
    context: InContext,
    offset: Annotated[int, Query(ge=0, description="Where the timeline begins.")] = 0,
    limit: Annotated[int, Query(ge=1, le=200, description="Of the timeline.")] = 50,
) -> EntityDetails:
    """All names and keys, what it may be besides, and its timeline across sources.

    An id stays good: it leads to the entity that has its key now.
    """
    entities, id = context.services.metadata.entities, EntityId(entity_id)
    entity = await entities.get(id, scope=EVERYTHING)
    timeline = await entities.timeline(id, offset=offset, limit=limit + 1, scope=EVERYTHING)
    next_offset = offset + limit if len(timeline) > limit else None
    return EntityDetails.shown(entity, timeline[:limit], next_offset)


@router.post(
    "/{entity_id}/split",
    status_code=202,
    summary="Part what was wrongly linked",
    responses=problems(404, 422),
)
async def split_entity(entity_id: UUID, request: SplitRequest, context: InContext) -> Decided:
    """Lets the named parts be another entity than the rest, for good.

    Imports, deletions and rules do not change that; only a later join does.
    """
    await context.services.metadata.entities.split(EntityId(entity_id), request.parts)
    return await _decided(entity_id, context)


@router.post(
    "/{entity_id}/join",
    status_code=202,
    summary="Link what was not",
    responses=problems(404, 409, 422),
)
async def join_entities(entity_id: UUID, request: JoinRequest, context: InContext) -> Decided:
    """Lets both be one entity, for good; takes back what parted them."""
    await context.services.metadata.entities.join(EntityId(entity_id), EntityId(request.other))
    return await _decided(entity_id, context)


async def _decided(entity_id: UUID, context: Context) -> Decided:
    return Decided(id=entity_id, waiting=await context.services.metadata.linking.waiting())
