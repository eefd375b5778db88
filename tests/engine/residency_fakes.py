"""A made-up machine: time that only moves when told, servers that hold models, a card that fills and empties."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from roundhouse.core.errors import BackendDown, BackendFailed, RoundhouseError
from roundhouse.core.settings import EngineSettings
from roundhouse.core.types import Device, ModelInfo, PullProgress, RunningModel
from roundhouse.engine.memory import DeviceUse, Resident
from roundhouse.engine.residency import Residency
from roundhouse.infra.probe import FakeProbe


class FakeClock:
    """Time stands still until `advance`; sleepers wake in order."""

    def __init__(self) -> None:
        self.time_s = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_s(self) -> float:
        return 1_700_000_000.0 + self.time_s

    def monotonic_s(self) -> float:
        return self.time_s

    async def sleep(self, delay_s: float) -> None:
        self._count += 1
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time_s + delay_s, self._count, waker))
        await waker

    async def advance(self, delay_s: float) -> None:
        """Let this much time pass, stopping at each sleeper's time."""
        end_s = self.time_s + delay_s
        while True:
            await settle()
            self._sleepers = [one for one in self._sleepers if not one[2].done()]
            due = min(
                (one for one in self._sleepers if one[0] <= end_s), default=None, key=lambda one: one[:2]
            )
            if due is None:
                break
            self._sleepers.remove(due)
            self.time_s = max(self.time_s, due[0])
            due[2].set_result(None)
        self.time_s = end_s
        await settle()


async def settle() -> None:
    """Let every task run until all of them wait; the probe's thread included."""
    for _ in range(4):
        for _ in range(10):
            await asyncio.sleep(0)
        await asyncio.to_thread(lambda: None)


class FakeServer:
    """A `Loader` whose loads take time on the fake clock and fill a fake card."""

    def __init__(
        self, clock: FakeClock, probe: FakeProbe, sizes: dict[str, int], *, device: str = "cuda:0"
    ) -> None:
        self.clock, self.probe, self.sizes, self.device = clock, probe, sizes, device
        self.load_s = 5.0
        self.holding: dict[str, int] = {}
        self.calls: list[str] = []
        self.fail_loads: RoundhouseError | None = None
        self.fail_unloads: RoundhouseError | None = None
        self.keeps = False
        self.leaks_mib = 0
        self.down = False
        self.silent = False
        self.expires_at_s: float | None = None
        self.loads_at_a_time = 0

    async def load(self, model: str) -> None:
        self.calls.append(f"load {model}")
        self.loads_at_a_time += 1
        try:
            await self.clock.sleep(self.load_s)
        finally:
            self.loads_at_a_time -= 1
        if self.fail_loads is not None:
            raise self.fail_loads
        self.take(model)

    def take(self, model: str) -> None:
        self.holding[model] = self.sizes[model]
        self._use(self.sizes[model])

    def lose(self, model: str) -> None:
        self._use(-self.holding.pop(model))

    async def unload(self, model: str) -> None:
        self.calls.append(f"unload {model}")
        await self.clock.sleep(0.5)
        if self.fail_unloads is not None:
            raise self.fail_unloads
        if not self.keeps and model in self.holding:
            self._use(-self.holding.pop(model) + self.leaks_mib)

    async def measure(self) -> Sequence[RunningModel]:
        if self.down:
            raise BackendDown("connection refused")
        told = 0 if self.silent else 1
        return [
            RunningModel(model, vram_mib=mib * told, expires_at_s=self.expires_at_s)
            for model, mib in self.holding.items()
        ]

    async def alive(self) -> bool:
        return not self.down

    def _use(self, mib: int) -> None:
        for one in self.probe.found:
            if one.id == self.device:
                one.used_mib += mib


class KillableServer(FakeServer):
    """One that can be ended."""

    async def kill(self, model: str) -> None:
        self.calls.append(f"kill {model}")
        self.holding.pop(model, None)
        self.probe.use(self.device, sum(self.holding.values()))


class FakeFootprints:
    """`core.ports.FootprintStore` in memory."""

    def __init__(self, known: dict[str, int] | None = None) -> None:
        self.known = dict(known or {})
        self.broken = False

    async def load(self) -> dict[str, int]:
        return self.known

    async def save(self, target: str, footprint_mib: int) -> None:
        if self.broken:
            raise BackendFailed("disk on fire")
        self.known[target] = footprint_mib


def card(total_mib: int = 10_000, used_mib: int = 0) -> FakeProbe:
    """A machine with one card and some RAM."""
    return FakeProbe(
        [
            Device("cuda:0", "Made-up", total_mib, used_mib),
            Device("cpu", "Made-up", 32_000, 2_000),
        ]
    )


class Control:
    """A `ModelControl` over a fake server."""

    def __init__(self, server: FakeServer, *, manages_memory: bool = True) -> None:
        self.server, self.manages_memory = server, manages_memory
        self.kept: list[float | None] = []
        self.error: RoundhouseError | None = None

    async def models(self) -> list[ModelInfo]:
        return []

    async def running(self) -> list[RunningModel]:
        if self.error is not None:
            raise self.error
        return list(await self.server.measure())

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        self.kept.append(keep_alive_s)
        await self.server.load(model)

    async def unload(self, model: str) -> None:
        await self.server.unload(model)

    async def pull(self, model: str) -> AsyncIterator[PullProgress]:
        yield PullProgress("success")

    async def close(self) -> None:
        return


SIZES = {"small": 1000, "medium": 3000, "large": 6000, "other": 3000}
# 10,000 MiB card: 85 % = 8500, 2048 stay free = 7952 MiB for models.
BUDGET_MIB = 7952


class House:
    """A residency over one fake server called `srv`."""

    def __init__(
        self, server: FakeServer, footprints: FakeFootprints, probe: FakeProbe, **settings: Any
    ) -> None:
        self.server, self.footprints, self.probe = server, footprints, probe
        self.clock = server.clock
        self.residency = Residency(EngineSettings(**settings), probe, self.clock, footprints)

    def state(self, model: str) -> Resident:
        return next(one for one in self.residency.status() if one.target == f"srv/{model}")

    def device(self, name: str = "cuda:0") -> DeviceUse:
        return next(one for one in self.residency.devices() if one.device == name)

    def loaded(self) -> set[str]:
        return {one.target.partition("/")[2] for one in self.residency.status() if one.state == "loaded"}

    async def use(self, model: str, seconds: float = 1.0, **how: Any) -> None:
        async with self.residency.lease(f"srv/{model}", **how):
            await self.clock.sleep(seconds)

    def begin(self, model: str, seconds: float = 1.0, **how: Any) -> asyncio.Task[None]:
        return asyncio.create_task(self.use(model, seconds, **how))


Open = Callable[..., Awaitable[House]]
