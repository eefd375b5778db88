"""The verbs of events: follow, pull, look."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from roundhouse.core.errors import BadInput, NotAllowed, NotFound
from roundhouse.core.events import EVENTS
from roundhouse.core.types import Caller
from roundhouse.features.webhooks.choosing import visible, visible_types
from roundhouse.features.webhooks.envelope import envelope
from roundhouse.features.webhooks.schemas import EventList
from roundhouse.features.webhooks.store import events as kept
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event, newest_seq
from roundhouse.infra.events.tail import EventTail


class EventService:
    """The events of a tenant, as far as the caller's scopes go.

    Args:
        db: The database.
        tail: Tells of new ones.
        most_looked_at: Events that are looked at for one page.
    """

    def __init__(self, db: Database, tail: EventTail, most_looked_at: int = 20_000) -> None:
        self._db = db
        self._tail = tail
        self._most_looked_at = most_looked_at

    async def whole_site(self, caller: Caller) -> str:
        """The tenant whose events the caller may follow all at once.

        Raises:
            NotAllowed: The caller stands for one user or app, and events are those of everybody.
        """
        if caller.user_id is not None or caller.app_id is not None:
            raise NotAllowed(
                "These are the events of a whole site; who stands for one user or app follows single jobs."
            )
        return caller.site_id

    def may_see(self, caller: Caller, types: Collection[str] | None, event: Event) -> bool:
        """Whether the caller's scopes are enough for an event of its site, and it is one of those it asked for."""
        kind = EVENTS.get(event.type)
        if kind is None:
            return caller.may("admin")
        return visible(kind, caller.scopes) and (types is None or event.type in types)

    def wanted(self, caller: Caller, patterns: Sequence[str]) -> set[str]:
        """The types that a reader asks for, of those that it may see.

        Args:
            caller: Who reads.
            patterns: Types, or patterns with `*` as webhooks have them; none = `*`.

        Raises:
            BadInput: A pattern stands for nothing.
        """
        seen = visible_types(caller.scopes)
        found: set[str] = set()
        for one in patterns or ("*",):
            matched = {kind.type for kind in EVENTS.matching(one)} | ({one} & seen)
            if not matched:
                raise BadInput(f"No event is called {one[:100]!r}.", param="types")
            found |= matched
        return found & seen

    async def page(
        self, caller: Caller, types: Collection[str], *, after_seq: int, limit: int, wait_s: float
    ) -> EventList:
        """Events of these types after one of them, oldest first.

        Args:
            caller: Who reads.
            types: Of `wanted`.
            after_seq: Number of the last event that is known; 0 = from the oldest that is kept.
            limit: Most of them.
            wait_s: How long is waited for the first.

        Raises:
            NotAllowed: The caller stands for one user or app.
            ShuttingDown: The process drains.
        """
        site_id = await self.whole_site(caller)
        async with self._db.read() as tx:
            newest = await newest_seq(tx)
            found, looked = await kept.page(
                tx,
                site_id,
                types,
                after_seq=after_seq,
                limit=limit + 1,
                most_looked_at=self._most_looked_at,
            )
        if not found and looked is None and wait_s:
            return await self._next(site_id, types, max(after_seq, newest), limit, wait_s)
        shown = found[:limit]
        if len(found) > limit:
            return _list(shown, True, shown[-1].seq)
        if looked is not None:
            return _list(shown, True, looked)
        return _list(shown, False, max(after_seq, newest, *(one.seq for one in shown)))

    async def get(self, caller: Caller, seq: int) -> dict[str, object]:
        """One event.

        Raises:
            NotFound: There is none, or it is not visible.
            NotAllowed: The caller stands for one user or app.
        """
        site_id = await self.whole_site(caller)
        async with self._db.read() as tx:
            found = await kept.get(tx, site_id, seq, visible_types(caller.scopes))
        if found is None:
            raise NotFound(f"No event {seq}.")
        return envelope(found)

    async def _next(
        self, site_id: str, types: Collection[str], after_seq: int, limit: int, wait_s: float
    ) -> EventList:
        """What comes first after an event, within a time."""
        loop, last = asyncio.get_running_loop(), after_seq
        ends_s = loop.time() + wait_s
        async with self._tail.follow(None, site_id, after_seq) as follower:
            while not follower.ended and (left_s := ends_s - loop.time()) > 0:
                batch = await follower.batch(left_s)
                found = [one for one in batch if one.type in types]
                if found:
                    return _list(found[:limit], len(found) > limit, found[:limit][-1].seq)
                last = batch[-1].seq if batch else last
        return _list([], False, last)


def _list(shown: Sequence[Event], has_more: bool, last: int) -> EventList:
    return EventList(data=[envelope(one) for one in shown], has_more=has_more, next_cursor=str(last))
