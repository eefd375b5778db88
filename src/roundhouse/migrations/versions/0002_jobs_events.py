"""Jobs, executors, schedules, events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _jobs()
    _executors()
    _events()


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("caller", sa.JSON, nullable=False),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("queue", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("waiting_for", sa.String(100)),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("input", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("stages", sa.JSON, nullable=False),
        sa.Column("progress", sa.Double, nullable=False),
        sa.Column("message", sa.String(500), nullable=False),
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
        sa.PrimaryKeyConstraint("seq", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sa.UniqueConstraint(
            "site_id", "kind", "idempotency_key", name="uq_jobs_site_id_kind_idempotency_key"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_jobs_queue_state_site_id_rank_seq",
        "jobs",
        ["queue", "state", "site_id", "rank", "seq"],
    )
    op.create_index("ix_jobs_site_id_seq", "jobs", ["site_id", "seq"])
    op.create_index("ix_jobs_state_executor_id", "jobs", ["state", "executor_id"])
    op.create_index("ix_jobs_state_run_after_s", "jobs", ["state", "run_after_s"])
    op.create_index("ix_jobs_deadline_s", "jobs", ["deadline_s"])
    op.create_index("ix_jobs_expires_at_s", "jobs", ["expires_at_s"])
    op.create_index("ix_jobs_queue_ended_at_s", "jobs", ["queue", "ended_at_s"])


def _executors() -> None:
    op.create_table(
        "executors",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("machine_id", sa.String(80), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("lock_path", sa.Text, nullable=False),
        sa.Column("queues", sa.JSON, nullable=False),
        sa.Column("pipelines", sa.JSON, nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("started_at_s", sa.Double, nullable=False),
        sa.Column("renewed_at_s", sa.Double, nullable=False),
        sa.Column("renewed_monotonic_s", sa.Double, nullable=False),
        sa.Column("lease_s", sa.Double, nullable=False),
        sa.Column("draining", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_executors"),
    )
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("cron", sa.String(100), nullable=False),
        sa.Column("last_due_at_s", sa.Double),
        sa.Column("last_job_id", sa.String(40)),
        sa.PrimaryKeyConstraint("name", name="pk_schedules"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("topic", sa.String(100), nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_topic_seq", "events", ["topic", "seq"])
    op.create_index("ix_events_site_id_seq", "events", ["site_id", "seq"])
    op.create_index("ix_events_at_s", "events", ["at_s"])
