"""The supervised child: kept alive, never two of it, gone with its parent. Real processes."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from conftest import TurnedClock
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.jobs.supervisor import Supervisor

SCRIPT = str(Path(__file__).with_name("supervised.py"))
LONGEST_S = 20.0


class HastyClock(TurnedClock):
    """Notes how long one would have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)


def command(folder: Path, how: str) -> list[str]:
    return [sys.executable, SCRIPT, "child", str(folder), how]


def told(folder: Path) -> list[str]:
    path = folder / "told"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def pids(folder: Path) -> list[int]:
    return [int(line.split()[1]) for line in (folder / "told").read_text().splitlines()]


async def until(holds: Callable[[], Any]) -> None:
    ends_at_s = time.monotonic() + LONGEST_S
    while not holds():
        assert time.monotonic() < ends_at_s, "it never came"
        await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    """A zombie whose new parent does not collect it is dead."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture
async def supervise(tmp_path: Path) -> AsyncIterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def make(how: str, clock: Any = None, drain_s: float = 5.0) -> Supervisor:
        one = Supervisor(
            command(tmp_path, how), drain_s=drain_s, clock=clock or SystemClock(), patience_s=0.3
        )
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        await one.close(hurry=True)


async def test_a_killed_child_comes_back_and_there_are_never_two(supervise: Any, tmp_path: Path) -> None:
    one = supervise("good")
    for life in range(1, 5):
        await until(lambda life=life: told(tmp_path).count("started") == life)
        assert one.state.restarts == life - 1
        assert one.state.pid == pids(tmp_path)[-1]
        os.kill(one.state.pid, signal.SIGKILL)
    await until(lambda: told(tmp_path).count("started") == 5)
    assert one.state.last_exit == "signal 9"
    assert abs(one.state.started_at_s - time.time()) < 60
    assert told(tmp_path) == ["started"] * 5


async def test_one_that_dies_young_is_given_time(supervise: Any, logged: Any) -> None:
    clock = HastyClock()
    one = supervise("brief", clock)
    await until(lambda: len(clock.slept) >= 9)
    await one.close()
    assert clock.slept[:9] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert one.state.pid is None
    assert [line["exit"] for line in logged if line["event"] == "executor_died"][:9] == ["exit 3"] * 9
    assert {line["event"] for line in logged} == {"executor_started", "executor_died"}


async def test_one_that_lived_comes_back_at_once(supervise: Any, tmp_path: Path) -> None:
    clock = HastyClock()
    one = supervise("good", clock)
    for life in (1, 2):
        await until(lambda life=life: told(tmp_path).count("started") == life)
        clock.turn(6.0)
        os.kill(one.state.pid, signal.SIGKILL)
    await until(lambda: told(tmp_path).count("started") == 3)
    assert clock.slept == []


async def test_a_program_that_is_not_there_is_told_and_tried_again(tmp_path: Path) -> None:
    clock = HastyClock()
    one = Supervisor([str(tmp_path / "none")], drain_s=1.0, clock=clock)
    one.start()
    await until(lambda: len(clock.slept) > 3)
    assert one.state.last_exit == "not started: No such file or directory"
    await one.close()


async def test_a_stop_lets_it_drain(supervise: Any, tmp_path: Path) -> None:
    one = supervise("good")
    await until(lambda: told(tmp_path))
    one.drain()
    one.drain()
    await until(lambda: one.state.pid is None)
    await one.close()
    await one.close()
    assert told(tmp_path) == ["started", "term"]
    assert (one.state.last_exit, one.state.restarts) == ("exit 0", 0)
    one.start()
    assert one.state.pid is None


async def test_a_stop_while_it_starts(supervise: Any, tmp_path: Path) -> None:
    one = supervise("good")
    await asyncio.sleep(0)
    await one.close()
    assert one.state.pid is None
    assert one.state.restarts == 0
    one = supervise("brief", TurnedClock())
    await until(lambda: one.state.last_exit)
    # It sleeps before the next start, on a clock that stands still.
    await one.close()
    assert one.state.restarts == 0


async def test_in_a_hurry_the_line_is_cut(supervise: Any, tmp_path: Path) -> None:
    one = supervise("good", drain_s=60.0)
    await until(lambda: told(tmp_path))
    began_s = time.monotonic()
    await one.close(hurry=True)
    assert time.monotonic() - began_s < LONGEST_S
    assert one.state.pid is None


async def test_one_that_does_not_end_is_killed(supervise: Any, tmp_path: Path, logged: Any) -> None:
    one = supervise("stubborn", drain_s=0.1)
    await until(lambda: told(tmp_path))
    await one.close()
    assert told(tmp_path) == ["started", "cut"]
    assert one.state.last_exit == "signal 9"
    assert "executor_killed" in {line["event"] for line in logged}


@pytest.mark.parametrize(("how", "ends"), [("good", "cut"), ("orphan", "term")])
async def test_it_ends_with_its_parent_however_that_dies(tmp_path: Path, how: str, ends: str) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, SCRIPT, "parent", str(tmp_path), how)
    try:
        await until(lambda: told(tmp_path))
        (child,) = pids(tmp_path)
        assert is_alive(child)
    finally:
        parent.kill()
        await parent.wait()
    await until(lambda: not is_alive(child))
    # The signal and the end of the line come within the same moment.
    assert told(tmp_path) in (["started", ends], ["started", "cut"])
