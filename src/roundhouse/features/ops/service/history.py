"""How the machine and this process were lately: looked at every few seconds, kept in memory for a day.

What it was before the process started, or while it stood still, is not known and told as such.
"""

from __future__ import annotations

import asyncio
import math
import shutil
from array import array
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import psutil

from roundhouse.core.ports import Clock, DeviceProbe
from roundhouse.core.types import Caller
from roundhouse.features.ops.schemas.system import HistorySeries, SystemHistory, Unit
from roundhouse.infra.background import stop
from roundhouse.infra.moments import moment

EVERY_S = 5
"""From one look to the next."""

LONGEST_MINUTES = 24 * 60
"""How long it is remembered."""

_SLOTS = LONGEST_MINUTES * 60 // EVERY_S
_STEPS_S = (5, 10, 15, 30, 60, 120, 300, 360)
_MOST_POINTS = 240
_MIB = 1024 * 1024

Name = tuple[str, str | None]
"""What is measured, and of which of several."""

UNITS: dict[str, Unit] = {
    "cpu_percent": "percent",
    "memory_used_mib": "mib",
    "memory_total_mib": "mib",
    "utilization_percent": "percent",
    "process_memory_mib": "mib",
    "disk_used_mib": "mib",
    "disk_total_mib": "mib",
    "requests_in_flight": "count",
    "jobs": "count",
}


class Ring:
    """Numbers by name and time, the newest day of them; a time that was not looked at has none."""

    def __init__(self) -> None:
        self._at = array("q", [-1]) * _SLOTS
        self._values: dict[Name, array[float]] = {}

    def put(self, at_s: float, values: Mapping[Name, float]) -> None:
        """Keep what was seen at a Unix time; what has no value now is unknown."""
        number = int(at_s // EVERY_S)
        place = number % _SLOTS
        self._at[place] = number
        for name in values:
            if name not in self._values:
                self._values[name] = array("d", [math.nan]) * _SLOTS
        for name, kept in self._values.items():
            kept[place] = values.get(name, math.nan)

    def read(self, first: int, last: int, stride: int) -> dict[Name, list[float | None]]:
        """Means over `stride` looks each, from one number to before the last; None = none of them was made."""
        seen = [number % _SLOTS for number in range(first, last) if self._at[number % _SLOTS] == number]
        spans = -(-(last - first) // stride)
        found: dict[Name, list[float | None]] = {}
        for name, kept in list(self._values.items()):
            sums, counts = [0.0] * spans, [0] * spans
            for place in seen:
                if not math.isnan(kept[place]):
                    span = (self._at[place] - first) // stride
                    sums[span] += kept[place]
                    counts[span] += 1
            if any(counts):
                found[name] = [sums[at] / counts[at] if counts[at] else None for at in range(spans)]
        return found


class Load:
    """How busy all cores together were since the last look.

    Not psutil's own percentage: that is since the last look of anybody in the process.
    """

    def __init__(self) -> None:
        self._busy_s, self._all_s = _core_times_s()

    def percent(self) -> float | None:
        """0 to 100; None = no time has passed."""
        busy_s, all_s = _core_times_s()
        busy, whole = busy_s - self._busy_s, all_s - self._all_s
        self._busy_s, self._all_s = busy_s, all_s
        return min(max(100.0 * busy / whole, 0.0), 100.0) if whole > 0 else None


class HistoryService:
    """Looks at the machine now and then, and tells how it was.

    Args:
        probe: The machine's memories.
        data_dir: On the disk that is watched.
        in_flight: How many requests are being answered.
        jobs: Jobs by queue and state; quick, and empty when that cannot be told.
        clock: Time.
    """

    def __init__(
        self,
        probe: DeviceProbe,
        data_dir: Path,
        in_flight: Callable[[], float],
        jobs: Callable[[], Awaitable[Mapping[tuple[str, ...], float]]],
        clock: Clock,
    ) -> None:
        self._probe = probe
        self._data_dir = data_dir
        self._in_flight = in_flight
        self._jobs = jobs
        self._clock = clock
        self._ring = Ring()
        self._load = Load()
        self._process = psutil.Process()
        self._working = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._watch(), name="system history")

    async def close(self) -> None:
        """Look no longer."""
        await stop(self._task, self._working)
        self._task = None

    async def look(self) -> None:
        """Look once, and keep what is seen."""
        values = await asyncio.to_thread(self._look_blocking)
        values["requests_in_flight", None] = self._in_flight()
        for (_, state), count in (await self._jobs()).items():
            values["jobs", state] = values.get(("jobs", state), 0.0) + count
        self._ring.put(self._clock.now_s(), values)

    async def history(self, caller: Caller, minutes: int) -> SystemHistory:
        """How it was in the last minutes, in at most 241 means of equal spans."""
        step_s = next(step for step in _STEPS_S if minutes * 60 <= step * _MOST_POINTS)
        end = int(self._clock.now_s() // step_s) + 1
        first = end - minutes * 60 // step_s
        stride = step_s // EVERY_S
        # A whole day is some hundred thousand numbers: not on the loop that answers others.
        found = await asyncio.to_thread(self._ring.read, first * stride, end * stride, stride)
        return SystemHistory(
            from_=moment(first * step_s),
            to=moment(end * step_s),
            step_s=step_s,
            every_s=EVERY_S,
            series=[
                HistorySeries(
                    name=name,
                    of=of,
                    unit=UNITS[name],
                    values=[None if value is None else round(value, 2) for value in values],
                )
                for (name, of), values in sorted(found.items(), key=lambda one: (one[0][0], one[0][1] or ""))
            ],
        )

    def _look_blocking(self) -> dict[Name, float]:
        values: dict[Name, float] = {}
        for device in self._probe.devices():
            values["memory_used_mib", device.id] = device.used_mib
            values["memory_total_mib", device.id] = device.total_mib
            if device.id != "cpu" and device.utilization_percent is not None:
                values["utilization_percent", device.id] = device.utilization_percent
        load = self._load.percent()
        if load is not None:
            values["cpu_percent", None] = load
        values["process_memory_mib", None] = self._process.memory_info().rss / _MIB
        try:
            disk = shutil.disk_usage(self._data_dir)
        except OSError:
            # A disk that is away is told by the readiness; here it leaves a gap.
            return values
        values["disk_used_mib", None] = (disk.total - disk.free) / _MIB
        values["disk_total_mib", None] = disk.total / _MIB
        return values

    async def _watch(self) -> None:
        while True:
            async with self._working:
                await self.look()
            await self._clock.sleep(EVERY_S)


def _core_times_s() -> tuple[float, float]:
    """Seconds that all cores together were busy, and all seconds, since the machine started."""
    times = psutil.cpu_times()
    # Time of guests is in that of their hosts already (proc(5)).
    guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    all_s = sum(times) - guests_s
    return all_s - times.idle - getattr(times, "iowait", 0.0), all_s
