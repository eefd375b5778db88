"""Rows of postings lie in a table with row numbers: SQLite's others read whole rows to compare their keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.rename_table("search_postings", "search_postings_before")
    op.create_table(
        "search_postings",
        sa.Column("space", sa.BigInteger, nullable=False),
        sa.Column("term", sa.LargeBinary, nullable=False),
        sa.Column("first_number", sa.BigInteger, nullable=False),
        sa.Column("last_number", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("space", "term", "first_number", name="pk_search_postings"),
    )
    op.execute(
        "INSERT INTO search_postings (space, term, first_number, last_number, count, data) "
        "SELECT space, term, first_number, last_number, count, data FROM search_postings_before "
        "ORDER BY space, term, first_number"
    )
    op.drop_table("search_postings_before")
