"""`roundhouse executor`, alone and as the child of `roundhouse run`: processes of their own, ended in every way."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.plugin_jobs import install
from running_server import KEY, Running, environment, running

LONGEST_S = 30.0


def until(holds: Callable[[], Any]) -> Any:
    ends_at_s = time.monotonic() + LONGEST_S
    while not (found := holds()):
        assert time.monotonic() < ends_at_s, "it never came"
        time.sleep(0.02)
    return found


def rows(folder: Path, what: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "data" / "roundhouse.db", timeout=10)) as connection:
        return connection.execute(what).fetchall()


def executors(folder: Path) -> list[tuple[int, str]]:
    """Process and queues of each."""
    return rows(folder, "SELECT pid, queues FROM executors")


def is_alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def states(folder: Path) -> list[tuple[str, int]]:
    return rows(folder, "SELECT state, attempts FROM jobs WHERE kind = 'probe.slow'")


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    return install(tmp_path / "plugin") | {"ROUNDHOUSE_JOBS__DRAIN_S": "0.5"}


@contextmanager
def supervising(folder: Path, *words: str, **env: str) -> Iterator[Running]:
    """`roundhouse run` with an executor that has joined."""
    with running(folder, *words, **{"ROUNDHOUSE_JOBS__EXECUTOR": "true"} | env) as server:
        until(lambda: executors(folder))
        yield server


@contextmanager
def executing(folder: Path, *words: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """`roundhouse executor` that has joined."""
    process = subprocess.Popen(
        [sys.executable, "-m", "roundhouse", "executor", *words],
        cwd=folder,
        env=environment(**env),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        path = folder / "data" / "roundhouse.db"
        until(lambda: process.poll() is not None or (path.exists() and _joined(folder, process.pid)))
        yield process
    finally:
        process.kill()
        process.communicate()


def _joined(folder: Path, pid: int) -> bool:
    try:
        return pid in {one for one, _ in executors(folder)}
    except sqlite3.OperationalError:
        return False


def submit(server: Running, folder: Path) -> str:
    """A job that has begun, and waits for the file `go`."""
    (key,) = KEY.findall(server.out) or [(folder / "data" / "admin.key").read_text()]
    request = urllib.request.Request(
        f"{server.url}/v1/jobs",
        json.dumps(
            {"kind": "probe.slow", "input": {"told": str(folder / "told"), "go": str(folder / "go")}}
        ).encode(),
        {"Authorization": f"Bearer {key.strip()}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        job = json.load(answer)
    until(lambda: "wait" in told(folder))
    return str(job["id"])


def told(folder: Path) -> list[str]:
    path = folder / "told"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


# Alone


def test_it_starts_joins_and_drains(tmp_path: Path) -> None:
    with executing(tmp_path, "--queues", "cpu, io") as process:
        assert executors(tmp_path) == [(process.pid, '["cpu","io"]')]
        assert len(list((tmp_path / "data" / "executors").iterdir())) == 1
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, out) == (0, "")
    steps = [line.split(":")[0].split(" exe_")[0] for line in err.splitlines() if not line.startswith("{")]
    assert steps == ["Executor", "Draining", "Stopped"]
    assert executors(tmp_path) == []
    assert list((tmp_path / "data" / "executors").iterdir()) == []


@pytest.mark.parametrize("words", [["--queues", "gpu,disk"], ["--queues", ""], ["--config", "absent.toml"]])
def test_what_is_wrong_is_told(cli: Any, place: Path, words: list[str]) -> None:
    result = cli("executor", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
    assert not (place / "data").exists()


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    away = {"ROUNDHOUSE_DB__URL": "postgresql://nobody@127.0.0.1:1/none"}
    with executing(tmp_path, **away) as process:
        out, err = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, out) == (1, "")
    assert "database" in err.lower()
    assert "Traceback" not in err


def test_two_share_a_machine_and_a_killed_ones_job_goes_on(tmp_path: Path, plugin: dict[str, str]) -> None:
    with (
        running(tmp_path, **plugin) as server,
        executing(tmp_path, "--queues", "io", **plugin) as first,
        executing(tmp_path, "--queues", "io", **plugin) as second,
    ):
        submit(server, tmp_path)
        ((holder,),) = rows(tmp_path, "SELECT pid FROM executors JOIN jobs ON executor_id = executors.id")
        victim = first if holder == first.pid else second
        victim.kill()
        until(lambda: told(tmp_path).count("wait") == 2)
        assert told(tmp_path) == ["begin", "wait", "wait"]
        (tmp_path / "go").touch()
        until(lambda: states(tmp_path) == [("completed", 2)])
        assert server.stop()[0] == 0


def test_a_drain_gives_running_jobs_back(tmp_path: Path, plugin: dict[str, str]) -> None:
    with running(tmp_path, **plugin) as server, executing(tmp_path, **plugin) as process:
        submit(server, tmp_path)
        process.send_signal(signal.SIGINT)
        assert process.wait(LONGEST_S) == 0
        assert states(tmp_path) == [("queued", 0)]
        assert executors(tmp_path) == []


def test_a_second_signal_does_not_wait_for_them(tmp_path: Path, plugin: dict[str, str]) -> None:
    with running(tmp_path, **plugin) as server:
        with executing(tmp_path, **plugin | {"ROUNDHOUSE_JOBS__DRAIN_S": "600"}) as process:
            submit(server, tmp_path)
            process.send_signal(signal.SIGTERM)
            until(lambda: rows(tmp_path, "SELECT draining FROM executors") == [(1,)])
            assert states(tmp_path) == [("running", 1)]
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONGEST_S) == 0
        assert states(tmp_path) == [("queued", 0)]


# As a child


def test_run_starts_one_with_its_own_settings(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[jobs]\nqueues = ["flow", "io"]\n')
    with supervising(tmp_path, "--data-dir", "data", "--config", "own.toml") as server:
        ((child, queues),) = executors(tmp_path)
        assert json.loads(queues) == ["flow", "io"]
        assert "beside this one: flow, io" in server.out
        assert child != server.process.pid
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        assert words[-6:-1] == [
            b"--supervised",
            b"--data-dir",
            str(tmp_path / "data").encode(),
            b"--config",
            str(tmp_path / "own.toml").encode(),
        ]
        (tmp_path / "random.py").write_text("raise SystemExit('what lies here is no module')")
        os.kill(child, signal.SIGKILL)
        again = until(lambda: [pid for pid, _ in executors(tmp_path) if pid != child])[0]
        # The row of the dead one goes once its jobs, of which it has none, are taken over.
        until(lambda: [pid for pid, _ in executors(tmp_path)] == [again])
        code, err = server.stop()
    assert code == 0
    assert "Traceback" not in err
    assert not is_alive(again)
    assert executors(tmp_path) == []
    assert [line for line in err.splitlines() if not line.startswith("{")][-1] == "Stopped"


def test_run_can_do_without(tmp_path: Path) -> None:
    with running(tmp_path, "--no-executor", ROUNDHOUSE_JOBS__EXECUTOR="true") as server:
        assert "wait for a `roundhouse executor`" in server.out
        time.sleep(0.5)
        assert Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text() == ""
        assert server.stop()[0] == 0


def test_a_stop_of_run_gives_jobs_back(tmp_path: Path, plugin: dict[str, str]) -> None:
    with supervising(tmp_path, **plugin) as server:
        submit(server, tmp_path)
        assert server.stop()[0] == 0
    assert states(tmp_path) == [("queued", 0)]
    assert executors(tmp_path) == []

    (tmp_path / "go").touch()
    with supervising(tmp_path, **plugin) as server:
        until(lambda: states(tmp_path) == [("completed", 1)])
        # What was finished before was not done again.
        assert told(tmp_path) == ["begin", "wait", "wait"]
        assert server.stop()[0] == 0


def test_a_killed_run_takes_its_executor_along_which_gives_its_jobs_back(
    tmp_path: Path, plugin: dict[str, str]
) -> None:
    env = plugin | {"ROUNDHOUSE_JOBS__DRAIN_S": "600"}
    with supervising(tmp_path, **env) as server:
        submit(server, tmp_path)
        ((child, _),) = executors(tmp_path)
        server.process.kill()
        until(lambda: not is_alive(child))
    assert states(tmp_path) == [("queued", 0)]
    assert executors(tmp_path) == []


def test_an_executor_that_is_stuck_does_not_outlive_a_killed_run(tmp_path: Path) -> None:
    with supervising(tmp_path) as server:
        ((child, _),) = executors(tmp_path)
        os.kill(child, signal.SIGSTOP)
        server.process.kill()
        server.process.wait()
        os.kill(child, signal.SIGCONT)
        until(lambda: not is_alive(child))
