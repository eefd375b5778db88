"""Tasks beside their jobs, their attempts, and the idempotency keys of the requests that ordered them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("job_id", sa.String(40), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("capability", sa.String(200)),
        sa.Column("flow", sa.String(200)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kept", sa.String(20), nullable=False),
        sa.Column("forgotten", sa.Boolean, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("shown", sa.JSON),
    )
    op.create_index("ix_tasks_site_id_capability", "tasks", ["site_id", "capability"])
    op.create_index("ix_tasks_site_id_flow", "tasks", ["site_id", "flow"])
    op.create_index("ix_tasks_forgotten_kept", "tasks", ["forgotten", "kept"])
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.String(40), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("step", sa.String(100), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("target", sa.String(300), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("idempotency_key", sa.String(200), nullable=False),
        sa.Column("request", sa.JSON),
        sa.Column("response", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("started_at_s", sa.Double, nullable=False),
        sa.Column("ended_at_s", sa.Double),
        sa.Column("cost", sa.Double),
    )
    op.create_table(
        "idempotency",
        sa.Column("site_id", sa.String(200), primary_key=True),
        sa.Column("user_id", sa.String(200), primary_key=True),
        sa.Column("app_id", sa.String(200), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(40), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("ix_idempotency_job_id", "idempotency", ["job_id"])
