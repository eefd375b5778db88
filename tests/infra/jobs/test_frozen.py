"""Frozen executors are killed, and nobody else."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.jobs.executors import ExecutorRow
from roundhouse.infra.jobs.frozen import FrozenWatch, end_all_frozen, end_frozen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and pidfd")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has a file open."""
    path = tmp_path / "exe_1.lock"
    code = f"import time; file = open({str(path)!r}, 'w'); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def freeze(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGSTOP)
    ends_s = time.monotonic() + 20
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < ends_s


def row(pid: int, path: Path, machine: str = "here") -> ExecutorRow:
    return ExecutorRow(
        "exe_1", machine, "host", pid, str(path), ["io"], [], "1", 0.0, 0.0, 0.0, 30.0, draining=False
    )


def test_a_frozen_one_is_killed(holder: subprocess.Popen[bytes], tmp_path: Path):
    freeze(holder)
    assert end_frozen(row(holder.pid, tmp_path / "exe_1.lock"))
    assert holder.wait(20) == -signal.SIGKILL
    assert not end_frozen(row(holder.pid, tmp_path / "exe_1.lock"))


def test_one_that_runs_is_left_alone(holder: subprocess.Popen[bytes], tmp_path: Path):
    assert not end_frozen(row(holder.pid, tmp_path / "exe_1.lock"))
    assert holder.poll() is None


def test_another_process_of_the_same_number_is_left_alone(holder: subprocess.Popen[bytes], tmp_path: Path):
    freeze(holder)
    (tmp_path / "exe_2.lock").touch()
    for path in (tmp_path / "exe_2.lock", tmp_path / "gone.lock"):
        assert not end_frozen(row(holder.pid, path))
    assert psutil.Process(holder.pid).status() == psutil.STATUS_STOPPED


class Seen:
    """Stands for the roster."""

    machine = "here"

    def __init__(self, *rows: ExecutorRow) -> None:
        self.rows = list(rows)
        self.asked = 0

    async def lost(self) -> list[ExecutorRow]:
        self.asked += 1
        if self.asked == 1:
            raise StorageUnavailable("Away.")
        return self.rows


async def test_the_watch_finds_it_also_after_the_database_was_away(
    holder: subprocess.Popen[bytes], tmp_path: Path, turned_clock
):
    freeze(holder)
    seen = Seen(row(holder.pid, tmp_path / "exe_1.lock"))
    watch = FrozenWatch(seen, turned_clock)
    watch.start()
    ends_s = time.monotonic() + 20
    while holder.poll() is None:
        turned_clock.turn(5.0)
        await asyncio.sleep(0.01)
        assert time.monotonic() < ends_s
    await watch.close()
    await watch.close()
    assert seen.asked >= 2


async def test_what_is_frozen_on_another_machine_is_left_alone(
    holder: subprocess.Popen[bytes], tmp_path: Path
):
    freeze(holder)
    seen = Seen(row(holder.pid, tmp_path / "exe_1.lock", machine="elsewhere"))
    seen.asked = 1
    await end_all_frozen(seen)
    assert psutil.Process(holder.pid).status() == psutil.STATUS_STOPPED
