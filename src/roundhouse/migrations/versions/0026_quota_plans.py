"""Quota plans, whom they are for, what is counted, and what is reserved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quota_plans",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200)),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.Column("on_exceed", sa.String(220), nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quota_plans"),
    )
    op.create_index("ix_quota_plans_site_id_id", "quota_plans", ["site_id", "id"])
    op.create_table(
        "quota_assignments",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("app_id", sa.String(200), nullable=False),
        sa.Column("plan_id", sa.String(40), nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quota_assignments"),
        sa.UniqueConstraint("site_id", "user_id", "app_id", name="uq_quota_assignments_whom"),
    )
    op.create_index("ix_quota_assignments_plan_id", "quota_assignments", ["plan_id"])
    op.create_table(
        "quota_counters",
        sa.Column("assignment_id", sa.String(40), nullable=False),
        sa.Column("metric", sa.String(40), nullable=False),
        sa.Column("start_s", sa.BigInteger, nullable=False),
        sa.Column("used", sa.Double, nullable=False),
        sa.Column("told", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("assignment_id", "metric", "start_s", name="pk_quota_counters"),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["quota_assignments.id"],
            name="fk_quota_counters_assignment_id_quota_assignments",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "quota_reservations",
        sa.Column("task_id", sa.String(40), nullable=False),
        sa.Column("assignment_id", sa.String(40), nullable=False),
        sa.Column("cost_units", sa.Double, nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("placed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "assignment_id", name="pk_quota_reservations"),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["quota_assignments.id"],
            name="fk_quota_reservations_assignment_id_quota_assignments",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_quota_reservations_assignment_id", "quota_reservations", ["assignment_id", "placed"])
