"""Files, the blobs they refer to, and how much each tenant keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_blobs"),
    )
    live = sa.text("state = 'live'")
    op.create_index(
        "uq_blobs_live_sha256", "blobs", ["sha256"], unique=True, sqlite_where=live, postgresql_where=live
    )
    op.create_index("ix_blobs_state_at_s", "blobs", ["state", "at_s"])
    op.create_table(
        "files",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("blob_key", sa.String(100), nullable=False),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("content_type", sa.String(100), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("expires_at_s", sa.Double),
        sa.Column("idempotency_digest", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        sa.UniqueConstraint("idempotency_digest", name="uq_files_idempotency_digest"),
        sa.ForeignKeyConstraint(
            ["blob_key"],
            ["blobs.key"],
            name="fk_files_blob_key_blobs",
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    op.create_index("ix_files_site_id_id", "files", ["site_id", "id"])
    op.create_index("ix_files_blob_key", "files", ["blob_key"])
    op.create_index("ix_files_expires_at_s", "files", ["expires_at_s"])
    op.create_table(
        "file_totals",
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("site_id", name="pk_file_totals"),
    )
