"""Reads CPU time and memory of a process tree from /proc, and runs one measured window."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class WindowError(RuntimeError):
    """The load client ended without a result."""


def process_tree(root: int) -> list[int]:
    """Process ids of `root` and everything below it."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                todo.extend(int(child) for child in children.read_text().split())
            except OSError:
                continue
    return found


@dataclass(frozen=True)
class CpuReading:
    """CPU time a process tree has used so far.

    `ticks_s` is user + system time, ended children included, in seconds, but only in steps of one clock tick
    (10 ms). `exact_s` comes from the scheduler in nanoseconds, but only for the `threads` that are alive.
    """

    ticks_s: float
    exact_s: float | None
    threads: frozenset[int]

    @classmethod
    def of(cls, root: int) -> CpuReading:
        """Reads the counters of the tree under `root`."""
        ticks, exact_ns, threads = 0, 0, set()
        has_exact = True
        for pid in process_tree(root):
            try:
                # The command name may hold blanks and parentheses: split after the last one.
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(int(value) for value in fields[11:15])
                for task in Path(f"/proc/{pid}/task").iterdir():
                    exact_ns += int((task / "schedstat").read_text().split()[0])
                    threads.add(int(task.name))
            except FileNotFoundError:
                has_exact = False
            except ProcessLookupError:
                continue
        return cls(ticks / _TICKS_PER_S, exact_ns / 1e9 if has_exact else None, frozenset(threads))

    def seconds_until(self, later: CpuReading) -> float:
        """CPU seconds between two readings; exact where no thread came or went in between."""
        if self.exact_s is not None and later.exact_s is not None and self.threads == later.threads:
            return later.exact_s - self.exact_s
        return later.ticks_s - self.ticks_s


def core_busy_s(core: int) -> float:
    """Seconds a core has been busy since boot, for anybody."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            values = [int(value) for value in line.split()[1:9]]
            return (sum(values) - values[3] - values[4]) / _TICKS_PER_S  # all but idle and waiting for disk
    raise ValueError(f"this machine has no core {core}")


@dataclass(frozen=True)
class Memory:
    """Memory of a process tree in MB (10^6 bytes): proportional share, and resident set as upper bound."""

    pss_mb: float
    rss_mb: float

    @classmethod
    def of(cls, root: int) -> Memory:
        """Reads the tree under `root`."""
        kib = {"Pss:": 0, "Rss:": 0}
        for pid in process_tree(root):
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for name, value, *_ in (line.split() for line in lines[1:]):
                if name in kib:
                    kib[name] += int(value)
        return cls(kib["Pss:"] * 1024 / 1e6, kib["Rss:"] * 1024 / 1e6)


@dataclass(frozen=True)
class Reading:
    """What one window of one candidate gave. Times per request or event in microseconds.

    `util` is CPU seconds of the candidate's tree per second; `gateway_core` and `load_core` are the shares of
    the two cores that anybody used. On a quiet machine `gateway_core` is close to `util`.
    """

    requests: int
    events: int
    window_s: float
    errors: int
    p50_us: float | None
    p99_us: float | None
    ttft50_us: float | None
    delay50_us: float | None
    delay99_us: float | None
    cpu_s: float | None
    gateway_core: float
    load_core: float
    notes: list[str] = field(default_factory=list)

    @property
    def rps(self) -> float:
        """Requests (or streams) per second."""
        return self.requests / self.window_s

    @property
    def events_per_s(self) -> float:
        """Stream events per second."""
        return self.events / self.window_s

    @property
    def util(self) -> float | None:
        """CPU seconds per second of wall time."""
        return None if self.cpu_s is None else self.cpu_s / self.window_s

    @property
    def cpu_request_us(self) -> float | None:
        """CPU per request in microseconds."""
        return None if self.cpu_s is None or not self.requests else self.cpu_s / self.requests * 1e6

    @property
    def cpu_event_us(self) -> float | None:
        """CPU per stream event in microseconds."""
        return None if self.cpu_s is None or not self.events else self.cpu_s / self.events * 1e6

    @property
    def valid(self) -> bool:
        """Whether ratios may be taken from this reading."""
        return not any(note in self.notes for note in ("ERRORS", "FEW", "NOT-UPSTREAM"))

    def as_json(self) -> dict[str, object]:
        """All fields and the figures derived from them."""
        derived = {
            "rps": self.rps,
            "events_per_s": self.events_per_s,
            "util": self.util,
            "cpu_request_us": self.cpu_request_us,
            "cpu_event_us": self.cpu_event_us,
            "valid": self.valid,
        }
        return asdict(self) | derived


@dataclass(frozen=True)
class LoadPlan:
    """One run of the load client. `requests` ends the window early (0: by time alone)."""

    program: Path
    core: int
    body: Path
    connections: int
    warm_s: float
    window_s: float
    stagger_us: int = 0
    requests: int = 0
    events_per_stream: int | None = None

    def command(self, port: int, key: str) -> list[str]:
        """The command line, pinned to its core."""
        argv = ["taskset", "-c", str(self.core), str(self.program), "-p", str(port), "-k", key]
        argv += ["-c", str(self.connections), "-b", str(self.body), "-w", str(self.warm_s)]
        argv += ["-s", str(self.window_s), "-g", str(self.stagger_us), "-n", str(self.requests)]
        if self.events_per_stream is not None:
            argv += ["-e", str(self.events_per_stream)]
        return argv


def served_by_mock(mock_port: int) -> int:
    """How many completions the mock upstream has answered so far."""
    connection = HTTPConnection("127.0.0.1", mock_port, timeout=5)
    try:
        connection.request("GET", "/stats")
        return int(json.loads(connection.getresponse().read())["served"])
    finally:
        connection.close()


def _expect(load: subprocess.Popen[str], word: str) -> None:
    assert load.stdout is not None
    line = load.stdout.readline().strip()
    if line != word:
        _, problem = load.communicate()
        raise WindowError(f"load client: {problem.strip() or line or 'ended early'}")


def _quantile_us(result: dict[str, object], name: str, quantile: str) -> float | None:
    values = result[name]
    return values[quantile] / 1000 if isinstance(values, dict) else None


def run_window(
    plan: LoadPlan, port: int, key: str, root: int | None, gateway_core: int, mock_port: int
) -> Reading:
    """Runs one window and reads the counters of the tree under `root` at both its edges.

    The load client keeps its connections busy before, during and after the window, so the counters are read
    on a running system and no start or end of the load falls between them.
    """
    served = served_by_mock(mock_port)
    pipe = subprocess.PIPE
    command = plan.command(port, key)
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as load:
        try:
            edges = []
            for word in ("open", "close"):
                _expect(load, word)
                cpu = CpuReading.of(root) if root is not None else None
                edges.append((time.monotonic(), cpu, core_busy_s(gateway_core), core_busy_s(plan.core)))
            answer, problem = load.communicate("\n")
        finally:
            load.kill()
    if load.returncode != 0:
        raise WindowError(f"load client: {problem.strip()}")
    result: dict[str, object] = json.loads(answer)
    (t0, cpu0, gateway0, load0), (t1, cpu1, gateway1, load1) = edges
    counts = {name: value for name, value in result.items() if isinstance(value, int)}
    errors = counts["errors"] + counts["warm_errors"] + counts["unfinished"]
    notes = []
    if errors:
        notes.append("ERRORS")
    if served_by_mock(mock_port) - served < counts["requests"]:
        notes.append("NOT-UPSTREAM")
    return Reading(
        requests=counts["requests"],
        events=counts["events"],
        window_s=counts["window"] / 1e9,
        errors=errors,
        p50_us=_quantile_us(result, "latency", "p50"),
        p99_us=_quantile_us(result, "latency", "p99"),
        ttft50_us=_quantile_us(result, "ttft", "p50"),
        delay50_us=_quantile_us(result, "event_delay", "p50"),
        delay99_us=_quantile_us(result, "event_delay", "p99"),
        cpu_s=cpu0.seconds_until(cpu1) * (counts["window"] / 1e9) / (t1 - t0) if cpu0 and cpu1 else None,
        gateway_core=(gateway1 - gateway0) / (t1 - t0),
        load_core=(load1 - load0) / (t1 - t0),
        notes=notes,
    )
