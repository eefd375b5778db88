"""The full-text index: spaces, entries, packed postings, and the journal of what happened to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "search_spaces",
        sa.Column("space", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("space", name="pk_search_spaces"),
        sa.UniqueConstraint("site_id", "kind", name="uq_search_spaces_site_id_kind"),
    )
    op.create_table(
        "search_entries",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("space", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("ref_id", sa.String(100), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("parent_id", sa.String(100)),
        sa.Column("role", sa.String(40)),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_search_entries"),
        sa.UniqueConstraint("kind", "ref_id", name="uq_search_entries_kind_ref_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "search_postings",
        sa.Column("space", sa.BigInteger, nullable=False),
        sa.Column("term", sa.LargeBinary, nullable=False),
        sa.Column("first_number", sa.BigInteger, nullable=False),
        sa.Column("last_number", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("space", "term", "first_number", name="pk_search_postings"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        # Packed numbers hardly get smaller, and trying costs more than the reading.
        op.execute("ALTER TABLE search_postings ALTER COLUMN data SET STORAGE EXTERNAL")
    op.create_table(
        "search_changes",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("space", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("words", sa.BigInteger, nullable=False),
        sa.Column("added", sa.LargeBinary, nullable=False),
        sa.Column("removed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_changes"),
    )
    op.create_index("ix_search_changes_space_id", "search_changes", ["space", "id"])
