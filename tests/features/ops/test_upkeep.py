"""What an operator is told of the disk, and has deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from features.ops.upkeep_house import CALLER, DAY_S, UpkeepHouse
from roundhouse.app.upkeep import disk_service
from roundhouse.core.errors import Conflict
from roundhouse.core.settings import JobSettings
from roundhouse.features.ops.jobs import DiskClean
from roundhouse.features.ops.schemas import CleanAsk
from roundhouse.features.ops.service import UpkeepService
from roundhouse.features.ops.service.upkeep import CLEAN
from roundhouse.infra import audit
from roundhouse.infra.db import Database
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue
from roundhouse.infra.jobs.store import JobFilter


class Desk:
    """The service over a house, and its job as an executor would run it."""

    def __init__(self, house: UpkeepHouse, **more: Any) -> None:
        self.house = house
        self.pipeline = DiskClean(house.cleaning).pipeline
        self.queue = JobQueue(house.db, PipelineTable([self.pipeline]), JobSettings(), house.clock)
        disk = disk_service(house.settings, house.db, house.files, house.cleaning)
        self.service = UpkeepService(house.db, self.queue, house.cleaning, disk, house.clock, **more)

    async def run(self, given: dict[str, Any]) -> Any:
        context: Any = SimpleNamespace(job=SimpleNamespace(input=given), results={})
        for step in self.pipeline.steps:
            context.results[step.name] = await step.run(context)
        return context.results["summary"]


@pytest.fixture
async def house(db: Database, tmp_path: Path, turned_clock: Any) -> AsyncIterator[UpkeepHouse]:
    made = UpkeepHouse(db, tmp_path / "data", turned_clock)
    yield made
    await made.files.close()


async def fill(house: UpkeepHouse) -> None:
    old = await house.recording(b"o" * 984)
    await house.job("completed", old)
    house.clock.turn(8 * DAY_S)
    for name, age_days in (("roundhouse-a.log", 9), ("roundhouse-b.log", 8), ("roundhouse-c.log", 1)):
        house.log(name, age_days, "x" * 1000)


async def test_a_plan_and_what_comes_of_it(house: UpkeepHouse) -> None:
    await fill(house)
    desk = Desk(house)
    plan = await desk.service.plan(CALLER, CleanAsk())
    kinds = [("log", 2, 2000), ("recording", 1, 1000), ("job_folder", 1, 100)]
    assert [(one.kind, one.count, one.size_bytes) for one in plan.kinds] == kinds
    assert (plan.count, plan.size_bytes, plan.kept) == (4, 3100, [])
    assert plan.first[2].label == "call.wav"
    before = house.everything()

    job = await desk.service.begin(CALLER, CleanAsk(parts=["audio", "logs", "logs"]))
    assert (job.kind, job.state, job.input) == (CLEAN, "queued", {"parts": ["logs", "audio"], "days": None})
    assert house.everything() == before
    async with house.db.read() as tx:
        entry = (await audit.entries(tx, site_id=None, before_seq=None, limit=1))[0]
    assert (entry.action, entry.detail) == (CLEAN, job.input)

    result = await desk.run(job.input)
    assert (result["count"], result["size_bytes"], result["kept"]) == (4, 3100, [])
    assert [(one["kind"], one["count"]) for one in result["kinds"]] == [(one[0], one[1]) for one in kinds]
    assert (await desk.service.plan(CALLER, CleanAsk())).count == 0
    assert (await desk.run({"parts": ["logs"], "days": 0}))["count"] == 1
    assert (await desk.run({"parts": ["cache"], "days": 0}))["count"] == 0


async def test_a_plan_shows_the_first_things_and_counts_all(house: UpkeepHouse) -> None:
    for number in range(205):
        house.log(f"roundhouse-{number:03}.log", 9, "x")
    plan = await Desk(house).service.plan(CALLER, CleanAsk(parts=["logs"], days=1))
    assert (plan.count, len(plan.first)) == (205, 200)


async def test_where_nothing_may_be_deleted_nothing_is_begun(house: UpkeepHouse) -> None:
    desk = Desk(house, is_dry=True)
    with pytest.raises(Conflict, match=r"upkeep\.dry_run"):
        await desk.service.begin(CALLER, CleanAsk())
    assert await desk.queue.page(CALLER, JobFilter(), before_seq=None, limit=9) == []


async def test_who_fills_the_disk(house: UpkeepHouse) -> None:
    await fill(house)
    found = await Desk(house).service.disk_use(CALLER)
    sizes = {one.name: one.size_bytes for one in found.parts}
    assert list(sizes) == ["database", "files", "jobs", "logs", "models", "cache"]
    assert (sizes["files"], sizes["jobs"], sizes["logs"]) == (1000, 100, 3000)
