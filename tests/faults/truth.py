"""What the database and the ledger say afterwards, and whether they agree."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roundhouse.infra.db import parse_url

ENDED = ("completed", "failed", "cancelled")
AFTER = {
    "job.queued": {"job.started", "job.queued", "job.cancelled", "job.failed"},
    "job.started": {
        "job.stage", "job.progress", "job.queued", "job.waiting", "job.cancel_requested",
        "job.completed", "job.failed", "job.cancelled",
    },
    "job.completed": set(),
    "job.failed": {"job.queued"},
    "job.cancelled": {"job.queued"},
}  # fmt: skip
"""Which event may follow which; of the others: the same as of `job.started`."""


@dataclass(frozen=True)
class Line:
    """One line of the ledger; the time is of the monotonic clock that all processes share."""

    at_s: float
    job_id: str
    step: str
    run: int
    pid: int
    what: str
    token: str


def read_ledger(path: Path) -> list[Line]:
    """Every whole line."""
    if not path.exists():
        return []
    words = (line.split(" ") for line in path.read_text().splitlines())
    return [Line(float(one[0]), one[1], one[2], int(one[3]), int(one[4]), one[5], one[6]) for one in words]


class Truth:
    """Reads the product's database from outside.

    Args:
        url: Of it.
        kept: Whether one connection is kept, for those who look again and again.
    """

    def __init__(self, url: str, *, kept: bool = False) -> None:
        parsed = parse_url(url)
        self._sqlite = parsed.get_backend_name() == "sqlite"
        if self._sqlite:
            parsed = parsed.set(drivername="sqlite")
        pool = {"poolclass": sa.StaticPool} if kept else {"poolclass": sa.NullPool}
        self._engine = sa.create_engine(parsed, **pool)
        self._has_records = False

    def rows(self, text: str) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(sa.text(text)).mappings())

    def jobs(self) -> dict[str, Any]:
        return {one["id"]: one for one in self.rows("SELECT * FROM jobs ORDER BY seq")}

    def events(self) -> dict[str, list[tuple[int, str]]]:
        """Number and type of a job's events, by job."""
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for one in self.rows("SELECT topic, seq, type FROM events ORDER BY seq"):
            found[one["topic"]].append((one["seq"], one["type"]))
        return found

    def site_events(self) -> list[tuple[int, str]]:
        """Number and type of all events of the site."""
        text = "SELECT seq, type FROM events WHERE site_id = 'default' ORDER BY seq"
        return [(one["seq"], one["type"]) for one in self.rows(text)]

    def records_are_kept(self) -> bool:
        """The first executor of an installation makes their table, once it has started."""
        if not self._has_records:
            schema = None if self._sqlite else "dbos"
            self._has_records = sa.inspect(self._engine).has_table("operation_outputs", schema)
        return self._has_records

    def records(self, job_id: str = "") -> dict[tuple[str, str], dict[int, Any]]:
        """What is recorded of finished steps, of one job or of all: the output by run, by job and step."""
        if not self.records_are_kept():
            return {}
        table = "operation_outputs" if self._sqlite else "dbos.operation_outputs"
        text = f"SELECT workflow_uuid, function_name, output FROM {table} WHERE error IS NULL"
        if job_id:
            text += f" AND workflow_uuid LIKE '{job_id}.%'"
        found: dict[tuple[str, str], dict[int, Any]] = defaultdict(dict)
        for one in self.rows(text):
            job_id, _, run = one["workflow_uuid"].rpartition(".")
            found[job_id, one["function_name"]][int(run)] = json.loads(one["output"])
        return found

    def executors(self) -> list[Any]:
        return self.rows("SELECT * FROM executors ORDER BY started_at_s")


def check(truth: Truth, ledger: Path, accepted: dict[str, str]) -> dict[str, int]:
    """Everything that must hold at the end; returns counts for the report.

    Args:
        truth: The database.
        ledger: What the steps wrote.
        accepted: Job by idempotency key, as the clients were told.
    """
    jobs, records, lines = truth.jobs(), truth.records(), read_ledger(ledger)
    by_key = {one["idempotency_key"]: one["id"] for one in jobs.values()}
    lost = {key: job_id for key, job_id in accepted.items() if by_key.get(key) != job_id}
    assert not lost, f"accepted and lost, or accepted twice: {lost}"
    unended = {one["id"]: one["state"] for one in jobs.values() if one["state"] not in ENDED}
    assert not unended, unended
    again = _started_again(records, lines)
    assert not again, f"finished steps were run again: {again}"
    twice = {key: list(runs) for key, runs in records.items() if len(runs) > 1}
    assert not twice, f"finished steps were recorded twice: {twice}"
    for job in jobs.values():
        if job["kind"].startswith("evidence."):
            _check_outputs(job, records)
    for job_id, events in truth.events().items():
        if job_id.startswith("job_"):
            _check_story(events, jobs[job_id])
    ends = Counter((one.job_id, one.step) for one in lines if one.what == "end")
    return {
        "jobs": len(jobs),
        "runs": sum(one["run"] for one in jobs.values()),
        "steps recorded": sum(len(runs) for runs in records.values()),
        "steps begun": sum(one.what == "start" for one in lines),
        "steps cut between work and record": sum(count - 1 for count in ends.values()),
        **Counter(one["state"] for one in jobs.values()),
    }


def _started_again(records: dict[tuple[str, str], dict[int, Any]], lines: list[Line]) -> list[Line]:
    """Begun in a later run than the one that finished it."""
    return [
        one
        for one in lines
        if one.what == "start"
        and (runs := records.get((one.job_id, one.step)))
        and one.run > min(runs)
    ]  # fmt: skip


def _check_outputs(job: Any, records: dict[tuple[str, str], dict[int, Any]]) -> None:
    """Each step saw the outputs that are recorded of those before it, and the job's result is the last one's."""
    before: dict[str, str] = {}
    output = None
    for stage in _json(job["stages"]):
        runs = records.get((job["id"], stage["name"]))
        done = stage["state"] == "completed"
        assert bool(runs) or not done, f"{job['id']} {stage['name']}: completed, but not recorded"
        if job["state"] == "completed":
            assert done, f"{job['id']} is completed without {stage['name']}"
        if not runs:
            break
        output = next(iter(runs.values()))
        if isinstance(output, dict):
            assert output["seen"] == before, f"{job['id']} {stage['name']} saw {output['seen']}, not {before}"
            before[stage["name"]] = output["token"]
    if job["state"] == "completed":
        assert _json(job["result"]) == output, job["id"]


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _check_story(events: list[tuple[int, str]], job: Any) -> None:
    kinds = [kind for _, kind in events]
    assert kinds[0] == "job.queued", (job["id"], kinds)
    for first, second in itertools.pairwise(kinds):
        allowed = AFTER.get(first, AFTER["job.started"])
        assert second in allowed, f"{job['id']}: {second} after {first}"
    assert kinds[-1] == f"job.{job['state']}", (job["id"], kinds[-3:])
