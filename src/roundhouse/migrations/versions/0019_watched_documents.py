"""Watched folders are of a kind, and what came of their files is not always a recording."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "watched_folders", sa.Column("kind", sa.String(20), nullable=False, server_default="recordings")
    )
    op.execute("ALTER TABLE watched_files RENAME COLUMN recording_id TO object_id")
    op.create_index("ix_watched_files_folder_id_name", "watched_files", ["folder_id", "name"])
