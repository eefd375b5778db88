"""Recordings, their segments, and templates with their versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _recordings()
    _segments()
    _templates()


def _recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("file_id", sa.String(40)),
        sa.Column("owns_file", sa.Boolean, nullable=False),
        sa.Column("source_url", sa.Text),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("error", sa.JSON),
        sa.Column("language", sa.String(20)),
        sa.Column("duration_s", sa.Double),
        sa.Column("sound", sa.JSON),
        sa.Column("raw_text", sa.Text),
        sa.Column("clean_text", sa.Text),
        sa.Column("paragraphs", sa.JSON),
        sa.Column("summary", sa.JSON),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.Column("completed_at_s", sa.Double),
        sa.Column("sound_deleted_at_s", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
        sa.UniqueConstraint("job_id", name="uq_recordings_job_id"),
    )
    op.create_index("ix_recordings_site_id_id", "recordings", ["site_id", "id"])
    op.create_index("ix_recordings_site_id_user_id_id", "recordings", ["site_id", "user_id", "id"])
    op.create_index("ix_recordings_stage_updated_at_s", "recordings", ["stage", "updated_at_s"])


def _segments() -> None:
    op.create_table(
        "recording_segments",
        sa.Column("recording_id", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("track", sa.String(20), nullable=False),
        sa.Column("start_s", sa.Double),
        sa.Column("end_s", sa.Double),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("heard", sa.Text),
        sa.Column("confidence", sa.Double),
        sa.Column("no_speech", sa.Double),
        sa.Column("language", sa.String(20)),
        sa.Column("speaker", sa.String(100)),
        sa.Column("words", sa.JSON, nullable=False),
        sa.Column("flags", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("recording_id", "number", name="pk_recording_segments"),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.id"],
            name="fk_recording_segments_recording_id_recordings",
            ondelete="CASCADE",
        ),
    )


def _templates() -> None:
    op.create_table(
        "templates",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("owner_digest", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_templates"),
        sa.UniqueConstraint("owner_digest", name="uq_templates_owner_digest"),
    )
    op.create_index("ix_templates_site_id_id", "templates", ["site_id", "id"])
    op.create_table(
        "template_versions",
        sa.Column("template_id", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("schema", sa.JSON, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("example", sa.JSON),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("template_id", "version", name="pk_template_versions"),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["templates.id"],
            name="fk_template_versions_template_id_templates",
            ondelete="CASCADE",
        ),
    )
