"""Vectors in the database, and what is to be written to vector servers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "vector_indexes",
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("dimensions", sa.Integer, nullable=False),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.Column("forgotten", sa.BigInteger, nullable=False),
        sa.Column("vectors", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_vector_indexes"),
    )
    op.create_table(
        "vector_blocks",
        sa.Column("index_number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("change", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("document", sa.BigInteger, nullable=False),
        sa.Column("vectors", sa.Integer, nullable=False),
        sa.Column("first_key", sa.BigInteger, nullable=False),
        sa.Column("last_key", sa.BigInteger, nullable=False),
        sa.Column("keys", sa.LargeBinary, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("index_number", "change", name="pk_vector_blocks"),
    )
    op.create_index("ix_vector_blocks_index_number_document", "vector_blocks", ["index_number", "document"])
    op.create_table(
        "vector_pending",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("index_number", sa.BigInteger, nullable=False),
        sa.Column("dimensions", sa.Integer, nullable=False),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("document", sa.BigInteger, nullable=False),
        sa.Column("keys", sa.LargeBinary, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_vector_pending"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_vector_pending_index_number", "vector_pending", ["index_number"])
    op.create_table(
        "vector_senders",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("holder", sa.String(40), nullable=False),
        sa.Column("until_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_vector_senders"),
    )
