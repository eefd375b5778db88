"""Watched folders, the files that were taken from them, and how a recording came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recordings", sa.Column("source", sa.String(20), nullable=False, server_default="request"))
    op.create_table(
        "watched_folders",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("holder", sa.String(40), nullable=False),
        sa.Column("held_until_s", sa.Double, nullable=False),
        sa.Column("looked_at_s", sa.Double),
        sa.Column("files_waiting", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_watched_folders"),
    )
    op.create_table(
        "watched_files",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("folder_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("moved", sa.Boolean, nullable=False),
        sa.Column("recording_id", sa.String(40)),
        sa.Column("error", sa.JSON),
        sa.Column("final_name", sa.Text),
        sa.Column("taken_at_s", sa.Double, nullable=False),
        sa.Column("settled_at_s", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_watched_files"),
    )
    op.create_index("ix_watched_files_folder_id_state", "watched_files", ["folder_id", "state"])
