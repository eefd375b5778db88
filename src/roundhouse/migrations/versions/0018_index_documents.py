"""Which documents an index version holds that is built beside the one that is searched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "index_documents",
        sa.Column("index_number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("document", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("upto", sa.BigInteger),
        sa.PrimaryKeyConstraint("index_number", "document", name="pk_index_documents"),
    )
