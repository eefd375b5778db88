"""Jobs as Prometheus sees them. Each number is right in every process, so several are never to be added up.

What is there now is read from the database when it is scraped; what has ended is counted from the event stream, of
which every API process hears all.
"""

from __future__ import annotations

from itertools import product

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.jobs import QUEUES
from roundhouse.core.ports import Clock
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.jobs import store
from roundhouse.infra.jobs.roster import Roster
from roundhouse.infra.jobs.telling import TERMINAL_EVENTS
from roundhouse.infra.telemetry.metrics import EXECUTORS, JOB_DURATION, JOBS, JOBS_ENDED, Durations, Metrics

_BUCKETS_S = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 10_800.0, 43_200.0)
_STATES = ("queued", "running", "waiting")
# Anybody may scrape; the database is not asked for each.
_OLDEST_S = 1.0


class JobMetrics:
    """Counts jobs and executors.

    Args:
        db: The database.
        roster: The executors.
        clock: Time.
    """

    def __init__(self, db: Database, roster: Roster, clock: Clock) -> None:
        self._db = db
        self._roster = roster
        self._clock = clock
        self._ended: dict[tuple[str, ...], float] = {}
        self._durations: dict[tuple[str, ...], Durations] = {}
        self._depths: dict[tuple[str, ...], float] = {}
        self._executors: dict[tuple[str, ...], float] = {}
        self._looked_s: float | None = None

    def attach(self, metrics: Metrics, tail: EventTail) -> None:
        """Count from now on, and be scraped."""
        tail.on_event(self.heard, TERMINAL_EVENTS)
        metrics.before_scrape(self.look)
        metrics.watch(JOBS, lambda: self._depths)
        metrics.watch(EXECUTORS, lambda: self._executors)
        metrics.watch(JOBS_ENDED, lambda: self._ended)
        metrics.watch_durations(JOB_DURATION, self._durations)

    def heard(self, event: Event) -> None:
        """Count a job that ended."""
        kind = str(event.data.get("kind", ""))
        key = (kind, event.type.removeprefix("job."))
        self._ended[key] = self._ended.get(key, 0) + 1
        run_s = event.data.get("run_s")
        if isinstance(run_s, (int, float)):
            self._durations.setdefault((kind,), Durations(_BUCKETS_S)).add(run_s)

    async def depths(self) -> dict[tuple[str, ...], float]:
        """Jobs that have not ended, by queue and state, at most a second old; empty without a database."""
        await self.look()
        return self._depths

    async def look(self) -> None:
        """Read what is there now; without a database nothing is told, rather than what was true once."""
        now_s = self._clock.monotonic_s()
        if self._looked_s is not None and now_s - self._looked_s < _OLDEST_S:
            return
        self._looked_s = now_s
        try:
            async with self._db.read() as tx:
                depths = await store.depths(tx)
            living = await self._roster.living()
        except StorageUnavailable:
            self._depths, self._executors = {}, {}
            return
        self._depths = dict.fromkeys(product(QUEUES, _STATES), 0)
        self._depths |= {(queue, state): count for queue, state, count in depths}
        self._executors = {(): sum(bool(one.queues) for one in living)}
