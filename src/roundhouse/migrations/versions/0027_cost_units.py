"""What calls cost, of capabilities, of tasks, and of what is reserved for them; who holds an idempotency key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("capabilities", "capability_versions", "tasks"):
        op.add_column(table, sa.Column("cost_units", sa.Double, nullable=False, server_default="1"))
    op.add_column("jobs", sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column(
        "quota_reservations", sa.Column("spent_units", sa.Double, nullable=False, server_default="0")
    )
    op.add_column("idempotency", sa.Column("held_until_s", sa.Double, nullable=False, server_default="0"))
    # From now on the transaction that ends a task settles it; until now it was forgotten some time later.
    op.execute(
        "DELETE FROM quota_reservations WHERE NOT EXISTS (SELECT 1 FROM jobs"
        " WHERE jobs.id = task_id AND state NOT IN ('completed', 'failed', 'cancelled'))"
    )
    op.execute("UPDATE jobs SET counted = true WHERE id IN (SELECT task_id FROM quota_reservations)")
