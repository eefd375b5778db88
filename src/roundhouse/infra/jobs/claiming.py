"""Which queued job an executor takes next.

Tenants take turns: the one with the fewest running jobs of the queue comes first, among equals the one that this
executor served longest ago. Within a tenant the highest priority comes first, then the oldest. A tenant with ten
thousand queued jobs costs another one nothing.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from roundhouse.core.jobs import QUEUES, Job, QueueName
from roundhouse.infra.db import Tx
from roundhouse.infra.jobs.pipelines import begin_next
from roundhouse.infra.jobs.rows import jobs
from roundhouse.infra.jobs.telling import EventType
from roundhouse.infra.jobs.transitions import change_all, lock

_MOST_SITES = 1000
_SET_BACK_S = 60.0


class Turns:
    """Whose turn it is, by queue and tenant; forgotten with the process."""

    def __init__(self) -> None:
        self._served: dict[tuple[str, str], int] = {}
        self._numbers = itertools.count(1)

    def last(self, queue: str, site_id: str) -> int:
        """A number that is the higher the later the tenant was served; 0 = never."""
        return self._served.get((queue, site_id), 0)

    def serve(self, queue: str, site_id: str) -> None:
        """Note that it was served just now."""
        self._served[queue, site_id] = next(self._numbers)

    def keep(self, queue: str, sites: Sequence[str]) -> None:
        """Forget tenants that wait for nothing."""
        waiting = set(sites)
        for key in [key for key in self._served if key[0] == queue and key[1] not in waiting]:
            del self._served[key]


async def claim(
    tx: Tx,
    executor_id: str,
    slots: Mapping[QueueName, int],
    known: Sequence[tuple[str, int]],
    turns: Turns,
    now_s: float,
    *,
    has_suspect: bool = False,
) -> list[Job]:
    """Take as many due jobs as there are free slots, and start them; of those under suspicion one at a time.

    Args:
        tx: A write transaction.
        executor_id: Who takes them.
        slots: Free slots by queue.
        known: Kind and revision of the pipelines it can run.
        turns: Its memory of whose turn it is.
        now_s: Unix time.
        has_suspect: Whether it runs a job that is under suspicion (see `is_suspect`).
    """
    taken: list[Job] = []
    waiting = await _sites(tx) if known and any(free > 0 for free in slots.values()) else {}
    for queue, free in slots.items():
        sites = waiting.get(queue, [])
        turns.keep(queue, sites)
        if free > 0 and sites:
            picked = await _Pick(tx, queue, known, now_s).take(sites, free, turns, has_suspect=has_suspect)
            has_suspect = has_suspect or any(map(is_suspect, picked))
            taken += picked
    return await change_all(tx, [_start(job, executor_id, now_s) for job in taken], now_s)


def is_suspect(job: Job) -> bool:
    """Whether a job that is queued, or that runs, has its last attempt, and lost its executor in the one before.

    Whoever dies with several jobs does not tell which of them killed it. So that one bad job does not use up the
    attempts of its neighbours, an executor runs one such job at a time, and that one is blamed if it dies again.
    """
    attempts = job.attempts + (job.state == "queued")
    return attempts >= job.max_attempts and bool(job.history) and job.history[-1].outcome == "lost"


class _Pick:
    """Which jobs of one queue are taken; each tenant's next ones are read and locked a few at a time."""

    def __init__(self, tx: Tx, queue: str, known: Sequence[tuple[str, int]], now_s: float) -> None:
        self._tx = tx
        self._queue = queue
        self._heads: dict[str, deque[Job]] = {}
        self._seen: list[int] = []
        self._startable = (
            jobs.c.queue == queue,
            jobs.c.state == "queued",
            sa.or_(
                jobs.c.run_after_s.is_(None),
                jobs.c.run_after_s <= now_s,
                # A pause of ours that was measured by a clock that has been set back since.
                sa.and_(jobs.c.run > 0, jobs.c.updated_at_s > now_s + _SET_BACK_S),
            ),
            sa.or_(jobs.c.deadline_s.is_(None), jobs.c.deadline_s > now_s),
            sa.or_(*(sa.and_(jobs.c.kind == kind, jobs.c.revision == revision) for kind, revision in known)),
        )

    async def take(self, sites: Sequence[str], free: int, turns: Turns, *, has_suspect: bool) -> list[Job]:
        sites = list(sites)
        running = await _running(self._tx, self._queue) if len(sites) > 1 else {}
        picked: list[Job] = []
        while sites and len(picked) < free:
            site_id = min(sites, key=lambda site: (running.get(site, 0), turns.last(self._queue, site)))
            head = await self._next(site_id, free - len(picked))
            if head is None:
                sites.remove(site_id)
                continue
            if is_suspect(head):
                if has_suspect:
                    continue
                has_suspect = True
            picked.append(head)
            running[site_id] = running.get(site_id, 0) + 1
            turns.serve(self._queue, site_id)
        return picked

    async def _next(self, site_id: str, wanted: int) -> Job | None:
        heads = self._heads.setdefault(site_id, deque())
        if not heads:
            conditions = [*self._startable, jobs.c.site_id == site_id]
            if self._seen:
                conditions.append(jobs.c.seq.not_in(self._seen))
            heads += await lock(self._tx, *conditions, order=(jobs.c.rank, jobs.c.seq), limit=wanted)
            self._seen += [head.seq for head in heads]
        return heads.popleft() if heads else None


def _walk(queue: str) -> sa.Select[Any]:
    """Tenants with queued jobs of one queue, by jumping through the index from one to the next."""
    waiting = (jobs.c.queue == queue, jobs.c.state == "queued")
    first = sa.select(sa.func.min(jobs.c.site_id).label("site_id"), sa.literal(1).label("number"))
    walk = first.where(*waiting).cte(f"walk_{queue}", recursive=True)
    following = sa.select(sa.func.min(jobs.c.site_id)).where(*waiting, jobs.c.site_id > walk.c.site_id)
    more = sa.select(following.scalar_subquery(), walk.c.number + 1)
    walk = walk.union_all(more.where(walk.c.site_id.is_not(None), walk.c.number < _MOST_SITES))
    return sa.select(sa.literal(queue).label("queue"), walk.c.site_id).where(walk.c.site_id.is_not(None))


_SITES = sa.union_all(*(_walk(queue) for queue in QUEUES))


async def _sites(tx: Tx) -> dict[str, list[str]]:
    """Tenants with queued jobs, by queue."""
    found: dict[str, list[str]] = {}
    for queue, site_id in (await tx.execute(_SITES)).all():
        found.setdefault(queue, []).append(site_id)
    return found


async def _running(tx: Tx, queue: str) -> dict[str, int]:
    query = (
        sa.select(jobs.c.site_id, sa.func.count())
        .where(jobs.c.queue == queue, jobs.c.state == "running")
        .group_by(jobs.c.site_id)
    )
    return {str(site): int(count) for site, count in (await tx.execute(query)).all()}


def _start(job: Job, executor_id: str, now_s: float) -> tuple[Job, EventType, dict[str, object]]:
    values: dict[str, object] = {
        "state": "running",
        "executor_id": executor_id,
        "run": job.run + 1,
        "attempts": job.attempts + 1,
        "started_at_s": job.started_at_s if job.started_at_s is not None else now_s,
        "run_started_at_s": now_s,
        "run_after_s": None,
        "message": "",
        "stages": begin_next(job.stages, now_s),
    }
    return job, "job.started", values
