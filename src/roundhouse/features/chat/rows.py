"""The tables of chats.

A session's messages form a tree, kept as branches: the first is number 0 and has no row, every other one leaves its
parent at a depth. A message stands in one branch at one depth, so the conversation that a reader sees is a chain of
branches and a page of it is a range of depths: ten thousand messages are paged like ten.
"""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
KEPT = sa.text("(pinned OR kind = 'summary')")
"""Of messages: pinned, or a summary. As text, so that the partial index with this condition serves who asks for it."""

_JSON_OR_NULL = sa.JSON(none_as_null=True)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    # The name that an outer program gives it; unique per tenant and user.
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
    # Counts every change; who changes what changed meanwhile is told so.
    sa.Column("version", sa.Integer, nullable=False),
    # The branch that is shown, and how many there ever were.
    sa.Column("branch", sa.Integer, nullable=False),
    sa.Column("branches", sa.Integer, nullable=False),
    sa.Column("message_count", sa.Integer, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Column("last_message_at_s", sa.Double),
    # Documents that its answers are made from; NULL = none.
    sa.Column("vector_store_ids", _JSON_OR_NULL),
    # Of who created it and its idempotency key, and of what was asked for then.
    sa.Column("idempotency_digest", sa.String(64), unique=True),
    sa.Column("request_digest", sa.String(64)),
    sa.Index("ix_sessions_site_id_user_id_updated_at_s_id", "site_id", "user_id", "updated_at_s", "id"),
    sa.Index("ix_sessions_site_id_updated_at_s_id", "site_id", "updated_at_s", "id"),
    sa.Index(
        "uq_sessions_outside_id",
        "site_id",
        "user_id",
        "outside_id",
        unique=True,
        sqlite_where=sa.text("user_id IS NOT NULL AND outside_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL AND outside_id IS NOT NULL"),
    ),
    sa.Index(
        "uq_sessions_outside_id_nobody",
        "site_id",
        "outside_id",
        unique=True,
        sqlite_where=sa.text("user_id IS NULL AND outside_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NULL AND outside_id IS NOT NULL"),
    ),
    sa.Index("ix_sessions_deleted_at_s", "deleted_at_s"),
)

session_tags = sa.Table(
    "session_tags",
    metadata,
    sa.Column(
        "session_id", sa.String(40), sa.ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("tag", sa.String(100), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Index("ix_session_tags_site_id_tag", "site_id", "tag"),
)

branches = sa.Table(
    "branches",
    metadata,
    sa.Column(
        "session_id", sa.String(40), sa.ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("parent", sa.Integer),
    # Of the parent's chain, the messages of less depth belong to this conversation; its own begin here. The parent
    # is the branch in which the last of those stands, so a chain never holds a branch that gives nothing to it.
    sa.Column("from_depth", sa.Integer, nullable=False),
)

messages = sa.Table(
    "messages",
    metadata,
    # The order in which they were written.
    sa.Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("session_id", sa.String(40), sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    sa.Column("branch", sa.Integer, nullable=False),
    sa.Column("depth", sa.Integer, nullable=False),
    sa.Column("parent_id", sa.String(40)),
    sa.Column("role", sa.String(20), nullable=False),
    # message, or summary: of everything before it in its conversation.
    sa.Column("kind", sa.String(10), nullable=False),
    # complete, generating, interrupted, stopped, failed
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("attachments", sa.JSON, nullable=False),
    sa.Column("citations", sa.JSON, nullable=False),
    sa.Column("model", sa.String(200)),
    sa.Column("finish_reason", sa.String(40)),
    sa.Column("error", _JSON_OR_NULL),
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
    # Its place is kept, its text is gone.
    sa.Column("deleted_at_s", sa.Double),
    sa.UniqueConstraint("session_id", "branch", "depth"),
    sa.Index("ix_messages_session_id_seq", "session_id", "seq"),
    sa.Index("ix_messages_parent_id", "parent_id"),
    # What a context is told from however far back.
    sa.Index("ix_messages_kept", "session_id", "depth", sqlite_where=KEPT, postgresql_where=KEPT),
    sqlite_autoincrement=True,
)

generations = sa.Table(
    "generations",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("session_id", sa.String(40), sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    sa.Column("message_id", sa.String(40), nullable=False),
    # running, completed, stopped, failed, interrupted
    sa.Column("state", sa.String(20), nullable=False),
    # finish or cancel: what happens when the client that asked for it vanishes.
    sa.Column("on_disconnect", sa.String(10), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    # Members of the request to the model besides its messages: temperature and the like.
    sa.Column("options", sa.JSON, nullable=False),
    # Characters of the message that were there before it began: it continues them.
    sa.Column("continues_chars", sa.Integer, nullable=False),
    # The process that runs it, by the id of its presence.
    sa.Column("owner", sa.String(40)),
    sa.Column("stop_requested", sa.Boolean, nullable=False),
    sa.Column("error", _JSON_OR_NULL),
    sa.Column("idempotency_digest", sa.String(64), unique=True),
    sa.Column("started_at_s", sa.Double, nullable=False),
    sa.Column("ended_at_s", sa.Double),
    sa.Index("ix_generations_session_id_started_at_s", "session_id", "started_at_s"),
    sa.Index("ix_generations_message_id", "message_id"),
    # One at a time: at most one generation writes a message.
    sa.Index(
        "uq_generations_running",
        "message_id",
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    ),
    sa.Index(
        "ix_generations_owner",
        "owner",
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    ),
)

memories = sa.Table(
    "memories",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("session_id", sa.String(40)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Column("idempotency_digest", sa.String(64), unique=True),
    sa.Column("request_digest", sa.String(64)),
    sa.Index("ix_memories_site_id_user_id_id", "site_id", "user_id", "id"),
)

memory_switches = sa.Table(
    "memory_switches",
    metadata,
    sa.Column("site_id", sa.String(200), primary_key=True),
    # Empty: callers that are bound to no user.
    sa.Column("user_id", sa.String(200), primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
)
