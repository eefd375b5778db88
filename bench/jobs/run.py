"""Driver: every measurement alone, repeated, on both databases; prints one Markdown table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import struct
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TypeVar

from bench.gateway.measure import CpuReading, Memory, process_tree
from bench.gateway.run import alone_on_this_machine
from bench.jobs.candidates import (
    CELERY,
    KEY,
    Candidate,
    Celery,
    Dbos,
    Place,
    Roundhouse,
    install_celery,
    wait_until,
)
from bench.jobs.load import accept, commit, p50_p95_ms

SETTLE_S = 5.0
HOLD_S = 60.0
T = TypeVar("T", bound=Candidate)


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    queued: int = 10_000
    accepted: int = 2000
    jobs: int = 2000
    singles: int = 30
    idle_s: float = 30.0
    deaths: int = 5


class Bench:
    """Measures, and remembers: values by row `what | database | who | unit`, one per repetition."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.values: dict[str, list[float]] = defaultdict(list)

    def note(self, what: str, database: str, who: str, value: float, unit: str) -> None:
        """One value."""
        row = f"{what} | {database} | {who} | {unit}"
        self.values[row].append(value)
        print(f"  {row}: {value:.3g}", flush=True)

    def accept(self, database: str) -> None:
        """Accepting beside a deep queue, and what the database alone takes."""
        with fresh(database, Roundhouse) as (one, place):
            one.submit(self.sizes.queued)
            for clients in (1, 16):
                what = f"{clients} client{'s' * (clients > 1)}"
                bound = commit(place.url, place.folder, self.sizes.accepted, clients)
                took = accept(one.port, KEY, one.body, self.sizes.accepted, clients)
                for who, found in ((one.name, took), ("one synced row", bound)):
                    for share, value in zip(("p50", "p95"), p50_p95_ms(found), strict=True):
                        self.note(f"accept {share}, {what}", database, who, value, "ms")

    def restart(self, database: str) -> None:
        """Restarting with an empty and with a deep queue, until ready, and until a job runs."""
        with fresh(database, Roundhouse) as (one, _):
            who = "empty queue"
            for queued in (0, self.sizes.queued):
                if queued:
                    one.submit(queued)
                    who = f"{queued} queued"
                one.end(one.api)
                self.note("restart to ready", database, who, one.start(), "s")
            began_s = time.monotonic()
            one.start_worker()
            wait_until(lambda: stamped(one) > 0)
            self.note("executor start to first job", database, who, stamps(one)[0] - began_s, "s")

    def takeover(self, database: str) -> None:
        """From the death of the executor that runs a job to the job's next run, elsewhere."""
        for who in ("by the supervisor alone", "by another executor"):
            for _ in range(self.sizes.deaths):
                with fresh(database, lambda place: Roundhouse(place, supervised=True)) as (one, _):
                    one.submit(1, HOLD_S)
                    wait_until(lambda one=one: stamped(one) > 0)
                    (executor,) = process_tree(one.api.pid)[1:]
                    if who == "by another executor":
                        one.start_worker()
                    time.sleep(SETTLE_S)
                    killed_s = time.monotonic()
                    os.kill(executor, signal.SIGKILL)
                    wait_until(lambda one=one: stamped(one) > 1, pause_s=0.001)
                    self.note("killed to running again", database, who, stamps(one)[1] - killed_s, "s")

    def idle(self, database: str) -> None:
        """CPU and memory of everything that runs when nothing happens; of DBOS its one worker."""
        with fresh(database, lambda place: Roundhouse(place, supervised=True)) as (one, _):
            one.submit(1)
            wait_until(lambda: stamped(one) > 0)
            self._idle(database, "Roundhouse, API + executor", one.api.pid)
            executor = Memory.of(process_tree(one.api.pid)[1]).pss_mb
            api = Memory.of(one.api.pid).pss_mb - executor
            for who, value in (("Roundhouse, API", api), ("Roundhouse, executor", executor)):
                self.note("idle memory (PSS)", database, who, value, "MB")
        with fresh(database, Dbos) as (peer, _):
            self._idle_worker(database, "bare DBOS, worker", peer)

    def idle_celery(self) -> None:
        """The same of Celery."""
        with fresh("-", Celery) as (peer, _):
            self._idle_worker("-", "Celery, worker", peer)

    def _idle_worker(self, database: str, who: str, peer: Candidate) -> None:
        pid = peer.start_worker()
        peer.submit(1)
        wait_until(lambda: stamped(peer) > 0)
        self._idle(database, who, pid)
        self.note("idle memory (PSS)", database, who, Memory.of(pid).pss_mb, "MB")

    def _idle(self, database: str, who: str, pid: int) -> None:
        time.sleep(min(SETTLE_S, self.sizes.idle_s))
        before, began_s = CpuReading.of(pid), time.monotonic()
        time.sleep(self.sizes.idle_s)
        share = before.seconds_until(CpuReading.of(pid)) / (time.monotonic() - began_s)
        self.note("idle CPU", database, who, 100 * share, "% core")

    def speed(self, database: str) -> None:
        """Jobs per second and start latency, of Roundhouse and of DBOS."""
        with fresh(database, Roundhouse) as (one, _):
            self._speed(database, one)
        with fresh(database, Dbos) as (peer, _):
            self._speed(database, peer)

    def speed_celery(self) -> None:
        """The same of Celery."""
        with fresh("-", Celery) as (peer, _):
            self._speed("-", peer)

    def _speed(self, database: str, one: Candidate) -> None:
        """All jobs queued before a worker is there, first to last; then single jobs to an idle worker."""
        one.submit(self.sizes.jobs)
        one.start_worker()
        wait_until(lambda: stamped(one) >= self.sizes.jobs)
        found = stamps(one)
        self.note(
            "jobs that do nothing", database, one.name, (len(found) - 1) / (max(found) - min(found)), "jobs/s"
        )
        took = []
        time.sleep(1.0)
        for number in range(self.sizes.jobs, self.sizes.jobs + self.sizes.singles):
            # Out of step with anybody's polling.
            time.sleep(random.uniform(0.1, 0.3))
            began_s = time.monotonic()
            one.submit(1)
            wait_until(lambda number=number: stamped(one) > number, pause_s=0.001)
            took.append(stamps(one)[number] - began_s)
        for share, value in zip(("p50", "p95"), p50_p95_ms(took), strict=True):
            self.note(f"submit to running {share}", database, one.name, value, "ms")


PARTS: dict[str, tuple[Callable[[Bench, str], None], Callable[[Bench], None] | None]] = {
    "accept": (Bench.accept, None),
    "restart": (Bench.restart, None),
    "takeover": (Bench.takeover, None),
    "idle": (Bench.idle, Bench.idle_celery),
    "speed": (Bench.speed, Bench.speed_celery),
}
DATABASES = ("sqlite", "postgresql")
COMPARED = {
    "accept": ("one synced row",),
    "restart": ("empty queue",),
    "idle": ("bare DBOS, worker", "Celery, worker"),
    "jobs": ("bare DBOS", "Celery, RabbitMQ"),
    "submit": ("bare DBOS", "Celery, RabbitMQ"),
}
"""Against whom a row is set, by the first word of what was measured."""


@contextmanager
def fresh(database: str, make: Callable[[Place], T]) -> Iterator[tuple[T, Place]]:
    """A candidate with a folder and a database that nobody has used."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-jobs-") as folder,
        closing(Place(database, Path(folder))) as place,
        closing(make(place)) as one,
    ):
        yield one, place


def stamped(one: Candidate) -> int:
    """How many jobs have run."""
    return one.stamps.stat().st_size // 8 if one.stamps.exists() else 0


def stamps(one: Candidate) -> list[float]:
    """When each of them ran, in the order of writing."""
    return [found for (found,) in struct.iter_unpack("d", one.stamps.read_bytes())]


def table(bench: Bench) -> str:
    """Everything, as Markdown: median and range, and the median of the ratios within each repetition."""
    model = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    lines = [
        f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, dbos {version('dbos')}, {CELERY}; "
        f"{bench.sizes.queued} jobs queued for accept and restart, {bench.sizes.jobs} for jobs/s. "
        "Median [lowest - highest].\n",
        "| what | database | who | value | times the peer or bound |\n|---|---|---|---|---|",
    ]
    for row, values in sorted(bench.values.items(), key=lambda one: one[0].split(" | ")[:2]):
        what, database, who, unit = row.split(" | ")
        ratios = []
        for other in COMPARED.get(what.split()[0], ()):
            place = "-" if other.startswith("Celery") else database
            beside = bench.values.get(f"{what} | {place} | {other} | {unit}")
            if beside and other != who:
                found = median(one / two for one, two in zip(values, beside, strict=True))
                ratios.append(f"{found:.2f} {other}")
        told = f"{median(values):.3g} [{min(values):.3g} - {max(values):.3g}] {unit}"
        lines.append(f"| {what} | {database} | {who} | {told} | {'; '.join(ratios) or '-'} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for; the exit status is 0 when everything ran."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    names = [*PARTS, *DATABASES]
    parser.add_argument("--quick", action="store_true", help="few jobs, once; not for quoting")
    parser.add_argument("--only", default="", metavar="NAME,...", help=f"of {', '.join(names)}")
    parser.add_argument("--repeats", type=int, help="3 unless said otherwise, with --quick 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single value")
    args = parser.parse_args(argv)
    only = {name for name in args.only.split(",") if name}
    if unknown := only - set(names):
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}")
    parts = [name for name in PARTS if name in only] or list(PARTS)
    bench = Bench(Sizes(300, 100, 100, 5, 3.0, 1) if args.quick else Sizes())
    install_celery()
    with alone_on_this_machine():
        for number in range(args.repeats or (1 if args.quick else 3)):
            for part in parts:
                print(f"{part}, repetition {number + 1}", flush=True)
                measure, measure_celery = PARTS[part]
                for database in [name for name in DATABASES if name in only] or DATABASES:
                    measure(bench, database)
                if measure_celery is not None:
                    measure_celery(bench)
    if args.json:
        args.json.write_text(json.dumps(bench.values, indent=1))
    print(table(bench))
    return 0
