"""Measures both databases and prints one table."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from bench.events.readers import Reader, connect
from roundhouse.infra.event_loop import run
from roundhouse.infra.migrate import upgrade_blocking

GOAL_P50_MS = 60.0
_POSTGRES = os.environ.get("ROUNDHOUSE_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test")
_SETTLE_S = 1.0


def main() -> int:
    """Measure, print, and say whether every reader got every event."""
    parser = argparse.ArgumentParser(prog="python -m bench.events", description=__doc__)
    parser.add_argument("--readers", type=int, default=200, help="HTTP clients on one stream")
    parser.add_argument("--per-second", type=float, default=10.0, help="events written in a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each measurement")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args()
    rows = []
    for dialect in (options.only,) if options.only else ("sqlite", "postgresql"):
        with _database(dialect) as url:
            upgrade_blocking(url)
            rows.append({"database": dialect, **run(_measure(url, options))})
    print(json.dumps(rows, indent=1) if options.json else _table(rows))
    return 0 if all(row["missed"] == 0 for row in rows) else 1


@contextlib.contextmanager
def _database(dialect: str) -> Iterator[str]:
    if dialect == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'roundhouse.db'}"
        return
    server = make_url(_POSTGRES).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    name = f"roundhouse_bench_{secrets.token_hex(4)}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


async def _measure(url: str, options: argparse.Namespace) -> dict[str, Any]:
    with _server(url, "off") as (process, _):
        without = await _idle_percent(process, options.seconds)
    with _server(url, "on") as (process, port):
        idle = await _idle_percent(process, options.seconds)
        readers = await connect(port, options.readers)
        watched = await _idle_percent(process, options.seconds)
        cpu_s = _cpu_s(process)
        committed_s = await _write(url, options)
        await asyncio.sleep(_SETTLE_S)
        cpu_s = _cpu_s(process) - cpu_s
        latencies_ms, last_ms, missed = _latencies(committed_s, readers)
        return {
            "readers": options.readers,
            "events": len(committed_s),
            "missed": missed,
            "p50_ms": _at(latencies_ms, 0.5),
            "p95_ms": _at(latencies_ms, 0.95),
            "p99_ms": _at(latencies_ms, 0.99),
            "max_ms": _at(latencies_ms, 1.0),
            "last_reader_p50_ms": _at(last_ms, 0.5),
            "last_reader_p95_ms": _at(last_ms, 0.95),
            "server_cpu_us_per_receipt": round(1e6 * cpu_s / max(1, len(latencies_ms)), 1),
            "idle_percent_without_tail": without,
            "idle_percent": idle,
            "idle_percent_with_readers": watched,
            "p50_goal_met": _at(latencies_ms, 0.5) <= GOAL_P50_MS,
        }


@contextlib.contextmanager
def _server(url: str, tail: str) -> Iterator[tuple[psutil.Process, int]]:
    command = [sys.executable, "-m", "bench.events.serve", url, tail]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield psutil.Process(process.pid), int(process.stdout.readline())
        finally:
            process.terminate()


async def _write(url: str, options: argparse.Namespace) -> list[float]:
    words = [url, str(options.per_second), str(options.seconds)]
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.events.write", *words, stdout=subprocess.PIPE
    )
    out, _ = await writer.communicate()
    found: list[float] = json.loads(out)
    return found


async def _idle_percent(process: psutil.Process, seconds: float) -> float:
    """Per cent of one core."""
    await asyncio.sleep(_SETTLE_S)
    cpu_s, began_s = _cpu_s(process), time.monotonic()
    await asyncio.sleep(seconds)
    return round(100 * (_cpu_s(process) - cpu_s) / (time.monotonic() - began_s), 2)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _latencies(committed_s: list[float], readers: list[Reader]) -> tuple[list[float], list[float], int]:
    """Commit to receipt in ms: of every reader, of the last one of each event; and how often there was none."""
    received = [reader.received_s() for reader in readers]
    every: list[float] = []
    last: list[float] = []
    for number, committed in enumerate(committed_s):
        # A notification may be faster than the writer's own answer.
        found = [max(0.0, 1000 * (one[number] - committed)) for one in received if number in one]
        every += found
        last += [max(found)] if found else []
    return sorted(every), sorted(last), len(committed_s) * len(readers) - len(every)


def _at(values: list[float], share: float) -> float:
    return round(values[min(len(values) - 1, int(share * len(values)))], 1) if values else float("nan")


def _table(rows: list[dict[str, Any]]) -> str:
    lines = ["| | " + " | ".join(row["database"] for row in rows) + " |", "|---|" + "---|" * len(rows)]
    lines += [
        f"| {name} | " + " | ".join(str(row[name]) for row in rows) + " |"
        for name in rows[0]
        if name != "database"
    ]
    return "\n".join(lines)
