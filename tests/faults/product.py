"""The installed product in processes of its own, with a plugin's pipelines, to be killed in every way."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from faults.truth import Truth
from running_server import environment

KEY = "fault-campaign-" + "0123456789abcdef" * 2
PLUGIN = Path(__file__).parent / "plugin"
KINDS = {
    "chain": "CHAIN",
    "plain": "PLAIN",
    "heavy": "HEAVY",
    "poison": "POISON",
    "nothing": "NOTHING",
    "fill": "FILL",
}
READY_S = 60.0


def install(site: Path) -> None:
    """Make a folder that, on PYTHONPATH, is an installed distribution with pipelines and a recogniser."""
    info = site / "evidence-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evidence\nVersion: 1.0\n")
    lines = [f"evidence.{kind} = evidence:{name}\n" for kind, name in KINDS.items()]
    rest = (
        "[roundhouse.children]\nbusy = evidence:busy\n"
        "[roundhouse.asr]\nevidence = evidence_ears:EvidenceEars\n"
    )
    (info / "entry_points.txt").write_text("".join(["[roundhouse.pipelines]\n", *lines, rest]))
    for module in PLUGIN.glob("evidence*.py"):
        (site / module.name).write_bytes(module.read_bytes())


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_until(what: Callable[[], Any], within_s: float, why: str = "") -> Any:
    """The first true value, asked again and again."""
    ends = time.monotonic() + within_s
    while not (found := what()):
        if time.monotonic() > ends:
            raise AssertionError(f"not within {within_s:g} s: {why or what}")
        time.sleep(0.02)
    return found


class Product:
    """One installation: an API process, whatever it supervises, and further executors.

    Args:
        folder: Logs and the plugin; and the data, unless `data_dir` is another.
        db_url: The database; empty = SQLite in the data folder.
        data_dir: Where everything is kept.
        settings: `ROUNDHOUSE_…` without the prefix, and other variables in lower case.
    """

    def __init__(self, folder: Path, db_url: str = "", data_dir: Path | None = None, **settings: str) -> None:
        self.folder = folder
        self.data_dir = data_dir or folder / "data"
        self.db_url = db_url or f"sqlite:///{self.data_dir / 'roundhouse.db'}"
        self.ledger = folder / "ledger"
        self.log = folder / "out.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api: subprocess.Popen[bytes] | None = None
        self.extras: list[subprocess.Popen[bytes]] = []
        install(folder / "site")
        plain = {name: value for name, value in settings.items() if name.islower()}
        ours = {f"ROUNDHOUSE_{name}": value for name, value in settings.items() if not name.islower()}
        self._env = environment(
            **{
                "ROUNDHOUSE_ACCESS__SECRET_API_KEY": KEY,
                "ROUNDHOUSE_DATA_DIR": str(self.data_dir),
                "ROUNDHOUSE_DB__URL": db_url,
                "ROUNDHOUSE_JOBS__EXECUTOR": "true",
                "ROUNDHOUSE_JOBS__DRAIN_S": "0.5",
                "ROUNDHOUSE_SERVER__DRAIN_S": "0.5",
                "ROUNDHOUSE_SERVER__PORT": str(self.port),
                "PYTHONPATH": os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")]),
            }
            | ours
            | {name.upper(): value for name, value in plain.items()},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        for process in [*self.extras, *([self.api] if self.api else [])]:
            # One that was just starting may not have been among them.
            process.kill()
            process.wait(20)
        if error is not None:
            sys.stdout.write(self.log.read_text()[-8000:])

    # Starting

    def start(self, *, executors: int = 0, ready: bool = True) -> None:
        """Start the API process and so many further executors, beside the one that it supervises.

        Args:
            executors: How many.
            ready: Wait until all of them are there.
        """
        self.start_api(ready=ready)
        for _ in range(executors):
            self.start_executor()
        if ready:
            count = executors + (self._env["ROUNDHOUSE_JOBS__EXECUTOR"] == "true")
            truth = Truth(self.db_url)
            wait_until(lambda: len(truth.executors()) == count, READY_S, "executors")

    def start_api(self, *, ready: bool = True) -> None:
        self.api = self._spawn("run")
        if ready:
            wait_until(self.is_alive, READY_S, "the server answers")

    def start_executor(self, *words: str) -> subprocess.Popen[bytes]:
        process = self._spawn("executor", *words)
        self.extras.append(process)
        return process

    def is_alive(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/livez", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            if self.api is not None and self.api.poll() is not None:
                raise AssertionError(f"the server ended: {self.log.read_text()[-4000:]}") from None
            return False

    def _spawn(self, *words: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "roundhouse", *words],
                cwd=self.folder,
                env=self._env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    # Ending

    def kill_api(self, number: int = signal.SIGKILL) -> None:
        """Kill the API process alone, and start another at once, which is not waited for."""
        assert self.api is not None
        self.api.send_signal(number)
        self.api.wait(40)
        self.start_api(ready=False)

    def kill_extra(self, number: int = signal.SIGKILL) -> None:
        """Kill the oldest of the further executors, and start another at once."""
        process = self.extras.pop(0)
        process.send_signal(number)
        process.wait(40)
        self.start_executor()

    def kill_supervised(self, number: int = signal.SIGKILL) -> bool:
        """Kill the executor that the API process supervises; False when there is none just now."""
        found = self.supervised()
        if found is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            found.send_signal(number)
        return True

    def kill_all(self) -> None:
        """Kill everything in one moment, like a power cut for programs; start it again."""
        for one in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        assert self.api is not None
        for process in [self.api, *self.extras]:
            process.wait(20)
        count = len(self.extras)
        self.extras.clear()
        self.start(executors=count, ready=False)

    def stop(self) -> int:
        """Stop everything as an operator would; the API's exit code."""
        assert self.api is not None
        everything = [self.api, *self.extras]
        for process in everything:
            process.terminate()
        codes = [process.wait(40) for process in everything]
        assert codes[1:] == [0] * len(self.extras), codes
        self.extras.clear()
        return codes[0]

    # Looking

    def processes(self) -> list[psutil.Process]:
        """Every living process of this installation, orphans too: they carry its folder in their environment."""
        found = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if one.environ().get("PYTHONPATH") == self._env["PYTHONPATH"] and one.is_running():
                    found.append(one)
        return found

    def supervised(self) -> psutil.Process | None:
        """The executor under the API process."""
        assert self.api is not None
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(self.api.pid).children():
                if one.status() != psutil.STATUS_ZOMBIE:
                    return one
        return None


def freeze(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGSTOP)


def thaw(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGCONT)
