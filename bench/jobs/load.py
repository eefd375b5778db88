"""Clients that have jobs accepted over HTTP, and the bound: what the database alone takes for one row on disk."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from http.client import HTTPConnection
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import quantiles
from typing import Any

import psycopg
import sqlalchemy as sa


def accept(port: int, key: str, body: bytes, count: int, clients: int) -> list[float]:
    """Have so many jobs accepted by so many clients, each on a connection of its own; seconds of each."""

    def client() -> Callable[[], None]:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

        def one() -> None:
            connection.request("POST", "/v1/jobs", body, headers)
            answer = connection.getresponse()
            found = answer.read()
            if answer.status != 202:
                raise SystemExit(f"not accepted: {answer.status} {found[:300]!r}")
            json.loads(found)

        return one

    return in_threads(client, count, clients)


def commit(url: str, folder: Path, count: int, clients: int) -> list[float]:
    """The bound: one row of the size of a job, written and synced, by so many clients; seconds of each."""
    is_sqlite = url.startswith("sqlite")
    # One writer at a time, in order: SQLite's own waiting is by chance.
    turn: Any = threading.Lock() if is_sqlite else nullcontext()

    def connect() -> Any:
        if not is_sqlite:
            address = sa.make_url(url).set(drivername="postgresql").render_as_string(False)
            return psycopg.connect(address, autocommit=True)
        file = sqlite3.connect(folder / "bound.db", timeout=60, isolation_level=None, check_same_thread=False)
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=FULL")
        return file

    def client() -> Callable[[], None]:
        connection = connect()

        def one() -> None:
            with turn:
                connection.execute(f"INSERT INTO bound VALUES ('{'x' * 900}')")

        return one

    connect().execute("CREATE TABLE IF NOT EXISTS bound (told TEXT)")
    return in_threads(client, count, clients)


def in_threads(make: Callable[[], Callable[[], None]], count: int, clients: int) -> list[float]:
    """Call what `make` makes, `count` times in all, by so many threads; seconds of each call."""
    turns: SimpleQueue[None] = SimpleQueue()
    for _ in range(count):
        turns.put(None)

    def run() -> list[float]:
        call, took = make(), []
        with suppress(Empty):
            while True:
                turns.get_nowait()
                began_s = time.perf_counter()
                call()
                took.append(time.perf_counter() - began_s)
        return took

    with ThreadPoolExecutor(clients) as pool:
        return [one for running in [pool.submit(run) for _ in range(clients)] for one in running.result()]


def p50_p95_ms(took: list[float]) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds."""
    cuts = quantiles(took, n=20)
    return cuts[9] * 1000, cuts[18] * 1000
