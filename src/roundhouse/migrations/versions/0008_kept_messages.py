"""An index of the messages that a context is told from however far back: pinned ones and summaries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEPT = sa.text("(pinned OR kind = 'summary')")


def upgrade() -> None:
    op.create_index(
        "ix_messages_kept",
        "messages",
        ["session_id", "depth"],
        sqlite_where=_KEPT,
        postgresql_where=_KEPT,
    )
