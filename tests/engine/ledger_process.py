"""A process that leases as it is told on its standard input; models are files of a folder that all of them share.

    python ledger_process.py FOLDER

The folder is the model server as well: `held/<model>` is in memory, `leases/` says who uses what, and `broken` gets
a line for every rule that was broken: more in memory than the budget, a model sent away while somebody uses it,
company for who wanted to be alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.settings import EngineSettings
from roundhouse.core.types import Device, RunningModel
from roundhouse.engine.residency import Residency
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.rendezvous import Rendezvous

SIZES = {"small": 1000, "medium": 3000, "large": 6000, "other": 3000}
BUDGET_MIB = 7952
LOAD_S = 0.15


def lives(pid: str) -> bool:
    """Whether a process is there, and not just waiting for its parent to notice its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


class FolderServer:
    """A `Loader` over files, and the card they fill."""

    def __init__(self, folder: Path) -> None:
        self.held, self.leases, self.broken = folder / "held", folder / "leases", folder / "broken"
        self.calls = folder / "calls"
        for one in (self.held, self.leases):
            one.mkdir(exist_ok=True)

    def note(self, path: Path, text: str) -> None:
        with path.open("a") as file:
            file.write(f"{text}\n")

    def names(self) -> list[str]:
        return sorted(one.name for one in self.held.iterdir())

    async def load(self, model: str) -> None:
        self.note(self.calls, f"load {model}")
        await asyncio.sleep(LOAD_S)
        (self.held / model).touch()
        if sum(SIZES[one] for one in self.names()) > BUDGET_MIB:
            self.note(self.broken, f"over the budget with {self.names()}")

    async def unload(self, model: str) -> None:
        self.note(self.calls, f"unload {model}")
        if self.users(model):
            # A killed process closes its socket a moment before it is gone.
            await asyncio.sleep(0.2)
        for user in self.users(model):
            self.note(self.broken, f"{model} sent away while {user} uses it")
        (self.held / model).unlink(missing_ok=True)

    def users(self, model: str) -> list[str]:
        return [
            one.name
            for one in self.leases.iterdir()
            if one.name.endswith(f".{model}") and lives(one.name.partition(".")[0])
        ]

    def devices(self) -> Sequence[Device]:
        """As a `DeviceProbe`: a card that holds what the server holds."""
        used_mib = sum(SIZES[one] for one in self.names())
        return [Device("cuda:0", "Made-up", 10_000, used_mib), Device("cpu", "Made-up", 32_000, 2000)]

    async def measure(self) -> Sequence[RunningModel]:
        return [RunningModel(one, vram_mib=SIZES[one]) for one in self.names()]

    async def alive(self) -> bool:
        return True


class Known:
    """`FootprintStore` of models that were all measured before."""

    async def load(self) -> dict[str, int]:
        return {f"srv/{name}": mib for name, mib in SIZES.items()}

    async def save(self, target: str, footprint_mib: int) -> None:
        return


class Leaser:
    """Carries out the commands."""

    def __init__(self, folder: Path) -> None:
        self.server = FolderServer(folder)
        meeting = Rendezvous(folder, "residency")
        self.residency = Residency(
            EngineSettings(queue_timeout_s=60), self.server, SystemClock(), Known(), meeting
        )
        self.residency.register("srv", self.server)
        self.stops: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def say(self, **what: Any) -> None:
        sys.stdout.write(f"{json.dumps(what)}\n")
        sys.stdout.flush()

    async def use(self, id: str, model: str, exclusive: bool) -> None:
        stop = self.stops[id] = asyncio.Event()

        def placed(where: Any) -> None:
            self.say(event="placed", id=id, position=where.position)

        try:
            async with self.residency.lease(f"srv/{model}", exclusive=exclusive, on_wait=placed):
                mark = self.server.leases / f"{os.getpid()}.{id}.{model}"
                mark.touch()
                if model not in self.server.names():
                    self.server.note(self.server.broken, f"{model} leased and not there")
                if exclusive and self.server.names() != [model]:
                    self.server.note(self.server.broken, f"{model} is not alone: {self.server.names()}")
                self.say(event="granted", id=id)
                try:
                    await stop.wait()
                finally:
                    mark.unlink()
        except RoundhouseError as error:
            self.say(event="failed", id=id, code=error.code)
        else:
            self.say(event="released", id=id)

    async def many(self, number: int) -> None:
        began_s = time.perf_counter()
        for _ in range(number):
            async with self.residency.lease("srv/small"):
                pass
        self.say(event="many", seconds=time.perf_counter() - began_s)

    async def obey(self, command: dict[str, Any]) -> bool:
        match command.pop("do"):
            case "use":
                self.tasks[command["id"]] = asyncio.create_task(self.use(**command))
            case "stop":
                self.stops[command["id"]].set()
            case "cancel":
                self.tasks[command["id"]].cancel()
            case "many":
                await self.many(**command)
            case "status":
                shown = {
                    one.target.partition("/")[2]: [one.state, one.leases, one.queue_length, one.pinned]
                    for one in self.residency.status()
                }
                self.say(event="status", leads=self.residency._warden is not None, models=shown)
            case "pin":
                await self.residency.pin(f"srv/{command['model']}")
                self.say(event="pinned")
            case "close":
                await self.residency.close()
                self.say(event="closed")
                return False
        return True

    async def run(self) -> None:
        await self.residency.start()
        self.say(event="ready", leads=self.residency._warden is not None)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while line := await reader.readline():
            if not await self.obey(json.loads(line)):
                return


if __name__ == "__main__":
    asyncio.run(Leaser(Path(sys.argv[-1])).run())
