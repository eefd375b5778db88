"""Real processes that share a ledger, killed and frozen at bad moments."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("ledger_process.py")
# As `roundhouse run` does: without rich, which structlog would load for nothing.
START = "import runpy, sys; sys.modules['rich'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
GENEROUS_S = 60.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


class Proc:
    """One process, driven by lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while line := await self.process.stdout.readline():
            if line.startswith(b"{"):
                self.events.append(json.loads(line))
                self.changed.set()

    def tell(self, do: str, **what: Any) -> None:
        self.process.stdin.write(json.dumps({"do": do, **what}).encode() + b"\n")

    async def until(self, true: Callable[[dict[str, Any]], bool], start: int = 0) -> dict[str, Any]:
        async with asyncio.timeout(GENEROUS_S):
            while True:
                for event in self.events[start:]:
                    if true(event):
                        return event
                self.changed.clear()
                await self.changed.wait()

    async def told(self, event: str, id: str | None = None) -> dict[str, Any]:
        return await self.until(lambda one: one["event"] == event and one.get("id") == id)

    def was_told(self, event: str, id: str) -> bool:
        return any(one["event"] == event and one.get("id") == id for one in self.events)

    async def use(self, id: str, model: str, exclusive: bool = False) -> None:
        self.tell("use", id=id, model=model, exclusive=exclusive)
        await self.told("granted", id)

    async def status(self) -> dict[str, Any]:
        start = len(self.events)
        self.tell("status")
        return await self.until(lambda one: one["event"] == "status", start)

    async def until_status(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(GENEROUS_S):
            while True:
                found = await self.status()
                if true(found):
                    return found
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()
        await self.reader

    def send(self, number: int) -> None:
        os.kill(self.process.pid, number)


class Machine:
    """All processes of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.procs: list[Proc] = []

    async def start(self, number: int) -> list[Proc]:
        """The first one leads."""
        first = await self.start_one()
        return [first, *await asyncio.gather(*(self.start_one() for _ in range(number - 1)))]

    async def start_one(self) -> Proc:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            START,
            str(PROGRAM),
            str(self.folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        proc = Proc(process)
        self.procs.append(proc)
        await proc.told("ready")
        return proc

    async def leader(self) -> Proc:
        async with asyncio.timeout(GENEROUS_S):
            while True:
                for proc in self.procs:
                    if proc.process.returncode is None and (await proc.status())["leads"]:
                        return proc
                await asyncio.sleep(0.02)

    def held(self) -> set[str]:
        return {one.name for one in (self.folder / "held").iterdir()}

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def broken(self) -> str:
        path = self.folder / "broken"
        return path.read_text() if path.exists() else ""


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    made = Machine(tmp_path)
    yield made
    for proc in made.procs:
        if proc.process.returncode is None:
            proc.process.kill()
            await proc.process.wait()
        await proc.reader
    assert made.broken() == ""


async def test_a_killed_follower_gives_everything_back_at_once(machine: Machine) -> None:
    leader, one, two = await machine.start(3)
    await one.use("a", "large")
    one.tell("use", id="w", model="other", exclusive=True)
    await one.told("placed", "w")
    two.tell("use", id="b", model="medium", exclusive=False)
    assert (await two.told("placed", "b"))["position"] == 2
    await one.kill()
    await two.told("granted", "b")
    found = await leader.until_status(lambda one: one["models"]["medium"][1] == 1)
    assert found["models"]["large"][1] == 0 and not any(one[2] for one in found["models"].values())


async def test_a_killed_leader_takes_nobodys_lease_or_place_along(machine: Machine) -> None:
    leader, one, two = await machine.start(3)
    await one.use("a", "medium")
    await leader.use("l", "small")
    for proc, id, model in ((two, "first", "large"), (one, "second", "other")):
        proc.tell("use", id=id, model=model, exclusive=id == "first")
        await proc.told("placed", id)
    await leader.kill()
    new = await machine.leader()
    found = await new.until_status(
        lambda one: (
            one["models"].get("medium", [0] * 4)[1] == 1 and one["models"].get("large", [0] * 4)[2] == 1
        )
    )
    assert found["models"]["medium"][0] == "loaded" and "medium" in machine.held()
    assert not two.was_told("granted", "first") and not one.was_told("granted", "second")
    one.tell("stop", id="a")
    await two.told("granted", "first")
    assert machine.held() == {"large"} and not one.was_told("granted", "second")
    two.tell("stop", id="first")
    await one.told("granted", "second")


async def test_a_leader_killed_in_the_middle_of_a_load(machine: Machine) -> None:
    leader, one = await machine.start(2)
    leader.tell("use", id="l", model="large", exclusive=False)
    one.tell("use", id="a", model="large", exclusive=False)
    one.tell("use", id="b", model="medium", exclusive=False)
    await one.told("placed", "b")
    await leader.kill()
    await one.told("granted", "a")
    one.tell("stop", id="a")
    await one.told("granted", "b")


async def test_a_leader_that_closes_and_pins_that_stay(machine: Machine) -> None:
    leader, one, two = await machine.start(3)
    leader.tell("pin", model="small")
    await leader.told("pinned")
    await one.use("a", "medium")
    leader.tell("close")
    await leader.told("closed")
    await two.use("b", "medium")
    found = await two.until_status(lambda one: one["models"]["medium"][1] == 2)
    assert found["models"]["small"] == ["loaded", 0, 0, True]


async def test_everybody_killed_and_started_again(machine: Machine) -> None:
    one, two = await machine.start(2)
    await one.use("a", "medium")
    await two.use("b", "small")
    await one.kill()
    await two.kill()
    one, two = await machine.start(2)
    found = await two.until_status(lambda one: len(one["models"]) == 2)
    assert found["models"]["medium"][:2] == ["loaded", 0]
    await two.use("c", "large")
    assert machine.held() == {"large", "small"}


async def test_a_frozen_follower_keeps_its_lease(machine: Machine) -> None:
    leader, one = await machine.start(2)
    await one.use("a", "medium")
    one.send(signal.SIGSTOP)
    leader.tell("use", id="b", model="large", exclusive=False)
    await leader.told("placed", "b")
    await asyncio.sleep(1)
    assert not leader.was_told("granted", "b") and "medium" in machine.held()
    one.send(signal.SIGCONT)
    one.tell("stop", id="a")
    await leader.told("granted", "b")


async def test_a_frozen_leader_is_not_replaced_and_goes_on(machine: Machine) -> None:
    leader, one, two = await machine.start(3)
    await one.use("a", "medium")
    leader.send(signal.SIGSTOP)
    two.tell("use", id="b", model="small", exclusive=False)
    await asyncio.sleep(1)
    assert not (await two.status())["leads"] and not two.was_told("granted", "b")
    leader.send(signal.SIGCONT)
    await two.told("granted", "b")
    assert (await leader.status())["leads"]


async def test_a_frozen_leader_that_is_killed(machine: Machine) -> None:
    leader, one = await machine.start(2)
    await one.use("a", "medium")
    leader.send(signal.SIGSTOP)
    one.tell("use", id="b", model="large", exclusive=False)
    await asyncio.sleep(0.3)
    await leader.kill()
    await one.told("placed", "b")
    one.tell("stop", id="a")
    await one.told("granted", "b")


async def test_many_leases_through_a_follower(machine: Machine, record_property: Any) -> None:
    """How many a second is told, not judged: `pytest -s`, or a report in XML."""
    _, one = await machine.start(2)
    await one.use("a", "small")
    one.tell("many", number=2000)
    seconds = (await one.told("many"))["seconds"]
    record_property("leases_per_s", round(2000 / seconds))
    sys.stdout.write(f"\nleases through a follower, one after the other: {2000 / seconds:.0f}/s\n")


async def storm(machine: Machine, rounds: int, seed: int) -> None:
    dice = random.Random(seed)
    live = await machine.start(3)
    count = 0
    for _ in range(rounds):
        for _ in range(6):
            count += 1
            proc = dice.choice(live)
            model = dice.choice(["small", "medium", "large", "other"])
            proc.tell("use", id=f"u{count}", model=model, exclusive=dice.random() < 0.15)
        await asyncio.sleep(dice.uniform(0, 0.4))
        for proc in live:
            for id in {one["id"] for one in proc.events if one["event"] == "granted"}:
                if dice.random() < 0.7:
                    proc.tell("stop", id=id)
        if dice.random() < 0.8:
            victim = dice.choice(live)
            await victim.kill()
            live[live.index(victim)] = await machine.start_one()
    await _end(live)


async def _end(live: list[Proc]) -> None:
    """Everybody who waits in a process that lives is served in the end."""
    async with asyncio.timeout(2 * GENEROUS_S):
        for proc in live:
            await proc.status()
        while True:
            await asyncio.sleep(0.05)
            for proc in live:
                for id in {one["id"] for one in proc.events if one["event"] == "granted"}:
                    proc.tell("stop", id=id)
            found = [await proc.status() for proc in live]
            if all(one[1:3] == [0, 0] for each in found for one in each["models"].values()):
                break
    assert sum(one["leads"] for one in found) == 1


async def test_processes_that_are_killed_again_and_again(machine: Machine) -> None:
    await storm(machine, rounds=4, seed=5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(10))
async def test_processes_that_are_killed_for_long(machine: Machine, seed: int) -> None:
    await storm(machine, rounds=30, seed=seed)
