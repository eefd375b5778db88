"""Routes of the events of a site: as a stream, in pages, one alone."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from roundhouse.core.types import Caller
from roundhouse.features.webhooks.schemas import EventList
from roundhouse.features.webhooks.service.events import EventService
from roundhouse.infra.auth import require, still_good
from roundhouse.infra.events.sse import EventStream, asked_after, going_on
from roundhouse.infra.events.tail import EventTail

Reader = Annotated[Caller, Depends(require(None))]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page, or the stream.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def router(events: EventService, tail: EventTail) -> APIRouter:
    """Routes of events."""
    routes = APIRouter(tags=["events"])

    @routes.get(
        "/v1/events",
        operation_id="site_events",
        response_model=EventList,
        responses=_STREAM,
        dependencies=[Depends(going_on)],
    )
    async def site_events(
        request: Request,
        caller: Reader,
        types: Annotated[
            str | None,
            Query(
                max_length=2000,
                pattern=r"^[a-z_.*,]+$",
                description="Types or patterns with commas between them, e.g. `job.*,file.created`.",
            ),
        ] = None,
        limit: Annotated[int | None, Query(ge=1, le=200, description="A page with so many at most.")] = None,
        wait: Annotated[
            float | None,
            Query(ge=0, le=60, description="A page; seconds that its first event is waited for."),
        ] = None,
    ) -> EventList | EventStream:
        """What happens in your site, as far as your scopes go.

        A stream of server-sent events from now on that never ends by itself; with `limit` or `wait`, or where JSON
        alone is accepted, a page of CloudEvents after `after`.
        """
        site_id = await events.whole_site(caller)
        patterns = types.split(",") if types else []
        if limit is None and wait is None and not _wants_json(request):
            wanted = events.wanted(caller, patterns) if patterns else None
            shown, good = partial(events.may_see, caller, wanted), still_good(request, caller)
            return EventStream(request, tail, None, site_id, shown=shown, good=good)
        return await events.page(
            caller,
            events.wanted(caller, patterns),
            after_seq=asked_after(request) or 0,
            limit=limit or 50,
            wait_s=wait or 0.0,
        )

    @routes.get("/v1/events/{seq}", operation_id="get_event")
    async def get_event(caller: Reader, seq: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> dict[str, Any]:
        """One event as a CloudEvent, by its number; where a thin message's `dataref` leads."""
        return await events.get(caller, seq)

    return routes


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/event-stream" not in accepted
