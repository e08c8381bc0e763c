"""Questions about the record itself: which events, one event with its causes and effects, and what comes in."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from interlock.api.asked import Reader, behind, read_moment, still_reader
from interlock.api.cursors import next_page, place_of
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.problems import malformed, not_found
from interlock.api.query import EventsQuery, Number, Reading, StoredQuery, StreamQuery, number
from interlock.api.stream import frames
from interlock.projections import audit_trail

# A page of events with much in them is shorter: whoever reads the whole record reads it in bounded pieces.
STORED_BYTES_MAX: Final = 4 * 1024 * 1024

router = APIRouter(prefix="/v1/{project}", tags=["audit"])


@router.get("/events", **Documented.of())
async def which_events(request: Request, asked: Reader, query: Annotated[EventsQuery, Query()]) -> Response:
    """The events, the newest first; with `after` the oldest after that position first."""
    place = place_of(request, query)
    moment = await read_moment(asked, query, pinned=place.position)
    filters = audit_trail.Filters(
        release=query.release,
        environment=query.environment,
        person=query.person,
        type=query.type,
        problem=query.problem,
        adjustment=query.adjustment,
        text=query.text,
        since=query.since,
        until=query.until,
    )
    key = place.key
    which: dict[str, Any] = {"before": key}
    if query.after is not None:
        which = {"after": query.after if key is None else key}
    async with asked.parts.connection() as connection:
        rows = await audit_trail.entries(
            connection,
            asked.project,
            filters,
            at=moment.position,
            limit=query.limit,
            data=query.data == "true",
            **which,
        )
    members, headers = next_page(request, query, rows, key="position", position=moment.position, limit=query.limit)
    return answer({"events": rows, **members}, position=moment.position, headers=headers)


@router.get("/events/stream", **Documented.of(media_type="text/event-stream"))
async def live(request: Request, asked: Reader, query: Annotated[StreamQuery, Query()]) -> Response:
    """Events as they happen (Server-Sent Events; `id` is the position), after Last-Event-ID, or from now on."""
    after = query.after
    last = request.headers.get("last-event-id")
    if last:
        try:
            after = number(last)
        except ValueError as wrong:
            raise malformed("Last-Event-ID", str(wrong)) from wrong
    head = asked.situation.position
    if after is None:
        after = head
    if after > head:
        raise behind(after, head, head)
    wanted = frames(
        asked.parts.events.pages(asked.project, after=after),
        asked.parts.stopping,
        event_type=query.type,
        stream=None if query.release is None else f"release/{query.release}",
        may_read=partial(still_reader, request, asked),
    )
    return StreamingResponse(wanted, media_type="text/event-stream", headers={"Interlock-Position": str(after)})


@router.get("/events/stored", **Documented.of())
async def as_stored(asked: Reader, query: Annotated[StoredQuery, Query()]) -> Response:
    """The events after a position, the oldest first, each as the bytes that are stored: the record itself.

    It ends where the record ends now (`position`), or earlier; then the next page begins after the last one here.
    """
    stored = await asked.parts.ledger.read(
        asked.project, after=query.after, limit=query.limit, up_to=asked.situation.position
    )
    bodies: list[str] = []
    size = 0
    for each in stored:
        size += len(each.body)
        if bodies and size > STORED_BYTES_MAX:
            break
        bodies.append(each.body.decode("utf-8"))
    return answer({"events": bodies}, position=asked.situation.position)


@router.get("/events/{position}", **Documented.of())
async def one_event(
    asked: Reader,
    position: Annotated[Number, Path(description="the event's position")],
    query: Annotated[Reading, Query()],
) -> Response:
    """One event: its data, its causes, its effects, its remarks, and its stored bytes."""
    moment = await read_moment(asked, query)
    async with asked.parts.connection() as connection:
        row = await audit_trail.entry(connection, asked.project, position, at=moment.position)
    if row is None:
        raise not_found("event", str(position))
    [stored] = await asked.parts.ledger.read(asked.project, after=position - 1, limit=1)
    return answer({"event": {**row, "stored": stored.body.decode("utf-8")}}, position=moment.position)
