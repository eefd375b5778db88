"""How the machine was lately: what is kept, what is told of gaps, and means over longer spans."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from roundhouse.core.types import Caller, Device
from roundhouse.features.ops.service.history import EVERY_S, HistoryService, Load, Ring
from roundhouse.infra.probe import FakeProbe

OPERATOR = Caller("key_a", scopes=frozenset({"ops"}))
LOAD = ("cpu_percent", None)


def test_means_and_gaps() -> None:
    ring = Ring()
    for number, value in ((100, 10.0), (101, 20.0), (104, 60.0)):
        ring.put(number * EVERY_S, {LOAD: value})
    assert ring.read(100, 106, 1) == {LOAD: [10.0, 20.0, None, None, 60.0, None]}
    assert ring.read(100, 106, 2) == {LOAD: [15.0, None, 60.0]}
    assert ring.read(102, 104, 1) == {}


def test_what_is_not_seen_any_more_is_unknown_and_old_looks_give_way() -> None:
    ring = Ring()
    day = 24 * 3600 // EVERY_S
    ring.put(0, {LOAD: 1.0, ("utilization_percent", "cuda:0"): 5.0})
    ring.put(EVERY_S, {LOAD: 2.0})
    assert ring.read(0, 2, 1)["utilization_percent", "cuda:0"] == [5.0, None]
    ring.put(day * EVERY_S, {LOAD: 3.0})
    assert ring.read(0, 2, 1) == {LOAD: [None, 2.0]}
    assert ring.read(day, day + 1, 1) == {LOAD: [3.0]}


def test_a_busy_core_is_seen() -> None:
    load = Load()
    assert sum(number * number for number in range(300_000))
    percent = load.percent()
    assert percent is None or 0 <= percent <= 100


class Desk:
    def __init__(self, clock: Any, data_dir: Path) -> None:
        self.clock = clock
        self.depths: dict[tuple[str, ...], float] = {("io", "queued"): 2.0, ("gpu", "queued"): 3.0}
        devices = [Device("cuda:0", "Card", 1000, 400, 75.0), Device("cpu", "CPU", 8000, 1000, 12.0)]
        self.probe = FakeProbe(devices)
        self.service = HistoryService(self.probe, data_dir, lambda: 4, self._jobs, clock)

    async def _jobs(self) -> dict[tuple[str, ...], float]:
        return self.depths

    async def told(self, minutes: int) -> dict[tuple[str, str | None], list[float | None]]:
        found = await self.service.history(OPERATOR, minutes)
        assert all(len(one.values) == minutes * 60 // found.step_s for one in found.series)
        return {(one.name, one.of): one.values for one in found.series}


async def test_it_looks_at_everything(turned_clock: Any, tmp_path: Path) -> None:
    desk = Desk(turned_clock, tmp_path)
    await desk.service.look()
    turned_clock.turn(EVERY_S)
    desk.probe.use("cuda:0", 900)
    desk.depths = {}
    await desk.service.look()
    found = await desk.told(1)
    assert found["memory_used_mib", "cuda:0"][-2:] == [400, 900]
    assert found["memory_total_mib", "cpu"][-2:] == [8000, 8000]
    assert found["utilization_percent", "cuda:0"][-1] == 75
    assert ("utilization_percent", "cpu") not in found
    # Nobody could tell of the jobs at the second look.
    assert found["jobs", "queued"][-2:] == [5, None]
    assert found["requests_in_flight", None][-1] == 4
    assert found["disk_used_mib", None][-1] is not None
    # Longer spans are told in fewer, wider steps.
    assert (await desk.told(1440))["memory_used_mib", "cuda:0"][-1] == 650


async def test_a_disk_that_is_away_leaves_a_gap(turned_clock: Any, tmp_path: Path) -> None:
    desk = Desk(turned_clock, tmp_path / "gone")
    await desk.service.look()
    assert ("disk_used_mib", None) not in await desk.told(1)


class TellingClock:
    """A clock that tells when somebody sleeps by it."""

    def __init__(self, clock: Any) -> None:
        self.asleep = asyncio.Event()
        self.now_s, self.monotonic_s = clock.now_s, clock.monotonic_s
        self._clock = clock

    async def sleep(self, delay_s: float) -> None:
        self.asleep.set()
        await self._clock.sleep(delay_s)


async def test_it_goes_on_by_itself_until_it_is_closed(turned_clock: Any, tmp_path: Path) -> None:
    clock = TellingClock(turned_clock)
    desk = Desk(clock, tmp_path)
    desk.service.start()
    await clock.asleep.wait()
    clock.asleep.clear()
    turned_clock.turn(EVERY_S)
    await clock.asleep.wait()
    await desk.service.close()
    assert (await desk.told(1))["jobs", "queued"][-2:] == [5, 5]


@pytest.mark.parametrize(
    ("minutes", "step_s"), [(1, 5), (20, 5), (60, 15), (180, 60), (720, 300), (1440, 360)]
)
async def test_steps(turned_clock: Any, tmp_path: Path, minutes: int, step_s: int) -> None:
    found = await Desk(turned_clock, tmp_path).service.history(OPERATOR, minutes)
    assert (found.step_s, (found.to - found.from_).total_seconds()) == (step_s, minutes * 60)
