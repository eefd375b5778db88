"""The table of jobs, and a row as a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.jobs import Attempt, Job, Stage
from roundhouse.core.types import Caller
from roundhouse.infra.db import metadata

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON_OR_NULL = sa.JSON(none_as_null=True)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("caller", sa.JSON, nullable=False),
    sa.Column("kind", sa.String(100), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("queue", sa.String(20), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("waiting_for", sa.String(100)),
    # The priority with its sign turned: one ascending index gives the order in which jobs start.
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("input", sa.JSON, nullable=False),
    sa.Column("result", _JSON_OR_NULL),
    sa.Column("error", _JSON_OR_NULL),
    sa.Column("stages", sa.JSON, nullable=False),
    sa.Column("progress", sa.Double, nullable=False),
    sa.Column("message", sa.String(500), nullable=False),
    # Counts the changes its executor made: one that was committed, but whose answer got lost, is recognised.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("since_run", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("history", sa.JSON, nullable=False),
    sa.Column("signals", sa.JSON, nullable=False),
    sa.Column("run_after_s", sa.Double),
    sa.Column("deadline_s", sa.Double),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Column("started_at_s", sa.Double),
    sa.Column("run_started_at_s", sa.Double),
    sa.Column("ended_at_s", sa.Double),
    sa.Column("expires_at_s", sa.Double),
    sa.Column("executor_id", sa.String(40)),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("idempotency_key", sa.String(200)),
    sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("site_id", "kind", "idempotency_key"),
    sa.Index(
        "ix_jobs_queue_state_site_id_rank_seq",
        "queue",
        "state",
        "site_id",
        "rank",
        "seq",
    ),
    sa.Index("ix_jobs_site_id_seq", "site_id", "seq"),
    sa.Index("ix_jobs_state_executor_id", "state", "executor_id"),
    sa.Index("ix_jobs_state_run_after_s", "state", "run_after_s"),
    sa.Index("ix_jobs_deadline_s", "deadline_s"),
    sa.Index("ix_jobs_expires_at_s", "expires_at_s"),
    sa.Index("ix_jobs_queue_ended_at_s", "queue", "ended_at_s"),
    # The number of a deleted job is not given again: cursors point behind it.
    sqlite_autoincrement=True,
)


_COPIED = [name for name in Job.__struct_fields__ if name not in ("caller", "priority")]


def read_row(row: Mapping[Any, Any]) -> Job:
    """A row as a job."""
    values = {name: row[name] for name in _COPIED}
    values["stages"] = msgspec.convert(row["stages"], list[Stage])
    values["history"] = msgspec.convert(row["history"], list[Attempt])
    return Job(**values, priority=-row["rank"], caller=msgspec.convert(row["caller"], Caller))
