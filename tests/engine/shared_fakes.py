"""Several processes of one machine, pretended inside this one: residencies that share a server and a ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from engine.residency_fakes import SIZES, FakeClock, FakeFootprints, FakeServer, House, card
from roundhouse.core.settings import EngineSettings
from roundhouse.engine.residency import Residency
from roundhouse.engine.succession import Meeting
from roundhouse.infra.probe import FakeProbe
from roundhouse.infra.rendezvous import Rendezvous


class Member(House):
    """One process."""

    def __init__(
        self,
        server: FakeServer,
        footprints: FakeFootprints,
        probe: FakeProbe,
        meeting: Meeting,
        patience_s: float = 0.0,
        **settings: Any,
    ) -> None:
        self.server, self.footprints, self.probe = server, footprints, probe
        self.clock = server.clock
        self.residency = Residency(
            EngineSettings(**settings), probe, self.clock, footprints, meeting, patience_s=patience_s
        )
        self.residency.register("srv", server)

    @property
    def leads(self) -> bool:
        return self.residency._warden is not None


class JoiningServer(FakeServer):
    """One whose loads go on when the caller is gone; who asks for the same model again joins them."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.under_way: dict[str, asyncio.Task[None]] = {}
        self.most_mib = 0

    async def load(self, model: str) -> None:
        if model in self.holding:
            self.calls.append(f"again {model}")
            return
        task = self.under_way.get(model)
        if task is None:
            task = self.under_way[model] = asyncio.create_task(super().load(model))
            task.add_done_callback(lambda _: self.under_way.pop(model))
        else:
            self.calls.append(f"join {model}")
        await asyncio.shield(task)

    def take(self, model: str) -> None:
        super().take(model)
        self.most_mib = max(self.most_mib, sum(self.holding.values()))


class Village:
    """Processes on one folder. The first to join leads."""

    def __init__(self, folder: Path, *, known: dict[str, int] | None = None, **settings: Any) -> None:
        self.folder, self.settings = folder, {"queue_timeout_s": 1000, "keep_alive_s": 10_000, **settings}
        self.clock, self.probe = FakeClock(), card()
        self.server = JoiningServer(self.clock, self.probe, dict(SIZES))
        known = {f"srv/{name}": mib for name, mib in SIZES.items()} if known is None else known
        self.footprints = FakeFootprints(known)
        self.members: list[Member] = []

    def made(self, **settings: Any) -> Member:
        """A process that has not started yet."""
        meeting = Rendezvous(self.folder, "residency")
        member = Member(self.server, self.footprints, self.probe, meeting, **self.settings | settings)
        self.members.append(member)
        return member

    async def join(self, **settings: Any) -> Member:
        """A process that has started."""
        member = self.made(**settings)
        await member.residency.start()
        return member

    async def until(self, true: Callable[[], object], what: str = "") -> None:
        """Let a little time pass, again and again, until something holds."""
        for _ in range(400):
            if true():
                return
            await self.clock.advance(0.05)
        raise AssertionError(what or "it did not happen")

    async def close(self) -> None:
        for member in reversed(self.members):
            await member.residency.close()


Settle = Callable[..., Awaitable[Village]]


async def ended(*tasks: asyncio.Task[Any]) -> list[Any]:
    return await asyncio.gather(*tasks, return_exceptions=True)
