"""Metrics of jobs: what is there by the database, what has ended by the events."""

import pytest

from infra.jobs.plans import multiply, reads_all, watched
from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.jobs import NewJob, Pipeline, Step
from roundhouse.core.settings import DbSettings, EventSettings, JobSettings
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.jobs import store
from roundhouse.infra.jobs.metrics import JobMetrics
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.roster import Roster
from roundhouse.infra.telemetry.metrics import EXECUTORS, JOBS, JOBS_ENDED, Metrics

CALLER = Caller("key_a", site_id="a")


async def nothing(_):
    return None


class Broken:
    """A database that is away."""

    is_sqlite = True

    def read(self):
        raise StorageUnavailable


@pytest.fixture
def parts(db, turned_clock):
    metrics = Metrics()
    counts = JobMetrics(db, Roster(db, turned_clock, "here"), turned_clock)
    counts.attach(metrics, EventTail(db, EventSettings(), turned_clock))
    return metrics, counts


def ended(outcome: str, **data) -> Event:
    return Event(1, "evt_1", "a", "job_x", f"job.{outcome}", {"kind": "t.x", **data}, 0.0)


async def test_what_has_not_ended_is_counted_when_it_is_scraped(db, turned_clock, parts):
    metrics, _ = parts
    queue = JobQueue(
        db, PipelineTable([Pipeline("t.x", (Step("one", nothing),))]), JobSettings(), turned_clock
    )
    made = [await queue.accept(Caller("key_a", site_id=site), NewJob("t.x")) for site in "aab"]
    await queue.cancel(made[0].caller, made[0].id)
    await metrics.prepare()
    assert metrics.values(JOBS)["io", "queued"] == 2
    assert sum(metrics.values(JOBS).values()) == 2
    assert metrics.values(EXECUTORS) == {(): 0}
    # Who scrapes all the time asks the database once a second.
    await queue.cancel(made[1].caller, made[1].id)
    await metrics.prepare()
    assert metrics.values(JOBS)["io", "queued"] == 2
    turned_clock.turn(1.0)
    await metrics.prepare()
    assert metrics.values(JOBS)["io", "queued"] == 1
    assert b'roundhouse_jobs{queue="io",state="queued"} 1.0' in metrics.render()[0]


def test_what_has_ended_is_counted_as_it_is_heard(parts):
    metrics, counts = parts
    counts.heard(ended("completed", run_s=0.3))
    counts.heard(ended("completed", run_s=2.0))
    counts.heard(ended("cancelled"))
    assert metrics.values(JOBS_ENDED) == {("t.x", "completed"): 2, ("t.x", "cancelled"): 1}
    text = metrics.render()[0].decode()
    assert 'roundhouse_job_duration_seconds_bucket{kind="t.x",le="0.5"} 1.0' in text
    assert 'roundhouse_job_duration_seconds_count{kind="t.x"} 2.0' in text
    assert 'roundhouse_job_duration_seconds_sum{kind="t.x"} 2.3' in text


async def test_without_a_database_nothing_is_told(turned_clock):
    metrics, broken = Metrics(), Broken()
    counts = JobMetrics(broken, Roster(broken, turned_clock, "here"), turned_clock)
    database = Database(DbSettings(), "sqlite:////nowhere/x.db")
    counts.attach(metrics, EventTail(database, EventSettings(), turned_clock))
    await metrics.prepare()
    assert (metrics.values(JOBS), metrics.values(EXECUTORS)) == ({}, {})
    assert b"roundhouse_jobs{" not in metrics.render()[0]
    await database.close()


async def test_a_scrape_reads_no_whole_table(db, turned_clock):
    kinds = PipelineTable([Pipeline("t.x", (Step("one", nothing),))])
    queue = JobQueue(db, kinds, JobSettings(), turned_clock)
    for number in range(8):
        job = await queue.accept(CALLER, NewJob("t.x", {"model": "m"}))
        if number:
            await queue.cancel(CALLER, job.id)
    await multiply(db, 9)
    turned_clock.turn(1000.0)
    asked = {
        "depths": store.depths,
        "ended_since": lambda tx: store.ended_since(tx, "io", turned_clock.now_s() - 300),
        "running_by_executor": store.running_by_executor,
        "unfinished": lambda tx: store.unfinished(tx, CALLER, "io", "t.x", "model", "n"),
    }
    for name, work in asked.items():
        watch = await watched(db, work)
        assert [(name, plan) for plan in watch.plans if reads_all(plan)] == []
