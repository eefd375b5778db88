"""The table of attempts."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

_JSON_OR_NULL = sa.JSON(none_as_null=True)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("job_id", sa.String(40), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("step", sa.String(100), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("target", sa.String(300), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("idempotency_key", sa.String(200), nullable=False),
    sa.Column("request", _JSON_OR_NULL),
    sa.Column("response", _JSON_OR_NULL),
    sa.Column("error", _JSON_OR_NULL),
    sa.Column("started_at_s", sa.Double, nullable=False),
    sa.Column("ended_at_s", sa.Double),
    sa.Column("cost", sa.Double),
)


def cost_of(job_id: sa.ColumnElement[str]) -> sa.ScalarSelect[float]:
    """What the tries of a task cost so far, as a column of a query of tasks."""
    total = sa.func.coalesce(sa.func.sum(attempts.c.cost), 0.0)
    return sa.select(total).where(attempts.c.job_id == job_id).scalar_subquery()
