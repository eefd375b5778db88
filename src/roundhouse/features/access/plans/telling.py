"""Events of quota plans: a limit is nearly used up, a limit turned a task away. Each is told once in a window.

The task's own transaction does not write them: one that is turned away is rolled back.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.features.access.plans import store
from roundhouse.features.access.plans.quotas import whom
from roundhouse.features.access.plans.store import InForce
from roundhouse.features.access.plans.weighing import METRICS, WARN_SHARE, Metric, window
from roundhouse.infra.background import stop
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import NewEvent, append
from roundhouse.infra.moments import moment

WARNING = "quota.warning"
EXCEEDED = "quota.exceeded"
_GATHER_S = 0.2
_MOST_KNOWN = 10_000

_log = structlog.get_logger(__name__)


class QuotaTeller:
    """Writes `quota.warning` and `quota.exceeded`.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._waiting: dict[tuple[str, str, int], int] = {}
        self._known: dict[tuple[str, str, int], int] = {}
        self._something = asyncio.Event()
        self._telling = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write what is heard."""
        self._task = asyncio.create_task(self._run(), name="quota events")

    async def close(self) -> None:
        """Stop; what was heard is written."""
        await stop(self._task, self._telling)
        self._task = None
        await self._try()

    def nearly(self, assignment_id: str, metric: str, start_s: int) -> None:
        """Most of a limit is used, if the transaction is carried through."""
        self._hear((assignment_id, metric, start_s), 80)

    def exceeded(self, assignment_id: str, metric: str, start_s: int) -> None:
        """A limit turned a task away, put it off or degraded it."""
        self._hear((assignment_id, metric, start_s), 100)

    async def tell(self) -> None:
        """Write what was heard and is so.

        Raises:
            StorageUnavailable, StorageFull: It is kept for the next time.
        """
        async with self._telling:
            heard = dict(sorted(self._waiting.items()))
            if not heard:
                return
            known = {}
            async with self._db.begin() as tx:
                told = []
                for (assignment_id, metric, start_s), percent in heard.items():
                    event, is_known = await self._event(tx, assignment_id, metric, start_s, percent)
                    told += [event] if event is not None else []
                    if is_known:
                        known[assignment_id, metric, start_s] = percent
                await append(tx, *told)
            for key, percent in heard.items():
                if self._waiting.get(key) == percent:
                    del self._waiting[key]
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known |= known

    def _hear(self, key: tuple[str, str, int], percent: int) -> None:
        if percent > max(self._waiting.get(key, 0), self._known.get(key, 0)):
            self._waiting[key] = percent
            self._something.set()

    async def _event(
        self, tx: Tx, assignment_id: str, metric: str, start_s: int, percent: int
    ) -> tuple[NewEvent | None, bool]:
        """The event, None = there is none to write; and whether the matter is closed."""
        found = await store.counter(tx, assignment_id, metric, start_s)
        if found is None:
            return None, True
        used, one = found
        limit = getattr(one.plan.limits, metric)
        if limit is None:
            return None, True
        if percent < 100 and used < WARN_SHARE * limit:
            # The transaction that was heard of is not committed yet, or never will be.
            return None, False
        if not await store.mark_told(tx, assignment_id, metric, start_s, percent):
            return None, True
        kind = WARNING if percent < 100 else EXCEEDED
        data = _data(one, metric, start_s, limit, used)
        return NewEvent(one.assignment.site_id, assignment_id, kind, data, self._clock.now_s()), True

    async def _run(self) -> None:
        while True:
            await self._something.wait()
            await self._clock.sleep(_GATHER_S)
            self._something.clear()
            await self._try()

    async def _try(self) -> None:
        try:
            await self.tell()
        except RoundhouseError as error:
            _log.warning("quota_events_unwritten", error=error.detail)


def _data(one: InForce, metric: str, start_s: int, limit: float, used: float) -> dict[str, Any]:
    data: dict[str, Any] = {
        "plan_id": one.plan.id,
        "plan": one.plan.name,
        "applies_to": whom(one),
        "user_id": one.assignment.user_id or None,
        "app_id": one.assignment.app_id or None,
        "metric": metric,
        "limit": limit,
    }
    timed: dict[str, Metric] = {known: known for known in METRICS}
    if metric in timed:
        data["used"] = used
        data["resets_at"] = moment(window(timed[metric], start_s)[1])
    return data
