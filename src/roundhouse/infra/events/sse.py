"""Events as an answer: server-sent events that a client can take up again after any of them.

Each has the event's number as its id and `{"id", "type", "topic", "at", "data"}` as its data.

Source:
    WHATWG HTML, section 9.2 "Server-sent events" (2024): fields, comments, `Last-Event-ID`, and that 204 tells a
    client not to come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Annotated

from fastapi import Header, Query
from starlette.requests import Request
from starlette.responses import Response

from roundhouse.core.errors import BadInput, Cancelled
from roundhouse.infra.events.follower import Follower
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.web import CancelOnDisconnect, Receive, Scope, Send

_HEARTBEAT = b":\n\n"
_CHECK_S = 1.0
_PIECE_BYTES = 64 * 1024
_MOST_SEQ = 2**63 - 1
_EVENT_ID = r"^[0-9]{0,19}$"
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}


def going_on(
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", pattern=_EVENT_ID, description="Go on after the event with this id."),
    ] = None,
    after: Annotated[
        str | None,
        Query(pattern=_EVENT_ID, description="The same, for who cannot set headers; 0 = from the first."),
    ] = None,
) -> None:
    """A dependency that describes what `EventStream` reads out of the request itself."""


def asked_after(request: Request) -> int | None:
    """The event after which the client wants to go on: `Last-Event-ID`, else `?after=`; None = it does not say.

    Raises:
        BadInput: It is not the id of an event.
    """
    header = request.headers.get("last-event-id")
    if header:
        return _seq(header, "Last-Event-ID")
    asked = request.query_params.get("after")
    return None if asked is None else _seq(asked, "after")


def _seq(text: str, param: str) -> int:
    seq = int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else -1
    if not 0 <= seq <= _MOST_SEQ:
        raise BadInput(f"{param} is not the id of an event.", param=param)
    return seq


class EventStream(Response):
    """Answers with the events of one thing, or of all of a tenant.

    It ends after the thing's last event, when the client goes away, and when the process drains; a client that comes
    back with `Last-Event-ID` misses nothing. One that comes back after the last event is answered 204.

    Args:
        request: Its `Last-Event-ID` or `?after=` says where to go on.
        tail: Where events come from.
        topic: Id of the thing, visible to the caller; None = all of the tenant.
        site_id: The caller's tenant.
        default_after: Where to begin when the client does not say: 0 = with the first, None = from now on.
        is_last: Whether an event is the last one of the thing, unless more follow; None = it never ends.
        over: Whether the thing has ended, should its last event be deleted already.
        shown: Which of the events the caller may see; None = all.
        good: Whether the caller's credential is still good, asked once a second at most before something is sent; the
            stream ends when it is not.
        first: The event to begin with when the client does not say, where the caller has committed it itself.

    Raises:
        BadInput: The client's event id is none.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        request: Request,
        tail: EventTail,
        topic: str | None,
        site_id: str,
        *,
        default_after: int | None = None,
        is_last: Callable[[Event], bool] | None = None,
        over: bool = False,
        shown: Callable[[Event], bool] | None = None,
        good: Callable[[], Awaitable[bool]] | None = None,
        first: Event | None = None,
    ) -> None:
        asked = asked_after(request)
        self.status_code = 200
        self.background = None
        if asked is None:
            self._follower = tail.follow(topic, site_id, default_after, first)
        else:
            self._follower = tail.follow(topic, site_id, asked)
        self._comes_back = bool(request.headers.get("last-event-id"))
        self._heartbeat_s = tail.heartbeat_s
        self._is_last = is_last
        self._over = over
        self._shown = shown
        self._good = good
        # Each wait of a request's task goes through every call that led here: who has just asked for something that
        # tells much gets a task of its own, a fifth of the CPU for 12 kB. Others wait more than they read.
        self._lively = first is not None
        self._checked_s = asyncio.get_running_loop().time()
        self.init_headers(_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send.

        Raises:
            ShuttingDown: The process drains; nothing was sent.
            StorageUnavailable: The database does not answer; nothing was sent.
        """
        async with self._follower as follower:
            over = await self._is_over(follower)
            nothing = (over and follower.caught_up) or self._hides_the_rest(follower)
            self.status_code = 204 if nothing and self._comes_back else 200
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            if self.status_code == 200:
                try:
                    watched = self._watched(follower, over, scope, receive, send)
                    await (asyncio.create_task(watched) if self._lively else watched)
                except Cancelled:
                    return
            await send({"type": "http.response.body", "body": b""})

    async def _watched(
        self, follower: Follower, over: bool, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async with CancelOnDisconnect(scope, receive):
            await self._send_events(follower, over, send)

    async def _is_over(self, follower: Follower) -> bool:
        """Whether nothing but what the follower holds will come."""
        if self._over or self._is_last is None or not follower.caught_up:
            return self._over
        newest = await follower.passed()
        return newest is not None and self._is_last(newest)

    def _hides_the_rest(self, follower: Follower) -> bool:
        """Whether all that will come is there already, and none of it is shown."""
        rest = follower.rest
        if not rest or self._shown is None or any(self._shown(event) for event in rest):
            return False
        return self._over or (self._is_last is not None and self._is_last(rest[-1]))

    async def _send_events(self, follower: Follower, over: bool, send: Send) -> None:
        loop = asyncio.get_running_loop()
        silent_since_s = loop.time()
        while not (follower.ended or (over and follower.caught_up)):
            silent_s = loop.time() - silent_since_s
            events = await follower.batch(0.0 if over else max(0.0, self._heartbeat_s - silent_s))
            if not await self._may_go_on(loop.time()):
                return
            shown = events if self._shown is None else [event for event in events if self._shown(event)]
            # Events that are not shown leave no trace, not even a comment.
            for piece in _pieces(shown) if shown else () if events else (_HEARTBEAT,):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if shown or not events:
                silent_since_s = loop.time()
            if events:
                over = self._over or (self._is_last is not None and self._is_last(events[-1]))

    async def _may_go_on(self, now_s: float) -> bool:
        if self._good is None or now_s - self._checked_s < _CHECK_S:
            return True
        self._checked_s = now_s
        return await self._good()


def _pieces(events: Iterable[Event]) -> Iterator[bytes]:
    """The events' frames, joined to pieces that a slow client's connection can hold."""
    frames: list[bytes] = []
    size_bytes = 0
    for event in events:
        if frames and size_bytes + len(event.frame) > _PIECE_BYTES:
            yield b"".join(frames)
            frames, size_bytes = [], 0
        frames.append(event.frame)
        size_bytes += len(event.frame)
    yield b"".join(frames)
