"""Whether a queue takes one more job.

How many wait is counted where it matters: close to a limit always, far from it once a second, and from then on what
came in here is added. Counting ten thousand rows for each of ten thousand jobs would make a deep queue slow.
"""

from __future__ import annotations

import msgspec

from roundhouse.core.jobs import QueueName
from roundhouse.core.ports import Clock
from roundhouse.core.settings import JobSettings
from roundhouse.infra.db import Tx
from roundhouse.infra.jobs import store

_COUNTED_FOR_S = 1.0
_CLOSE = 0.9
_MOST_COUNTS = 1000


class _Count(msgspec.Struct):
    at_s: float
    waiting: int


class Room:
    """The limits of the queues, and what this process knows of how full they are.

    Args:
        settings: The limits.
        clock: Time.
    """

    def __init__(self, settings: JobSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._counts: dict[tuple[str, str | None], _Count] = {}

    async def waiting_if_full(self, tx: Tx, queue: QueueName, site_id: str) -> int | None:
        """How many wait in the queue when it takes no more of this tenant; None = there is room."""
        mine = await self._waiting(tx, queue, site_id, self._settings.max_queued_per_site)
        every = await self._waiting(tx, queue, None, self._settings.max_queued)
        has_room = mine < self._settings.max_queued_per_site and every < self._settings.max_queued
        return None if has_room else every

    def came_in(self, queue: QueueName, site_id: str) -> None:
        """Count one more; if its transaction fails, there is one too many for a second."""
        for key in ((queue, site_id), (queue, None)):
            if key in self._counts:
                self._counts[key].waiting += 1

    async def _waiting(self, tx: Tx, queue: QueueName, site_id: str | None, most: int) -> int:
        now_s = self._clock.monotonic_s()
        known = self._counts.get((queue, site_id))
        if known is None or now_s - known.at_s > _COUNTED_FOR_S or known.waiting >= _CLOSE * most:
            known = _Count(now_s, await store.queued(tx, queue, site_id=site_id))
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            self._counts[queue, site_id] = known
        return known.waiting
