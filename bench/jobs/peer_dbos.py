"""Bare DBOS: `python peer_dbos.py work|submit URL STAMPS`. A queue of its own, eight jobs at a time."""

from __future__ import annotations

import sys
import time
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient
from stamping import stamp, submit_on_demand

MODE, URL, STAMPS = sys.argv[1:4]

engine = sa.create_engine(URL, pool_size=20)
if URL.startswith("sqlite"):
    # As durable as Roundhouse: WAL, which DBOS does not set, and full sync, which is its default.
    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")


@DBOS.step(name="step")
def step(path: str) -> None:
    """What is recorded."""
    stamp(path)


@DBOS.workflow(name="job")
def job(path: str) -> None:
    """The job."""
    step(path)


if MODE == "work":
    config = {"name": "bench", "application_version": "1", "log_level": "ERROR"}
    DBOS(config={**config, "system_database_engine": engine})  # type: ignore[typeddict-item]
    DBOS.launch()
    DBOS.register_queue("bench", worker_concurrency=8, polling_interval_sec=0.1)
    print("ready", flush=True)
    time.sleep(86_400)
else:
    client = DBOSClient(system_database_engine=engine, application_name="bench")
    options = {"queue_name": "bench", "workflow_name": "job", "app_version": "1"}
    submit_on_demand(lambda: client.enqueue(options, STAMPS))  # type: ignore[arg-type]
