"""The full-text index is written behind the scenes: what waits, what is fresh, and generations of an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    # An index can be made anew from the messages at any time, and is so at the next start.
    for table in ("search_changes", "search_postings", "search_entries", "search_spaces"):
        op.drop_table(table)
    _create_spaces()
    _create_entries()
    _create_terms()
    op.create_table(
        "search_changes",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("space", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("words", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_changes"),
    )
    op.create_index("ix_search_changes_space_id", "search_changes", ["space", "id"])
    # Version 0 is nobody's: where there is something to be found an index is made of it.
    op.execute(
        "INSERT INTO search_kinds (kind, version, generation, after, done, total) "
        "SELECT 'message', 0, 1, '', 0, 0 WHERE EXISTS (SELECT 1 FROM messages)"
    )
    op.execute(
        "INSERT INTO search_kinds (kind, version, generation, after, done, total) "
        "SELECT 'session', 0, 1, '', 0, 0 WHERE EXISTS (SELECT 1 FROM sessions)"
    )


def _create_spaces() -> None:
    op.create_table(
        "search_kinds",
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("building", sa.Integer),
        sa.Column("after", sa.String(100), nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_search_kinds"),
    )
    op.create_table(
        "search_spaces",
        sa.Column("space", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("space", name="pk_search_spaces"),
        sa.UniqueConstraint("site_id", "kind", "generation", name="uq_search_spaces_site_id_kind_generation"),
        # A number that is used again would have what is left of a space that was dropped.
        sqlite_autoincrement=True,
    )
    op.create_table(
        "search_waiting",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("ref_id", sa.String(100), nullable=False),
        sa.Column("is_whole", sa.Boolean, nullable=False),
        sa.Column("after", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_waiting"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_search_waiting_site_id_is_whole_id", "search_waiting", ["site_id", "is_whole", "id"])


def _create_entries() -> None:
    op.create_table(
        "search_entries",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("space", sa.BigInteger, nullable=False),
        sa.Column("ref_id", sa.String(100), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("parent_id", sa.String(100)),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_search_entries"),
        sa.UniqueConstraint("ref_id", "space", name="uq_search_entries_ref_id_space"),
        sqlite_autoincrement=True,
    )


def _create_terms() -> None:
    op.create_table(
        "search_fresh",
        sa.Column("space", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("space", "number", name="pk_search_fresh"),
        sqlite_with_rowid=False,
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
