"""Driver: builds the C programs, starts every candidate, runs the matrix in rounds, prints the report."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from bench.gateway import report
from bench.gateway.candidates import (
    Candidate,
    LiteLlm,
    Nginx,
    Roundhouse,
    Server,
    StartError,
    free_port,
    start,
    stop_session,
)
from bench.gateway.measure import LoadPlan, Memory, Reading, WindowError, run_window, served_by_mock
from bench.gateway.workloads import EVENT_DELAY_US, EVENTS_PER_STREAM, WORKLOADS, Workload, request_body

HERE = Path(__file__).resolve().parent
SOAK = "soak"
SOAK_LEGS = 10
SOAK_DEFAULT = 200_000
SOAK_STREAM_SHARE = 0.05  # of the requests; every stream holds a hundred events


@dataclass(frozen=True)
class Options:
    """The command line."""

    workloads: list[Workload]
    candidates: list[str]
    rounds: int
    starts: int
    soak: int
    json_file: Path | None
    python: str
    litellm_venv: Path
    may_install: bool
    gateway_core: int
    load_core: int


@dataclass(frozen=True)
class Bench:
    """What every window needs: compiled load client, bodies by workload name, the mock's port."""

    options: Options
    load: Path
    bodies: dict[str, Path]
    mock_port: int

    def plan(self, workload: Workload, slow: bool) -> LoadPlan:
        """The load of one window."""
        timing = workload.timing(slow)
        return LoadPlan(
            program=self.load,
            core=self.options.load_core,
            body=self.bodies[workload.name],
            connections=workload.connections,
            warm_s=timing.warm_s,
            window_s=timing.window_s,
            stagger_us=workload.stagger_us,
            events_per_stream=EVENTS_PER_STREAM if workload.stream else None,
        )

    def window(self, plan: LoadPlan, server: Server | None) -> Reading:
        """Runs a plan against a server, or (None) directly against the mock."""
        port, key = (server.port, server.key) if server else (self.mock_port, "direct")
        root = server.process.pid if server else None
        return run_window(plan, port, key, root, self.options.gateway_core, self.mock_port)


def parse(argv: list[str] | None) -> Options:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    names = [w.name for w in WORKLOADS]
    servers = [report.DIRECT, "nginx", "litellm", report.SUBJECT]
    parser.add_argument("--quick", action="store_true", help="one round of short windows, not for quoting")
    parser.add_argument(
        "--only",
        default="",
        metavar="NAME,...",
        help=f"workloads ({', '.join(names)}, {SOAK}) and/or candidates ({', '.join(servers)})",
    )
    parser.add_argument("--rounds", type=int, help="rounds of the matrix (default 3, with --quick 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, single rounds included")
    parser.add_argument("--soak", type=int, metavar="N", help="requests of the memory soak")
    parser.add_argument("--python", default=sys.executable, help="interpreter that runs Roundhouse")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "roundhouse-bench" / "litellm"
    parser.add_argument("--litellm-venv", type=Path, default=cache, help="environment of LiteLLM")
    parser.add_argument("--no-install", action="store_true", help="do not install LiteLLM if it is missing")
    parser.add_argument("--gateway-core", type=int, default=1, help="core of the gateway under test")
    parser.add_argument("--load-core", type=int, default=0, help="core of load client, mock and driver")
    args = parser.parse_args(argv)
    only = [name for name in args.only.split(",") if name]
    if unknown := set(only) - {*names, *servers, SOAK}:
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}")
    cores = os.sched_getaffinity(0)
    if args.gateway_core == args.load_core or not {args.gateway_core, args.load_core} <= cores:
        parser.error(f"two different cores are needed; this process may use {sorted(cores)}")
    named_work = [name for name in only if name in {*names, SOAK}]
    workloads = [w for w in WORKLOADS if not named_work or w.name in named_work]
    return Options(
        workloads=[w.quick() for w in workloads] if args.quick else workloads,
        candidates=[s for s in servers if s in only] or servers,
        rounds=args.rounds or (1 if args.quick else 3),
        starts=1 if args.quick else 3,
        soak=args.soak or (SOAK_DEFAULT if SOAK in only else 0),
        json_file=args.json,
        python=args.python,
        litellm_venv=args.litellm_venv,
        may_install=not args.no_install,
        gateway_core=args.gateway_core,
        load_core=args.load_core,
    )


@contextmanager
def alone_on_this_machine() -> Iterator[None]:
    """Waits until no other run of this benchmark is under way."""
    path = Path(tempfile.gettempdir()) / "roundhouse-bench.lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another benchmark is running; waiting for it ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compile_programs(folder: Path) -> dict[str, Path]:
    """Compiles mock.c and load.c."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("a C compiler is needed (Debian: apt-get install -y gcc libc6-dev)")
    programs = {}
    for name in ("mock", "load"):
        programs[name] = folder / name
        subprocess.run([compiler, "-O2", "-o", str(programs[name]), str(HERE / f"{name}.c")], check=True)
    return programs


@contextmanager
def running_mock(program: Path, core: int) -> Iterator[int]:
    """Runs the mock upstream; gives its port."""
    port = free_port()
    argv = ["taskset", "-c", str(core), str(program), str(port), str(EVENTS_PER_STREAM), str(EVENT_DELAY_US)]
    process = subprocess.Popen(argv, start_new_session=True)
    try:
        for _ in range(200):
            with suppress(OSError):
                served_by_mock(port)
                break
            time.sleep(0.01)
        else:
            raise SystemExit("the mock upstream does not answer")
        yield port
    finally:
        stop_session(process)


def wanted_candidates(options: Options, results: report.Results) -> list[Candidate]:
    """The candidates that are selected and can run; says why another cannot."""
    every: list[Candidate] = [
        Nginx(),
        LiteLlm(options.litellm_venv, options.may_install),
        Roundhouse(options.python),
    ]
    usable = []
    for candidate in every:
        if candidate.name not in options.candidates:
            continue
        if reason := candidate.missing():
            results.problems.append(f"no column for {candidate.name}: {reason}")
            print(results.problems[-1], flush=True)
            continue
        results.versions[candidate.name] = candidate.version()
        usable.append(candidate)
    return usable


def start_candidate(candidate: Candidate, bench: Bench, folder: Path, results: report.Results) -> Server:
    """Starts a candidate as often as asked, each time in an empty folder; the last one stays up."""
    body = request_body(WORKLOADS[0])
    repeats = 1 if candidate.slow else bench.options.starts
    for attempt in range(repeats):
        own = folder / f"{candidate.name}-{attempt}"
        own.mkdir()
        server = start(candidate, own, bench.options.gateway_core, bench.mock_port, body)
        results.starts.setdefault(candidate.name, []).append(server.start_s)
        if attempt < repeats - 1:
            server.stop()
    time.sleep(1)  # what starts late, starts now
    results.idle[candidate.name] = Memory.of(server.process.pid)
    print(f"{candidate.name} is up after {server.start_s:.2f} s", flush=True)
    return server


def judge(reading: Reading, workload: Workload, has_process: bool) -> Reading:
    """Adds the notes that only the workload can tell.

    FEW: the window held too little of every connection. LOAD-BOUND: the load core was full while the gateway
    was not. BUSY: others used more than a tenth of the gateway's core.
    """
    notes = list(reading.notes)
    if workload.paced:
        few = reading.events < EVENTS_PER_STREAM * workload.connections / 2
    else:
        few = reading.requests < (3 if workload.stream else 5) * workload.connections
    if few:
        notes.append("FEW")
    if reading.util is not None:
        if reading.load_core > 0.97 and reading.util < 0.9:
            notes.append("LOAD-BOUND")
        if reading.gateway_core - reading.util > 0.1:
            notes.append("BUSY")
    elif has_process:
        notes.append("FEW")
    return replace(reading, notes=notes)


def run_matrix(bench: Bench, servers: dict[str, Server], results: report.Results) -> None:
    """Every round takes every workload; in it the candidates run back to back."""
    targets: list[tuple[str, Server | None]] = []
    if report.DIRECT in bench.options.candidates:
        targets.append((report.DIRECT, None))
    targets += servers.items()
    for number in range(bench.options.rounds):
        for workload in bench.options.workloads:
            for name, server in targets:
                slow = server.candidate.slow if server else False
                try:
                    reading = bench.window(bench.plan(workload, slow), server)
                except WindowError as error:
                    results.problems.append(f"round {number + 1}, {workload.name}, {name}: {error}")
                    results.add(workload.name, name, None)
                    continue
                results.add(workload.name, name, judge(reading, workload, server is not None))
            print(f"round {number + 1} of {bench.options.rounds}: {workload.name} done", flush=True)
    for name, server in servers.items():
        results.after[name] = Memory.of(server.process.pid)


def run_soak(bench: Bench, server: Server, results: report.Results) -> None:
    """Sends N requests in legs, JSON answers and some streams, and reads the memory after each leg."""
    print(f"soak: {bench.options.soak} requests ...", flush=True)
    by_name = {w.name: w for w in WORKLOADS}
    results.soak.append((0, Memory.of(server.process.pid)))
    sent = 0
    for _ in range(SOAK_LEGS):
        for name, share in (("c16", 1 - SOAK_STREAM_SHARE), ("burst16", SOAK_STREAM_SHARE)):
            wanted = max(int(bench.options.soak * share / SOAK_LEGS), 1)
            plan = replace(bench.plan(by_name[name], slow=False), warm_s=0, window_s=600, requests=wanted)
            try:
                reading = bench.window(plan, server)
            except WindowError as error:
                results.problems.append(f"soak: {error}")
                return
            if reading.errors:
                results.problems.append(f"soak: {reading.errors} errors after {sent} requests")
            sent += reading.requests
        results.soak.append((sent, Memory.of(server.process.pid)))


def run_all(options: Options, folder: Path, results: report.Results) -> None:
    """Brings everything up, measures, and takes everything down."""
    programs = compile_programs(folder)
    candidates = wanted_candidates(options, results)
    with ExitStack() as stack:
        mock_port = stack.enter_context(running_mock(programs["mock"], options.load_core))
        bodies = {}
        for workload in WORKLOADS:
            bodies[workload.name] = folder / f"{workload.name}.json"
            bodies[workload.name].write_bytes(request_body(workload))
        bench = Bench(options, programs["load"], bodies, mock_port)
        servers: dict[str, Server] = {}
        for candidate in candidates:
            try:
                server = start_candidate(candidate, bench, folder, results)
            except StartError as error:
                results.problems.append(str(error))
                print(error, flush=True)
                continue
            stack.callback(server.stop)
            servers[candidate.name] = server
        if options.workloads:
            run_matrix(bench, servers, results)
        if options.soak and report.SUBJECT in servers:
            run_soak(bench, servers[report.SUBJECT], results)


def describe_machine() -> str:
    """One line about the machine and how busy it is."""
    model = platform.machine()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    load = f"load average {os.getloadavg()[0]:.2f} at the start"
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, {load}"


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit("stopped")


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark; 0 unless something failed or gave errors (a missed goal is a result)."""
    options = parse(argv)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _leave)
    results = report.Results()
    machine = describe_machine()
    print(machine, flush=True)
    with alone_on_this_machine(), tempfile.TemporaryDirectory(prefix="roundhouse-bench-") as name:
        os.sched_setaffinity(0, {options.load_core})  # the driver must not disturb the gateway's core
        run_all(options, Path(name), results)
    report.print_report(results, options.workloads)
    if options.json_file:
        document = {"machine": machine, "rounds": options.rounds} | report.as_json(results)
        options.json_file.write_text(json.dumps(document, indent=1) + "\n")
    failed = any(
        reading is None or "ERRORS" in reading.notes
        for rows in results.readings.values()
        for rounds in rows.values()
        for reading in rounds
    )
    return 1 if failed or results.problems else 0


if __name__ == "__main__":
    sys.exit(main())
