"""The tables of tasks and of idempotency keys; a task's life cycle stands in `jobs`."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("job_id", sa.String(40), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("capability", sa.String(200)),
    sa.Column("flow", sa.String(200)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kept", sa.String(20), nullable=False),
    sa.Column("forgotten", sa.Boolean, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("shown", sa.JSON(none_as_null=True)),
    # What it may cost at most when nothing is tried twice: reserved when it is accepted, and when it is tried again.
    sa.Column("cost_units", sa.Double, nullable=False, server_default="1"),
    sa.Index("ix_tasks_site_id_capability", "site_id", "capability"),
    sa.Index("ix_tasks_site_id_flow", "site_id", "flow"),
    # For the few whose values are still to be deleted.
    sa.Index("ix_tasks_forgotten_kept", "forgotten", "kept"),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("site_id", sa.String(200), primary_key=True),
    # Empty where the caller stands for no user, or no app.
    sa.Column("user_id", sa.String(200), primary_key=True),
    sa.Column("app_id", sa.String(200), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("body_sha256", sa.String(64), nullable=False),
    sa.Column("job_id", sa.String(40), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    # So long whoever came first may wait for the end of the task.
    sa.Column("held_until_s", sa.Double, nullable=False, server_default="0"),
    sa.Index("ix_idempotency_job_id", "job_id"),
)
