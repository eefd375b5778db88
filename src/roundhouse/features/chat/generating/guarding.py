"""Ending the generations of dead processes, and hearing what a process may have missed.

A process is dead when its lock file is free. Where that cannot be seen from here (another machine, another folder) it
is dead when it has not told for `LEASE_S` that it lives; it tells so in the event stream, and only while it generates.
Silence is counted in looks that succeeded, so that a database that was away for all kills nobody.

A dead process's generations are first taken over, in a transaction that holds the event stream: what the old owner
has committed by then is in the table, and what it would commit later finds that the generation is not its own any
more. Then the text is rebuilt from the committed pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog

from roundhouse.core.errors import Conflict
from roundhouse.core.ports import Clock
from roundhouse.features.chat.generating import store
from roundhouse.features.chat.generating.ending import Ending, Numbers, write_end
from roundhouse.features.chat.generating.model import DELTA
from roundhouse.features.chat.generating.presence import Presence
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.features.chat.model import Generation, Message
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event, NewEvent, append, newest_of, page

BEAT_S = 2.0
"""The others are looked at so often."""

TELL_S = 6.0
"""A process that generates tells so often that it lives."""

LEASE_S = 30.0
"""After such a silence it is dead."""

_ALIVE = "generator.alive"
_TOOK_OVER = "generator.took_over"
_PAGE = 500
_LOOKS = int(LEASE_S / BEAT_S)

_log = structlog.get_logger(__name__)


class Guardian:
    """Looks after the generations of all processes.

    Args:
        db: The database.
        clock: Time.
        presence: Of this process.
        index: Told of messages that end.
        mine: The generations that run here, by id.
        stop: Stops one of them.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        presence: Presence,
        index: ChatIndex,
        mine: Collection[str],
        stop: Callable[[str], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._presence = presence
        self._index = index
        self._mine = mine
        self._stop = stop
        self._told_s = -TELL_S
        # By process: its last sign, and in how many looks in a row it was the same.
        self._silent: dict[str, tuple[int, int]] = {}
        self._orphans: set[str] = set()

    async def beat(self) -> None:
        """Look once; call it every `BEAT_S`, and at the start.

        Raises:
            StorageUnavailable, StorageFull: The database does not answer.
        """
        try:
            async with self._db.read() as tx:
                owners = [one for one in await store.owners(tx) if one != self._presence.id]
                owned = await store.owned(tx, self._presence.id)
                signs = {owner: await self._sign(tx, owner) for owner in owners}
        except BaseException:
            self._silent.clear()
            raise
        self._silent = {owner: seen for owner, seen in self._silent.items() if owner in signs}
        if owned:
            await self._tell()
        for one in owned:
            if one.stop_requested and one.id in self._mine:
                self._stop(one.id)
        for owner in [owner for owner, dead in signs.items() if dead]:
            await self._inherit(owner)
        await self._end_orphans({one.id for one in owned})
        for owner in self._presence.left():
            if owner not in signs:
                self._presence.bury(owner)

    async def _sign(self, tx: Tx, owner: str) -> bool:
        """Whether a process is dead."""
        if self._presence.sign_of(owner) == "dead":
            return True
        newest = await newest_of(tx, "", owner)
        seq = 0 if newest is None else newest.seq
        seen, looks = self._silent.get(owner, (seq, -1))
        self._silent[owner] = (seq, looks + 1 if seen == seq else 0)
        return self._silent[owner][1] >= _LOOKS

    async def _tell(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._told_s < TELL_S:
            return
        async with self._db.begin() as tx:
            await append(tx, NewEvent("", self._presence.id, _ALIVE, {}, self._clock.now_s()))
        self._told_s = now_s

    async def _inherit(self, dead: str) -> None:
        me = self._presence.id
        async with self._db.begin() as tx:
            found = await store.take_over(tx, dead, me)
            if found:
                await append(tx, NewEvent("", me, _TOOK_OVER, {"from": dead}, self._clock.now_s()))
        _log.warning("generations_taken_over", owner=dead, count=len(found))
        for generation_id in found:
            await self._interrupt(generation_id)
        self._silent.pop(dead, None)
        self._presence.bury(dead)

    async def _end_orphans(self, owned: set[str]) -> None:
        """End what is this process's own by its row, and does not run: the outcome of its commit was lost."""
        orphans = owned - set(self._mine)
        for generation_id in orphans & self._orphans:
            await self._interrupt(generation_id)
        self._orphans = orphans

    async def _interrupt(self, generation_id: str) -> None:
        """End a generation of this process that does not run here, with the pieces that are in the table."""
        me, now_s = self._presence.id, self._clock.now_s()
        try:
            async with self._db.begin() as tx:
                generation = await store.running(tx, me, generation_id)
                before = None if generation is None else await store.message_of(tx, generation)
                if generation is None or before is None:
                    return
                ending = await _rebuilt(tx, generation, before)
                await write_end(tx, ending, me, None, self._index, now_s)
        except Conflict:
            return


async def _rebuilt(tx: Tx, generation: Generation, before: Message) -> Ending:
    """The end of a generation, with the text of its committed pieces."""
    pieces = await _pieces(tx, generation)
    took = [(event.at_s - generation.started_at_s) * 1000 for event in pieces]
    numbers = Numbers(
        first_token_ms=round(max(took[0], 0.0), 1) if took else None,
        total_ms=round(max(took[-1], 0.0), 1) if took else None,
    )
    text = "".join(event.data["text"] for event in pieces)
    return Ending(generation, "interrupted", before, text, "interrupted", numbers=numbers)


async def _pieces(tx: Tx, generation: Generation) -> list[Event]:
    found: list[Event] = []
    after_seq = 0
    while True:
        events = await page(tx, generation.site_id, generation.id, after_seq, _PAGE)
        found += [event for event in events if event.type == DELTA]
        if len(events) < _PAGE:
            return found
        after_seq = events[-1].seq
