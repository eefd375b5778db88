import asyncio
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from roundhouse.core.errors import BadInput
from roundhouse.core.jobs import NewJob, Pipeline, Schedule, Step
from roundhouse.core.settings import JobSettings
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.rows import jobs
from roundhouse.infra.jobs.schedules import Schedules, schedules

HOUR_S, DAY_S = 3600.0, 86_400.0
HOURLY = Schedule("clean-up", "0 * * * *", NewJob("t.x"))


async def nothing(context):
    return None


class Times:
    """Schedules of some executors over one database, and when their jobs were accepted."""

    def __init__(self, db, clock, **limits):
        self._db = db
        self._clock = clock
        table = PipelineTable([Pipeline("t.x", (Step("one", nothing),))])
        self._queue = JobQueue(db, table, JobSettings(**limits), clock)

    def executor(self, *planned, clock=None):
        return Schedules(self._db, self._queue, planned or [HOURLY], clock or self._clock)

    async def accepted(self) -> list[str]:
        async with self._db.read() as tx:
            found = (await tx.execute(sa.select(jobs.c.created_at_s).order_by(jobs.c.seq))).scalars()
            return [f"{datetime.fromtimestamp(one, UTC):%d %H:%M}" for one in found]


@pytest.fixture
def times(db, turned_clock):
    # Friday, 15 January 2027, 08:00:00 UTC.
    turned_clock.turn(0.25)
    return Times(db, turned_clock)


async def test_a_new_schedule_waits_for_its_next_time(times, turned_clock):
    executor = times.executor()
    await executor.submit_due()
    turned_clock.turn(HOUR_S - 1)
    await executor.submit_due()
    assert await times.accepted() == []
    turned_clock.turn(1)
    await executor.submit_due()
    await executor.submit_due()
    assert await times.accepted() == ["15 09:00"]


async def test_it_is_never_early(times, turned_clock):
    executor = times.executor()
    await executor.submit_due()
    turned_clock.turn(HOUR_S - 0.25 - 0.01)
    await times.executor().submit_due()
    assert await times.accepted() == []
    turned_clock.turn(0.01)
    await executor.submit_due()
    assert await times.accepted() == ["15 09:00"]


async def test_each_time_comes_once_whoever_looks(times, turned_clock):
    crew = [times.executor() for _ in range(4)]
    for _ in range(4):
        await asyncio.gather(*(one.submit_due() for one in crew))
        turned_clock.turn(HOUR_S)
    await asyncio.gather(*(one.submit_due() for one in [*crew, times.executor()]))
    assert await times.accepted() == ["15 09:00", "15 10:00", "15 11:00", "15 12:00"]


async def test_times_that_passed_while_nothing_ran_are_made_up_for_once(times, turned_clock):
    await times.executor().submit_due()
    turned_clock.turn(5.5 * HOUR_S)
    await times.executor().submit_due()
    turned_clock.turn(0.5 * HOUR_S)
    await times.executor().submit_due()
    assert await times.accepted() == ["15 13:30", "15 14:00"]


async def test_a_clock_that_is_set_back_an_hour_repeats_nothing(times, turned_clock):
    executor = times.executor()
    await executor.submit_due()
    turned_clock.turn(HOUR_S)
    await executor.submit_due()
    turned_clock.turn(-0.75 * HOUR_S)
    for _ in range(8):
        turned_clock.turn(0.25 * HOUR_S)
        await executor.submit_due()
    assert await times.accepted() == ["15 09:00", "15 10:00"]


async def test_a_clock_that_was_a_year_ahead_does_not_stop_a_schedule(times, turned_clock):
    executor = times.executor()
    await executor.submit_due()
    turned_clock.turn(365 * DAY_S)
    await executor.submit_due()
    turned_clock.turn(-365 * DAY_S)
    for _ in range(3):
        await executor.submit_due()
        turned_clock.turn(HOUR_S)
    assert (await times.accepted())[1:] == ["15 09:00", "15 10:00"]


async def test_a_full_queue_skips_a_time(db, turned_clock):
    times = Times(db, turned_clock, max_queued=1)
    executor = times.executor()
    await executor.submit_due()
    for _ in range(3):
        turned_clock.turn(HOUR_S)
        await executor.submit_due()
    assert await times.accepted() == ["15 09:00"]
    async with db.read() as tx:
        last_s = (await tx.execute(sa.select(schedules.c.last_due_at_s))).scalar_one()
    assert last_s == turned_clock.now_s()


async def test_several_schedules_keep_their_own_times(times, turned_clock):
    daily = Schedule("daily", "30 9 * * *", NewJob("t.x"))
    sundays = Schedule("sundays", "0 12 * * 0", NewJob("t.x"))
    executor = times.executor(HOURLY, daily, sundays)
    for _ in range(6):
        await executor.submit_due()
        turned_clock.turn(0.5 * HOUR_S)
    assert await times.accepted() == ["15 09:00", "15 09:30", "15 10:00"]
    turned_clock.turn(2 * DAY_S)
    await executor.submit_due()
    # Once for each of them.
    assert (await times.accepted())[3:] == ["17 11:00", "17 11:00"]


def test_an_expression_that_cannot_be_read_is_refused_at_the_start(db, turned_clock):
    for cron in ("", "every hour", "61 * * * *", "* * *"):
        with pytest.raises(BadInput):
            Times(db, turned_clock).executor(Schedule("x", cron, NewJob("t.x")))


async def test_no_schedules_cost_nothing(db, turned_clock):
    await Schedules(db, None, [], turned_clock).submit_due()
