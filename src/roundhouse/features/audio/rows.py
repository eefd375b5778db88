"""The tables of recordings.

A recording bears the id of the job that was accepted with it. Jobs are deleted a while after their end, recordings are
not: so all that is told of a recording stands in its own row, and `job_id` names the job that works on it now.
"""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

_JSON_OR_NULL = sa.JSON(none_as_null=True)

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    # The job that works on it, or did so last.
    sa.Column("job_id", sa.String(40), nullable=False, unique=True),
    # audio, or text: of which there is nothing to hear.
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("title", sa.String(255), nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("file_id", sa.String(40)),
    # Whether the file came with it, and goes with it.
    sa.Column("owns_file", sa.Boolean, nullable=False),
    sa.Column("source_url", sa.Text),
    # request, or watch: it lay in a watched folder.
    sa.Column("source", sa.String(20), nullable=False, server_default="request"),
    sa.Column("options", sa.JSON, nullable=False),
    # queued, the name of a step, or done; of an ended job that did not complete it: failed, cancelled.
    sa.Column("stage", sa.String(20), nullable=False),
    sa.Column("error", _JSON_OR_NULL),
    sa.Column("language", sa.String(20)),
    sa.Column("duration_s", sa.Double),
    sa.Column("sound", _JSON_OR_NULL),
    sa.Column("raw_text", sa.Text),
    sa.Column("clean_text", sa.Text),
    sa.Column("paragraphs", _JSON_OR_NULL),
    sa.Column("summary", _JSON_OR_NULL),
    # By stage: what ran, what it took, what the user should know.
    sa.Column("versions", sa.JSON, nullable=False),
    sa.Column("metrics", sa.JSON, nullable=False),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Column("completed_at_s", sa.Double),
    sa.Column("sound_deleted_at_s", sa.Double),
    sa.Index("ix_recordings_site_id_id", "site_id", "id"),
    sa.Index("ix_recordings_site_id_user_id_id", "site_id", "user_id", "id"),
    sa.Index("ix_recordings_stage_updated_at_s", "stage", "updated_at_s"),
)

segments = sa.Table(
    "recording_segments",
    metadata,
    sa.Column(
        "recording_id", sa.String(40), sa.ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True
    ),
    # From 1, by time.
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("track", sa.String(20), nullable=False),
    # None: of a text, which has no times.
    sa.Column("start_s", sa.Double),
    sa.Column("end_s", sa.Double),
    sa.Column("text", sa.Text, nullable=False),
    # What was heard, where somebody has corrected it.
    sa.Column("heard", sa.Text),
    sa.Column("confidence", sa.Double),
    sa.Column("no_speech", sa.Double),
    sa.Column("language", sa.String(20)),
    sa.Column("speaker", sa.String(100)),
    sa.Column("words", sa.JSON, nullable=False),
    sa.Column("flags", sa.JSON, nullable=False),
)

templates = sa.Table(
    "templates",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("name", sa.String(64), nullable=False),
    # Of its owner and its name: a name is there once for each owner.
    sa.Column("owner_digest", sa.String(64), nullable=False, unique=True),
    # The newest; older ones stay, recordings name theirs.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Index("ix_templates_site_id_id", "site_id", "id"),
)

template_versions = sa.Table(
    "template_versions",
    metadata,
    sa.Column(
        "template_id", sa.String(40), sa.ForeignKey("templates.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("schema", sa.JSON, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("example", _JSON_OR_NULL),
    sa.Column("created_at_s", sa.Double, nullable=False),
)
