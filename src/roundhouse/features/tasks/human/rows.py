"""Tables of questions to people."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

_JSON_OR_NULL = sa.JSON(none_as_null=True)

human_requests = sa.Table(
    "human_requests",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    # Of whoever asked for the task.
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("job_id", sa.String(40), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("step", sa.String(60), nullable=False),
    sa.Column("flow", sa.String(100), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("title", sa.String(300), nullable=False),
    sa.Column("instructions", sa.Text, nullable=False),
    sa.Column("assignees", sa.JSON, nullable=False),
    sa.Column("form", _JSON_OR_NULL),
    sa.Column("draft", sa.JSON, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("context", sa.JSON, nullable=False),
    sa.Column("channels", sa.JSON, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("claimed_by", sa.String(220)),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("due_s", sa.Double, nullable=False),
    sa.Column("due_at_s", sa.Double, nullable=False),
    # What the clock still has to do: reminders and levels, each once.
    sa.Column("remind_at_s", sa.JSON, nullable=False),
    sa.Column("escalate", sa.JSON, nullable=False),
    sa.Column("on_timeout", sa.String(20), nullable=False),
    sa.Column("default_answer", sa.JSON, nullable=False),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("answered_by", sa.String(220)),
    sa.Column("answered_at_s", sa.Double),
    # The task waits for `human:<step>:<wait>`.
    sa.Column("wait", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.UniqueConstraint("job_id", "step"),
    sa.Index("ix_human_requests_site_id_state_due_at_s_id", "site_id", "state", "due_at_s", "id"),
    sa.Index("ix_human_requests_site_id_id", "site_id", "id"),
)

human_assignees = sa.Table(
    "human_assignees",
    metadata,
    sa.Column("site_id", sa.String(200), primary_key=True),
    sa.Column("assignee", sa.String(220), primary_key=True),
    sa.Column(
        "request_id", sa.String(40), sa.ForeignKey("human_requests.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Index("ix_human_assignees_request_id", "request_id"),
)

human_notes = sa.Table(
    "human_notes",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column(
        "request_id", sa.String(40), sa.ForeignKey("human_requests.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("who", sa.String(220), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Index("ix_human_notes_request_id_id", "request_id", "id"),
)

human_links = sa.Table(
    "human_links",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column(
        "request_id", sa.String(40), sa.ForeignKey("human_requests.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("assignee", sa.String(220), nullable=False),
    sa.Column("expires_at_s", sa.Double, nullable=False),
    sa.Column("used_at_s", sa.Double),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Index("ix_human_links_request_id", "request_id"),
)
