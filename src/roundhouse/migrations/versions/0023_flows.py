"""Flows with their versions, breakers, and questions to people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _flows()
    _outputs()
    _requests()
    _parts_of_requests()


def _flows() -> None:
    op.create_table(
        "flows",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.Column("deleted_at_s", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_flows"),
        sa.UniqueConstraint("site_id", "name", name="uq_flows_site_id_name"),
    )
    op.create_table(
        "flow_versions",
        sa.Column("flow_id", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("flow_id", "version", name="pk_flow_versions"),
        sa.ForeignKeyConstraint(
            ["flow_id"], ["flows.id"], name="fk_flow_versions_flow_id_flows", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "breakers",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("target", sa.String(220), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("calls", sa.JSON, nullable=False),
        sa.Column("opened_at_s", sa.Double),
        sa.Column("open_s", sa.Double, nullable=False),
        sa.Column("probe", sa.String(200)),
        sa.Column("probe_until_s", sa.Double),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_breakers"),
        sa.UniqueConstraint("site_id", "target", name="uq_breakers_site_id_target"),
    )


def _outputs() -> None:
    op.create_table(
        "flow_outputs",
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("step", sa.String(60), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("output", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "step", "n", name="pk_flow_outputs"),
        _of_job("flow_outputs"),
    )


def _requests() -> None:
    op.create_table(
        "human_requests",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("step", sa.String(60), nullable=False),
        sa.Column("flow", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("instructions", sa.Text, nullable=False),
        sa.Column("assignees", sa.JSON, nullable=False),
        sa.Column("form", sa.JSON),
        sa.Column("draft", sa.JSON, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("context", sa.JSON, nullable=False),
        sa.Column("channels", sa.JSON, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("claimed_by", sa.String(220)),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("due_s", sa.Double, nullable=False),
        sa.Column("due_at_s", sa.Double, nullable=False),
        sa.Column("remind_at_s", sa.JSON, nullable=False),
        sa.Column("escalate", sa.JSON, nullable=False),
        sa.Column("on_timeout", sa.String(20), nullable=False),
        sa.Column("default_answer", sa.JSON, nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("answered_by", sa.String(220)),
        sa.Column("answered_at_s", sa.Double),
        sa.Column("wait", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_human_requests"),
        sa.UniqueConstraint("job_id", "step", name="uq_human_requests_job_id_step"),
        _of_job("human_requests"),
    )
    op.create_index(
        "ix_human_requests_site_id_state_due_at_s_id",
        "human_requests",
        ["site_id", "state", "due_at_s", "id"],
    )
    op.create_index("ix_human_requests_site_id_id", "human_requests", ["site_id", "id"])


def _parts_of_requests() -> None:
    op.create_table(
        "human_assignees",
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("assignee", sa.String(220), nullable=False),
        sa.Column("request_id", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "assignee", "request_id", name="pk_human_assignees"),
        _of_request("human_assignees"),
    )
    op.create_index("ix_human_assignees_request_id", "human_assignees", ["request_id"])
    op.create_table(
        "human_notes",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("request_id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("who", sa.String(220), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_human_notes"),
        _of_request("human_notes"),
    )
    op.create_index("ix_human_notes_request_id_id", "human_notes", ["request_id", "id"])
    op.create_table(
        "human_links",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("request_id", sa.String(40), nullable=False),
        sa.Column("assignee", sa.String(220), nullable=False),
        sa.Column("expires_at_s", sa.Double, nullable=False),
        sa.Column("used_at_s", sa.Double),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_human_links"),
        _of_request("human_links"),
    )
    op.create_index("ix_human_links_request_id", "human_links", ["request_id"])


def _of_request(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["request_id"],
        ["human_requests.id"],
        name=f"fk_{table}_request_id_human_requests",
        ondelete="CASCADE",
    )


def _of_job(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["job_id"], ["jobs.id"], name=f"fk_{table}_job_id_jobs", ondelete="CASCADE"
    )
