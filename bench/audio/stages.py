"""What a stage costs besides its work, and a queue of many recordings: accepting more, starting again. SQLite."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import struct
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.audio.service import Service
from bench.audio.sounds import make
from bench.jobs.load import commit, in_threads, p50_p95_ms

_EARS = {"name": "ears", "kind": "fake", "models": ["tiny"], "options": {"reply": "we start on monday"}}
_FIELDS = {
    "features": "raw_transcript,clean_transcript,summary",
    "template_id": "meeting_notes",
    "asr_backend": "ears/tiny",
    "model": "roundhouse/extractive",
}
_SETTINGS = {"PROVIDERS": json.dumps([_EARS])}
_ACCEPTED = 500
_IDLE_S = 10.0
_READY_GOAL_S = 3.0


def overhead(folder: Path, recordings: int) -> None:
    """One second of sound, ears that hear at once: where the time of a recording goes that is no work."""
    home = folder / "overhead"
    home.mkdir()
    path = make(home / "short.opus", 1.0, ("-c:a", "libopus", "-b:a", "32k"))
    walls: list[float] = []
    lengths: dict[str, list[float]] = {}
    with Service(home, **_SETTINGS) as service:
        service.process(path, **_FIELDS)
        idle = _commits(home)
        time.sleep(_IDLE_S)
        idle_per_s = (_commits(home) - idle) / _IDLE_S
        before, began_s = _commits(home), time.perf_counter()
        for _ in range(recordings):
            wall_s, told = service.process(path, **_FIELDS)
            walls.append(wall_s)
            for name, seconds in _lengths(service, told["task_id"]).items():
                lengths.setdefault(name, []).append(seconds)
        took_s = time.perf_counter() - began_s
        commits = (_commits(home) - before - idle_per_s * took_s) / recordings
    print(
        f"{recordings} recordings of 1 s, one after the other: {statistics.median(walls) * 1000:.0f} ms each, p50"
    )
    for name, values in lengths.items():
        print(f"  {name:<28}{statistics.median(values) * 1000:6.1f} ms")
    print(f"  commits {commits:.1f} a recording; {idle_per_s:.2f} a second when idle")


def queue(folder: Path, queued: int) -> None:
    """Print what accepting costs behind so many, and how long a start takes."""
    home = folder / "queue"
    home.mkdir()
    content = make(home / "short.opus", 1.0, ("-c:a", "libopus", "-b:a", "32k")).read_bytes()
    with Service(home, JOBS__EXECUTOR="false", **_SETTINGS) as service:
        service.stop()
        empty_s = service.start()
        _accept(service, content, queued, 16)
        for clients in (1, 16):
            files = _files(home, content, clients)
            rows = commit(f"sqlite:///{home / 'bound.db'}", home, _ACCEPTED, clients)
            bound = [one + other for one, other in zip(files, rows, strict=True)]
            took = _accept(service, content, _ACCEPTED, clients)
            told = [f"{p50:.1f} / {p95:.1f}" for p50, p95 in (p50_p95_ms(took), p50_p95_ms(bound))]
            print(
                f"accept behind {queued}, {clients} client(s), p50 / p95: {told[0]} ms;"
                f" one synced file and one synced row: {told[1]} ms"
            )
        service.stop()
        full_s = service.start()
    goal = "met" if full_s <= _READY_GOAL_S else "MISSED"
    print(
        f"restart to ready: empty {empty_s:.2f} s, {queued} queued {full_s:.2f} s  goal {_READY_GOAL_S:g} s: {goal}"
    )


def _lengths(service: Service, task_id: str) -> dict[str, float]:
    """Of the stages, and of what is between them, in seconds."""
    while (job := service.ask("GET", f"/v1/jobs/{task_id}")[1])["ended_at"] is None:
        time.sleep(0.01)
    stages = job["stages"]
    found = {"accepted to claimed": _at(stages[0]["started_at"]) - _at(job["created_at"])}
    for stage in stages:
        found[stage["name"]] = _at(stage["ended_at"]) - _at(stage["started_at"])
    for before, after in itertools.pairwise(stages):
        found[f"{before['name']} to {after['name']}"] = _at(after["started_at"]) - _at(before["ended_at"])
    found["last stage to end"] = _at(job["ended_at"]) - _at(stages[-1]["ended_at"])
    return found


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _commits(home: Path) -> int:
    """Transactions that wrote, since the database was opened: SQLite counts them in the index of its journal."""
    with (home / "data" / "roundhouse.db-shm").open("rb") as file:
        return int(struct.unpack_from("=I", file.read(12), 8)[0])


def _accept(service: Service, content: bytes, count: int, clients: int) -> list[float]:
    def client() -> Callable[[], Any]:
        connection = service.connect()
        return lambda: service.send(iter([content]), len(content), "short.opus", connection, **_FIELDS)

    return in_threads(client, count, clients)


def _files(home: Path, content: bytes, clients: int) -> list[float]:
    """The other half of the bound: the bytes in a file of their own, synced."""
    numbers = itertools.count()
    lock = threading.Lock()
    folder = home / f"files-{clients}"
    folder.mkdir()

    def write() -> None:
        with lock:
            path = folder / str(next(numbers))
        with path.open("wb", buffering=0) as file:
            file.write(content)
            os.fsync(file.fileno())

    return in_threads(lambda: write, _ACCEPTED, clients)
