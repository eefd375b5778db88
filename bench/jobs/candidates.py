"""The candidates: Roundhouse, bare DBOS, Celery. Each takes jobs, and has a worker that is started when asked for."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.gateway.candidates import free_port
from bench.jobs.load import accept

HERE = Path(__file__).resolve().parent
CELERY = "celery==5.7.0"
CELERY_VENV = HERE.parents[1] / ".venv-bench-celery"
BROKER = os.environ.get("BENCH_BROKER", "amqp://guest:guest@127.0.0.1:5672//")
POSTGRES = os.environ.get("BENCH_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
KEY = "job-benchmark-" + "0123456789abcdef" * 2


def wait_until(what: Callable[[], Any], within_s: float = 600.0, pause_s: float = 0.01) -> None:
    """Return once it is true."""
    ends = time.monotonic() + within_s
    while not what():
        if time.monotonic() > ends:
            raise SystemExit(f"not within {within_s:g} s: {what}")
        time.sleep(pause_s)


class Place:
    """A folder, and in it or on the PostgreSQL server a fresh database."""

    def __init__(self, database: str, folder: Path) -> None:
        self.folder = folder
        self._name = f"bench_{secrets.token_hex(6)}"
        self._postgres = database == "postgresql"
        (folder / "data").mkdir(mode=0o700)
        self.url = f"sqlite:///{folder / 'data' / 'roundhouse.db'}"
        if self._postgres:
            self._run(f"CREATE DATABASE {self._name}")
            self.url = sa.make_url(POSTGRES).set(database=self._name).render_as_string(False)

    def close(self) -> None:
        """Drop the database."""
        if self._postgres:
            self._run(f"DROP DATABASE {self._name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        engine = sa.create_engine(POSTGRES, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


class Candidate:
    """What all have: processes, and the file in which their jobs tell when they run."""

    name = ""

    def __init__(self, place: Place, env: dict[str, str]) -> None:
        self.stamps = place.folder / "stamps"
        self._folder = place.folder
        self._env = {
            one: value for one, value in os.environ.items() if not one.startswith("ROUNDHOUSE_")
        } | env
        self._started: list[subprocess.Popen[str]] = []

    def submit(self, count: int) -> None:
        """Have so many jobs accepted."""
        raise NotImplementedError

    def start_worker(self) -> int:
        """Start what runs them; its process."""
        raise NotImplementedError

    def close(self) -> None:
        """End every process, the last one first."""
        for process in reversed(self._started):
            self.end(process)

    def spawn(self, *argv: str) -> subprocess.Popen[str]:
        """Start a process; what it complains of goes into the log."""
        process = subprocess.Popen(
            argv,
            env=self._env,
            cwd=self._folder,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self._folder / "log").open("a"),
        )
        self._started.append(process)
        return process

    def end(self, process: subprocess.Popen[str], number: int = signal.SIGTERM) -> None:
        """End a process."""
        if process.poll() is None:
            process.send_signal(number)
            process.communicate(timeout=90)


class Roundhouse(Candidate):
    """The API process, with an executor as its child or with one that is started when asked for."""

    name = "Roundhouse"

    def __init__(self, place: Place, *, supervised: bool = False) -> None:
        self.port = free_port()
        env = {
            "ROUNDHOUSE_DATA_DIR": str(place.folder / "data"),
            "ROUNDHOUSE_DB__URL": place.url,
            "ROUNDHOUSE_SERVER__PORT": str(self.port),
            "ROUNDHOUSE_ACCESS__SECRET_API_KEY": KEY,
            "ROUNDHOUSE_ENGINE__DISCOVER": "false",
            "ROUNDHOUSE_JOBS__EXECUTOR": str(supervised).lower(),
            "PYTHONPATH": os.pathsep.join([str(_plugin(place.folder)), os.environ.get("PYTHONPATH", "")]),
        }
        super().__init__(place, env)
        self.body = b'{"kind":"bench.stamp","input":{"path":"%b"}}' % str(self.stamps).encode()
        self.start()

    def start(self) -> float:
        """Start the API process; seconds until it is ready."""
        began_s = time.monotonic()
        self.api = self.spawn(sys.executable, "-m", "roundhouse", "run")
        wait_until(self._is_ready)
        return time.monotonic() - began_s

    def start_worker(self) -> int:
        """Start an executor beside it."""
        return self.spawn(sys.executable, "-m", "roundhouse", "executor").pid

    def submit(self, count: int, hold_s: float = 0.0) -> None:
        """Over HTTP, sixteen at a time; each runs for so long after its stamp."""
        body = self.body.replace(b"}}", b',"hold_s":%f}}' % hold_s)
        accept(self.port, KEY, body, count, min(count, 16))

    def _is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


class Peer(Candidate):
    """A script that works, and the same script that submits."""

    def __init__(self, name: str, place: Place, python: str, script: str, where: str) -> None:
        super().__init__(place, {"PYTHONPATH": str(HERE / "plugin"), "BENCH_BROKER": BROKER})
        self.name = name
        self._run = (python, str(HERE / script))
        self._rest = (where, str(self.stamps))
        self._client: subprocess.Popen[str] | None = None

    def start_worker(self) -> int:
        """Start the worker."""
        return self.spawn(*self._run, "work", *self._rest).pid

    def submit(self, count: int) -> None:
        """By a process that stands ready."""
        if self._client is None:
            self._client = self.spawn(*self._run, "submit", *self._rest)
            self._hear(self._client, "ready")
        assert self._client.stdin is not None
        self._client.stdin.write(f"{count}\n")
        self._client.stdin.flush()
        self._hear(self._client, "done")

    def _hear(self, process: subprocess.Popen[str], word: str) -> None:
        assert process.stdout is not None
        if process.stdout.readline().strip() != word:
            raise SystemExit(f"{self.name}: {(self._folder / 'log').read_text()[-2000:]}")


class Dbos(Peer):
    """DBOS of the same version, its own queue polled every 0.1 s, eight at a time."""

    def __init__(self, place: Place) -> None:
        super().__init__("bare DBOS", place, sys.executable, "peer_dbos.py", place.url)
        # Its tables and its queue are made by a worker.
        self.start_worker()
        self._hear(self._started[0], "ready")
        self.end(self._started[0], signal.SIGKILL)


class Celery(Peer):
    """Celery with late acknowledgement, as many processes as cores, which is its default."""

    def __init__(self, place: Place) -> None:
        python = str(CELERY_VENV / "bin" / "python")
        super().__init__("Celery, RabbitMQ", place, python, "peer_celery.py", f"bench-{secrets.token_hex(6)}")

    def close(self) -> None:
        """End everything, and delete the queue."""
        super().close()
        self.spawn(*self._run, "drop", *self._rest).wait(60)


def install_celery() -> None:
    """Make its environment."""
    if not (CELERY_VENV / ".ready").exists():
        uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
        python = str(CELERY_VENV / "bin" / "python")
        subprocess.run([uv, "venv", "--quiet", "--clear", str(CELERY_VENV)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, CELERY], check=True)
        (CELERY_VENV / ".ready").touch()


def _plugin(folder: Path) -> Path:
    """A folder that, on PYTHONPATH, is an installed distribution with the pipeline."""
    site = folder / "site"
    info = site / "bench_jobs-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-jobs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[roundhouse.pipelines]\nbench.stamp = stamping:PIPELINE\n")
    shutil.copy(HERE / "plugin" / "stamping.py", site)
    return site
