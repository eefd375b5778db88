"""Driver: calls as they are, tried, and as tasks, one at a time and sixteen at a time; prints one Markdown table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

from bench.gateway.candidates import free_port
from bench.gateway.run import alone_on_this_machine
from bench.jobs.candidates import (
    BROKER,
    CELERY,
    CELERY_VENV,
    KEY,
    Candidate,
    Place,
    Roundhouse,
    install_celery,
)
from bench.jobs.load import in_threads, p50_p95_ms

HERE = Path(__file__).resolve().parent
INPUT = {"expression": "2+3"}
CAPABILITIES = ("in process", "HTTP")
DATABASES = ("sqlite", "postgresql")
CLIENTS = 16


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    singles: int = 1000
    together: int = 4000


class Module(Candidate):
    """The module, which everybody calls."""

    name = "module"

    def __init__(self, place: Place) -> None:
        super().__init__(place, {})
        self.port = free_port()
        self.spawn(sys.executable, str(HERE / "module.py"), str(self.port))
        _until_served(self.port)


class Celery(Candidate):
    """Celery with late acknowledgement and persistent results, as many processes as cores."""

    name = "Celery, RabbitMQ"

    def __init__(self, place: Place, port: int) -> None:
        super().__init__(place, {"BENCH_BROKER": BROKER})
        script = (str(CELERY_VENV / "bin" / "python"), str(HERE / "peer_celery.py"))
        self._words = (f"bench-{secrets.token_hex(6)}", str(port))
        self._script = script
        self.spawn(*script, "work", *self._words)
        self._client = self.spawn(*script, "submit", *self._words)
        assert self._client.stdout is not None
        self._client.stdout.readline()
        # The worker and its connection are warm.
        self.ask("one", 20)

    def ask(self, how: str, count: int) -> Any:
        """Have so many tasks done; `took` and `all_s`, seconds."""
        assert self._client.stdin is not None and self._client.stdout is not None
        self._client.stdin.write(f"{how} {count}\n")
        self._client.stdin.flush()
        line = self._client.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: {(self._folder / 'log').read_text()[-2000:]}")
        return json.loads(line)

    def close(self) -> None:
        """End everything, and delete the queue."""
        super().close()
        self.spawn(*self._script, "drop", *self._words).wait(60)


class Bench:
    """Measures, and remembers: values by row `what | capability | who | unit`, one per repetition."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.values: dict[str, list[float]] = defaultdict(list)

    def note(self, what: str, capability: str, who: str, value: float, unit: str) -> None:
        """One value."""
        row = f"{what} | {capability} | {who} | {unit}"
        self.values[row].append(value)
        print(f"  {row}: {value:.3g}", flush=True)

    def house(self, database: str) -> None:
        """The module as it is, then through Roundhouse: tried (no task) and as a task, waited for."""
        with (
            tempfile.TemporaryDirectory(prefix="bench-tasks-") as folder,
            closing(Place(database, Path(folder))) as place,
            closing(Module(place)) as module,
            closing(Roundhouse(place, supervised=True)) as house,
        ):
            names = _register(house.port, module.port)
            bare = _calls(module.port, "/solve", INPUT)
            self._measure("HTTP", "bare call", bare)
            for capability, name in zip(CAPABILITIES, names, strict=True):
                tried = _calls(house.port, f"/v1/capabilities/{name}/try", {"input": INPUT})
                self._measure(capability, f"tried, {database}", tried)
                asked = {"capability": name, "input": INPUT}
                self._measure(capability, f"task, {database}", _calls(house.port, "/v1/tasks", asked))

    def celery(self) -> None:
        """The same by Celery: the module called in a worker, and a task that does nothing."""
        with (
            tempfile.TemporaryDirectory(prefix="bench-tasks-") as folder,
            closing(Place("sqlite", Path(folder))) as place,
            closing(Module(place)) as module,
        ):
            for capability, port in zip(CAPABILITIES, (0, module.port), strict=True):
                with closing(Celery(place, port)) as peer:
                    self._note_latency(capability, peer.name, peer.ask("one", self.sizes.singles)["took"])
                    all_s = peer.ask("all", self.sizes.together)["all_s"]
                    self.note("throughput", capability, peer.name, self.sizes.together / all_s, "tasks/s")

    def _measure(self, capability: str, who: str, make: Callable[[], Callable[[], None]]) -> None:
        in_threads(make, 50, 1)
        self._note_latency(capability, who, in_threads(make, self.sizes.singles, 1))
        began_s = time.perf_counter()
        in_threads(make, self.sizes.together, CLIENTS)
        rate = self.sizes.together / (time.perf_counter() - began_s)
        self.note("throughput", capability, who, rate, "tasks/s")

    def _note_latency(self, capability: str, who: str, took: list[float]) -> None:
        for share, value in zip(("p50", "p95"), p50_p95_ms(took), strict=True):
            self.note(f"latency {share}", capability, who, value, "ms")


def _register(port: int, module_port: int) -> list[str]:
    solve = {"method": "POST", "url": f"http://127.0.0.1:{module_port}/solve"}
    made = {"bench.inside": ("fake", {"answer": INPUT}), "bench.outside": ("http", solve)}
    for name, (transport, endpoint) in made.items():
        body = {"name": name, "transport": transport, "endpoint": endpoint, "idempotent": True}
        status, told = _ask(HTTPConnection("127.0.0.1", port), "/v1/capabilities", body)
        if status != 201:
            raise SystemExit(f"not registered: {told[:500]!r}")
    return list(made)


def _calls(port: int, path: str, body: Any) -> Callable[[], Callable[[], None]]:
    """Clients that call again and again, each on a connection of its own, and take nothing but an output."""

    def client() -> Callable[[], None]:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)

        def one() -> None:
            status, told = _ask(connection, path, body)
            if status != 200:
                raise SystemExit(f"{path}: {status} {told[:500]!r}")

        return one

    return client


def _ask(connection: HTTPConnection, path: str, body: Any) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Prefer": "wait=30"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _until_served(port: int) -> None:
    ends_s = time.monotonic() + 30
    while time.monotonic() < ends_s:
        try:
            _ask(HTTPConnection("127.0.0.1", port, timeout=5), "/solve", {})
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit("the module does not answer")


def table(bench: Bench) -> str:
    """Everything, as Markdown: median and range, and what a task adds to the bare call or to the same that is tried."""
    model = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    lines = [
        f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, {CELERY}; {bench.sizes.singles} calls "
        f"one at a time, {bench.sizes.together} by {CLIENTS} clients. Median [lowest - highest].\n",
        "| what | capability | who | value | against |\n|---|---|---|---|---|",
    ]
    for row, values in sorted(bench.values.items()):
        what, capability, who, unit = row.split(" | ")
        told = f"{median(values):.3g} [{min(values):.3g} - {max(values):.3g}] {unit}"
        beside = [
            _against(values, bench.values[other], what, other.split(" | ")[2])
            for other in bench.values
            if other.split(" | ")[:2] == [what, capability] and _is_beside(who, other.split(" | ")[2])
        ]
        lines.append(f"| {what} | {capability} | {who} | {told} | {'; '.join(beside) or '-'} |")
    return "\n".join(lines)


def _is_beside(who: str, other: str) -> bool:
    return who.startswith("task") and other in ("bare call", who.replace("task", "tried"), Celery.name)


def _against(values: list[float], beside: list[float], what: str, other: str) -> str:
    # A peer's list may be longer: the bare call is measured once for each database.
    pairs = list(zip(values, beside, strict=False))
    if what.startswith("latency"):
        return f"{median(one - two for one, two in pairs):+.2f} ms, {other}"
    return f"{median(one / two for one, two in pairs):.2f} x {other}"


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for; the exit status is 0 when everything ran."""
    parser = argparse.ArgumentParser(prog="python -m bench.tasks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few calls, once; not for quoting")
    parser.add_argument("--only", default="", metavar="NAME,...", help=f"of {', '.join(DATABASES)}, celery")
    parser.add_argument("--repeats", type=int, help="3 unless said otherwise, with --quick 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single value")
    args = parser.parse_args(argv)
    only = {name for name in args.only.split(",") if name} or {*DATABASES, "celery"}
    if unknown := only - {*DATABASES, "celery"}:
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}")
    bench = Bench(Sizes(100, 200) if args.quick else Sizes())
    if "celery" in only:
        install_celery()
    with alone_on_this_machine():
        for number in range(args.repeats or (1 if args.quick else 3)):
            print(f"repetition {number + 1}", flush=True)
            for database in (name for name in DATABASES if name in only):
                bench.house(database)
            if "celery" in only:
                bench.celery()
    if args.json:
        args.json.write_text(json.dumps(bench.values, indent=1))
    print(table(bench))
    return 0
