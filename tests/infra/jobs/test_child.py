"""Children are real processes, and so are their deaths."""

import asyncio
import contextlib
import os
import resource
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from roundhouse.core.errors import BackendRefused, Busy, ChildFailed, RoundhouseError, TooLarge
from roundhouse.infra.jobs.child import run_in_child

HERE = Path(__file__).parent
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps orphans together")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and groups of POSIX")


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


class Runner:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[tuple[float, str]] = []

    async def __call__(self, function, argument=None, on_progress=None):
        return await run_in_child(
            function if ":" in function else f"child_functions:{function}",
            argument,
            on_progress=on_progress or self.note,
            folder=self.folder,
            packages=["roundhouse", "child_functions"],
        )

    def note(self, fraction, message):
        self.told.append((fraction, message))


@pytest.fixture
def run(tmp_path) -> Runner:
    return Runner(tmp_path)


def alive(pid: int) -> bool:
    """Who is dead and waits for a new parent to notice is dead."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def pids(folder: Path) -> dict[str, int]:
    for _ in range(3000):
        if (folder / "pids").exists():
            lines = (folder / "pids").read_text().splitlines()
            return {name: int(pid) for name, pid in (line.split() for line in lines)}
        await asyncio.sleep(0.01)
    raise AssertionError("it never began")


def working_in(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder):
                found.append(process.pid)
    return found


async def dead(*processes: int) -> bool:
    for _ in range(1000):
        if not any(alive(pid) for pid in processes):
            return True
        await asyncio.sleep(0.01)
    return False


@pytest.mark.parametrize(
    "argument",
    [None, "tiếng Việt 🎈\x00", {"a": [1, 2.5, None]}, ["x" * 3_000_000]],
    ids=lambda one: type(one).__name__,
)
async def test_the_result_comes_back(run, argument):
    assert await run("echo", argument) == argument


async def test_it_works_in_its_folder_and_imports_nothing_from_it(run):
    (run.folder / "json.py").write_text("raise SystemExit(9)")
    folder, parsed, stdin, pid = await run("where")
    assert Path(folder) == run.folder.resolve()
    assert (parsed, stdin) == ([1], "")
    assert pid != os.getpid()


async def test_progress_is_told_the_newest_in_any_case(run):
    assert await run("count", 5) == "counted"
    assert run.told == [(number / 5, f"{number} of 5") for number in range(5)]


async def test_much_progress_is_thinned_out(run):
    assert await run("count", 300_000) == "counted"
    assert len(run.told) < 1000
    assert run.told[-1][1] == "299999 of 300000"


@pytest.mark.parametrize(
    ("argument", "kind", "told"),
    [
        ("busy", Busy, {"detail": "Full.", "retry_after_s": 7.0, "retryable": True, "status": 429}),
        ("backend", BackendRefused, {"detail": "No.", "param": "model", "status": 418, "retryable": False}),
        ("plugin", Busy, {"detail": "Too many.", "retry_after_s": 1.5}),
        ("ours", RoundhouseError, {"detail": "A fault of ours."}),
        ("fault", ChildFailed, {"detail": "The child process failed: ValueError."}),
        ("memory", ChildFailed, {"detail": "The child process failed: MemoryError."}),
        ("group", ChildFailed, {"detail": "The child process failed: ExceptionGroup."}),
        ("no JSON", ChildFailed, {"detail": "The child process failed: TypeError."}),
    ],
)
async def test_errors_come_back_as_what_they_are(run, logged, argument, kind, told):
    with pytest.raises(RoundhouseError) as caught:
        await run("fail", argument)
    assert type(caught.value) is kind
    assert {name: getattr(caught.value, name) for name in told} == told
    assert run.told == [(0.5, "soon")]
    traces = [line["trace"] for line in logged if line["event"] == "child_failed"]
    assert [" in fail" in trace or "to JSON" in trace or "Error" in trace for trace in traces] == (
        [True] if kind is ChildFailed else []
    )


@pytest.mark.parametrize(
    ("function", "kind", "told"),
    [
        ("os:getcwd", RoundhouseError, "not one of the functions"),
        ("child_functions_2:echo", RoundhouseError, "not one of the functions"),
        ("", RoundhouseError, "not one of the functions"),
        ("child_functions:coroutine", RoundhouseError, "coroutine"),
        ("roundhouse.none:none", ChildFailed, "ModuleNotFoundError"),
        ("child_functions:none", ChildFailed, "AttributeError"),
    ],
)
async def test_only_our_functions_run(run, function, kind, told):
    with pytest.raises(RoundhouseError, match=told) as caught:
        await run(function or ":")
    assert type(caught.value) is kind


async def test_functions_of_plugins_run(run, tmp_path, monkeypatch):
    (tmp_path / "odd_plugin.py").write_text("def double(argument, tell):\n    return 2 * argument\n")
    (tmp_path / "odd-1.dist-info").mkdir()
    (tmp_path / "odd-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    points = "[roundhouse.children]\ndouble = odd_plugin:double\n"
    (tmp_path / "odd-1.dist-info" / "entry_points.txt").write_text(points)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert await run("odd_plugin:double", 21) == 42
    with pytest.raises(RoundhouseError, match="not one of the functions"):
        await run("odd_plugin:other", 21)


@pytest.mark.parametrize(
    ("how", "told"),
    [("exit", "exit code 3"), ("abort", "SIGABRT"), ("SIGKILL", "SIGKILL.*memory"), ("SIGSEGV", "SIGSEGV")],
)
async def test_a_death_without_a_word_is_named(run, logged, how, told):
    with pytest.raises(ChildFailed, match=told) as caught:
        await run("end", how)
    assert caught.value.retryable
    (line,) = (line for line in logged if line["event"] == "child_died")
    assert "last words" in line["output"]


async def test_what_is_printed_disturbs_nothing_and_is_logged_in_bounds(run, logged):
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert await run("flood", 300) == "flooded"
    lines = [line["line"] for line in logged if line["event"] == "child_output"]
    assert len(lines) == 100
    assert "one line" in lines
    assert max(map(len, lines)) <= 500
    assert [line["event"] for line in logged if line["event"] == "child_output_cut"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 40_000


async def test_what_is_too_large_is_refused(run):
    with pytest.raises(TooLarge):
        await run("echo", "x" * (64 << 20))
    with pytest.raises(RoundhouseError, match="must write a file"):
        await run("large", 64 << 20)


async def test_a_thread_that_stays_does_not_hold_it_up(run):
    async with asyncio.timeout(30):
        assert await run("thread") == "done"


@LINUX
async def test_what_it_leaves_behind_is_ended(run):
    assert not any(alive(pid) for pid in await run("leave_behind"))


@pytest.mark.parametrize("argument", ["plain", "stubborn", "native", "session", "stubborn native session"])
async def test_cancelling_returns_when_all_are_gone(run, argument):
    task = asyncio.create_task(run("stand", argument))
    found = await pids(run.folder)
    task.cancel()
    await asyncio.sleep(0.05)
    # A second time, as a drain does after a cancel.
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [name for name, pid in found.items() if alive(pid)]


async def test_cancelled_while_it_starts_leaves_nothing(run):
    for turn in range(12):
        task = asyncio.create_task(run("stand", "plain"))
        await asyncio.sleep(turn * 0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await dead(*working_in(run.folder))


async def test_whoever_hears_progress_and_fails_ends_it(run):
    def refuse(fraction, message):
        raise KeyError

    async with asyncio.timeout(30):
        with pytest.raises(KeyError):
            await run("count", 5, refuse)


@LINUX
@pytest.mark.parametrize("argument", ["plain", "stubborn native session"])
async def test_kill_9_of_the_parent_ends_all(tmp_path, argument):
    process = await asyncio.create_subprocess_exec(
        sys.executable, HERE / "child_parent.py", tmp_path, argument, cwd=HERE
    )
    found = await pids(tmp_path)
    process.kill()
    await process.wait()
    assert await dead(*found.values())


@LINUX
async def test_kill_9_of_the_keeper_ends_all(run):
    task = asyncio.create_task(run("stand", "stubborn native"))
    found = await pids(run.folder)
    os.kill(found["keeper"], signal.SIGKILL)
    with pytest.raises(ChildFailed, match="SIGKILL"):
        await task
    assert await dead(*found.values())


async def test_a_frozen_child_is_killed_as_well(run):
    task = asyncio.create_task(run("stand", "plain"))
    found = await pids(run.folder)
    os.kill(found["worker"], signal.SIGSTOP)
    began_s = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not any(alive(pid) for pid in found.values())
    assert time.monotonic() - began_s < 30


@LINUX
async def test_nothing_is_left_open(run):
    await run("echo", 1)
    before = psutil.Process().num_fds()
    assert await asyncio.gather(*(run("echo", number) for number in range(4))) == [0, 1, 2, 3]
    await asyncio.sleep(0.05)
    assert psutil.Process().num_fds() <= before
