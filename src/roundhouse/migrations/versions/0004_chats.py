"""Chats: sessions with their tags and branches, messages, generations, memories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _sessions()
    _trees()
    _messages()
    _generations()
    _memories()


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("outside_id", sa.String(200)),
        sa.Column("title", sa.String(500), nullable=False),
        sa.Column("title_from", sa.String(10), nullable=False),
        sa.Column("model", sa.String(200)),
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("context", sa.JSON, nullable=False),
        sa.Column("uses_memory", sa.Boolean, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("archived_at_s", sa.Double),
        sa.Column("deleted_at_s", sa.Double),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("branch", sa.Integer, nullable=False),
        sa.Column("branches", sa.Integer, nullable=False),
        sa.Column("message_count", sa.Integer, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.Column("last_message_at_s", sa.Double),
        sa.Column("idempotency_digest", sa.String(64)),
        sa.Column("request_digest", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("idempotency_digest", name="uq_sessions_idempotency_digest"),
    )
    op.create_index("ix_sessions_deleted_at_s", "sessions", ["deleted_at_s"])
    op.create_index("ix_sessions_site_id_updated_at_s_id", "sessions", ["site_id", "updated_at_s", "id"])
    op.create_index(
        "ix_sessions_site_id_user_id_updated_at_s_id",
        "sessions",
        ["site_id", "user_id", "updated_at_s", "id"],
    )
    owned = sa.text("user_id IS NOT NULL AND outside_id IS NOT NULL")
    op.create_index(
        "uq_sessions_outside_id",
        "sessions",
        ["site_id", "user_id", "outside_id"],
        unique=True,
        sqlite_where=owned,
        postgresql_where=owned,
    )
    nobodys = sa.text("user_id IS NULL AND outside_id IS NOT NULL")
    op.create_index(
        "uq_sessions_outside_id_nobody",
        "sessions",
        ["site_id", "outside_id"],
        unique=True,
        sqlite_where=nobodys,
        postgresql_where=nobodys,
    )


def _trees() -> None:
    op.create_table(
        "session_tags",
        sa.Column("session_id", sa.String(40), nullable=False),
        sa.Column("tag", sa.String(100), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_session_tags_session_id_sessions", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "tag", name="pk_session_tags"),
    )
    op.create_index("ix_session_tags_site_id_tag", "session_tags", ["site_id", "tag"])
    op.create_table(
        "branches",
        sa.Column("session_id", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("parent", sa.Integer),
        sa.Column("from_depth", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_branches_session_id_sessions", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "number", name="pk_branches"),
    )


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("session_id", sa.String(40), nullable=False),
        sa.Column("branch", sa.Integer, nullable=False),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("parent_id", sa.String(40)),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("attachments", sa.JSON, nullable=False),
        sa.Column("citations", sa.JSON, nullable=False),
        sa.Column("model", sa.String(200)),
        sa.Column("finish_reason", sa.String(40)),
        sa.Column("error", sa.JSON(none_as_null=True)),
        sa.Column("prompt_tokens", sa.Integer),
        sa.Column("completion_tokens", sa.Integer),
        sa.Column("first_token_ms", sa.Double),
        sa.Column("total_ms", sa.Double),
        sa.Column("cost_usd", sa.Double),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.Column("deleted_at_s", sa.Double),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_messages_session_id_sessions", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
        sa.UniqueConstraint("session_id", "branch", "depth", name="uq_messages_session_id_branch_depth"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_parent_id", "messages", ["parent_id"])
    op.create_index("ix_messages_session_id_seq", "messages", ["session_id", "seq"])


def _generations() -> None:
    running = sa.text("state = 'running'")
    op.create_table(
        "generations",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("session_id", sa.String(40), nullable=False),
        sa.Column("message_id", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("on_disconnect", sa.String(10), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("continues_chars", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(40)),
        sa.Column("stop_requested", sa.Boolean, nullable=False),
        sa.Column("error", sa.JSON(none_as_null=True)),
        sa.Column("idempotency_digest", sa.String(64)),
        sa.Column("started_at_s", sa.Double, nullable=False),
        sa.Column("ended_at_s", sa.Double),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_generations_session_id_sessions", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
        sa.UniqueConstraint("idempotency_digest", name="uq_generations_idempotency_digest"),
    )
    op.create_index("ix_generations_message_id", "generations", ["message_id"])
    op.create_index(
        "ix_generations_owner", "generations", ["owner"], sqlite_where=running, postgresql_where=running
    )
    op.create_index("ix_generations_session_id_started_at_s", "generations", ["session_id", "started_at_s"])
    op.create_index(
        "uq_generations_running",
        "generations",
        ["message_id"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )


def _memories() -> None:
    op.create_table(
        "memories",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("session_id", sa.String(40)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.Column("idempotency_digest", sa.String(64)),
        sa.Column("request_digest", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_memories"),
        sa.UniqueConstraint("idempotency_digest", name="uq_memories_idempotency_digest"),
    )
    op.create_index("ix_memories_site_id_user_id_id", "memories", ["site_id", "user_id", "id"])
    op.create_table(
        "memory_switches",
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("site_id", "user_id", name="pk_memory_switches"),
    )
