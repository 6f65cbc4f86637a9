"""Routes over events: the log, what is dead in it, its replay, and a live stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from domain.models.events import LoggedEvent
from domain.models.ids import FileId
from serve_app.context import InContext
from serve_app.problems import problems
from serve_app.schemas import EventList, EventModel

router = APIRouter(prefix="/v1/events", tags=["events"])

RECONNECT_MS = 2_000

Limit = Annotated[int, Query(ge=1, le=1_000)]
After = Annotated[int | None, Query(ge=0, description="Only events after this id.")]
OfFile = Annotated[UUID | None, Query(description="Only events of this file.")]

_STREAM: dict[str, Any] = {
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
    "description": "`id`, `event` (the name) and `data` (as in the list) of each event.",
}


@router.get("", summary="List events, oldest first", responses=problems(422))
async def list_events(
    context: InContext,
    after: After = None,
    limit: Limit = 100,
    file: OfFile = None,
    dead: Annotated[bool, Query(description="The latest of those that were given up.")] = False,
) -> EventList:
    """The first after `after`, or the latest; pass `next_after` as `after` for what follows."""
    journal = context.services.metadata.journal
    file_id = FileId(file) if file else None
    if dead:
        events = await journal.dead(limit=limit, file_id=file_id)
    elif after is None:
        events = await journal.latest(limit=limit, file_id=file_id)
    else:
        events = await journal.after(after, limit=limit, file_id=file_id)
    return EventList(
        events=[EventModel.of(event) for event in events],
        next_after=events[-1].event_id if events else after or 0,
    )


@router.get(
    "/stream",
    summary="Follow events as they come",
    response_class=EventSourceResponse,
    responses={200: _STREAM, **problems(422)},
)
async def stream_events(
    context: InContext,
    after: After = None,
    file: OfFile = None,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events, from now on or after an id; comments in between prove life.

    `Last-Event-ID`, which browsers send when they reconnect, goes before `after`. After the first
    comment nothing is missed. The stream ends when the service stops.
    """
    begin = after if last_event_id is None else last_event_id
    if begin is None:
        begin = await context.feed.last_id()
    yield ServerSentEvent(comment="following", retry=RECONNECT_MS)
    file_id = FileId(file) if file else None
    async for event in context.feed.follow(after=begin, file_id=file_id):
        yield _sent(event)


@router.post(
    "/{event_id}/replay",
    status_code=202,
    summary="Handle a dead event again",
    responses=problems(404, 409, 422),
)
async def replay_event(event_id: int, context: InContext) -> EventModel:
    """A file that failed by the event waits for it again; 409 for an event that is not dead."""
    return EventModel.of(await context.services.metadata.journal.replay(event_id))


def _sent(event: LoggedEvent) -> ServerSentEvent:
    return ServerSentEvent(
        id=str(event.event_id), event=event.event.name, data=EventModel.of(event)
    )
