"""Jobs of a plugin's kind are submitted as such; those of the house are not."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from roundhouse.core.errors import BadInput, Conflict
from roundhouse.core.jobs import Pipeline, Step
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.features.ops.schemas import JobCreate
from roundhouse.features.ops.service import JobService
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.roster import Roster

CALLER = Caller("key", site_id="a")


async def nothing(context):
    return None


@pytest.fixture
def service(db, turned_clock):
    table = PipelineTable([Pipeline(kind, (Step("one", nothing),)) for kind in ("plugin.x", "house.y")])
    queue = JobQueue(db, table, JobSettings(), turned_clock)
    return JobService(db, queue, Roster(db, turned_clock), turned_clock, frozenset({"plugin.x"}))


async def test_a_job_of_a_plugin_is_accepted_once(service):
    asked = JobCreate(kind="plugin.x", input={"a": 1}, priority=3, run_after=datetime(2100, 1, 1, tzinfo=UTC))
    job = await service.submit(CALLER, asked, "k1")
    assert (job.state, job.kind, job.input, job.priority) == ("queued", "plugin.x", {"a": 1}, 3)
    assert job.run_after == datetime(2100, 1, 1, tzinfo=UTC)
    assert (await service.submit(CALLER, asked, "k1")).id == job.id
    assert (await service.submit(CALLER, asked, None)).id != job.id
    with pytest.raises(Conflict):
        await service.submit(CALLER, JobCreate(kind="plugin.x", input={"a": 2}), "k1")


async def test_jobs_of_the_house_and_unknown_ones_are_refused(service):
    for kind in ("house.y", "no.such"):
        with pytest.raises(BadInput, match=kind):
            await service.submit(CALLER, JobCreate(kind=kind), None)


@pytest.mark.parametrize(
    "wrong",
    [{"kind": ""}, {"kind": "x", "priority": 101}, {"kind": "x", "queue": "gpu"}, {"kind": "x", "input": []}],
)
def test_what_is_asked_is_checked(wrong):
    with pytest.raises(ValidationError):
        JobCreate(**wrong)
