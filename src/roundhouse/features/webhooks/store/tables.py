"""The tables of the room."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("thin", sa.Boolean, nullable=False),
    sa.Column("headers_sealed", sa.LargeBinary),
    sa.Column("secret_sealed", sa.LargeBinary, nullable=False),
    sa.Column("old_secret_sealed", sa.LargeBinary),
    sa.Column("old_secret_until_s", sa.Double),
    sa.Column("after_seq", sa.BigInteger, nullable=False),
    sa.Column("failing_since_s", sa.Double),
    sa.Column("disabled_reason", sa.String(20)),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Index("ix_webhooks_site_id_id", "site_id", "id"),
)

topics = sa.Table(
    "webhook_topics",
    metadata,
    sa.Column("topic", sa.String(100), primary_key=True),
    sa.Column(
        "webhook_id", sa.String(40), sa.ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Index("ix_webhook_topics_webhook_id", "webhook_id"),
)

deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("id", sa.String(40), nullable=False),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("webhook_id", sa.String(40), sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    sa.Column("event_id", sa.String(40), nullable=False),
    sa.Column("event_seq", sa.BigInteger, nullable=False),
    sa.Column("event_type", sa.String(100), nullable=False),
    sa.Column("topic", sa.String(100), nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("tries", sa.JSON, nullable=False),
    sa.Column("next_at_s", sa.Double),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("ended_at_s", sa.Double),
    sa.UniqueConstraint("webhook_id", "event_id"),
    sa.Index("ix_webhook_deliveries_webhook_id_seq", "webhook_id", "seq"),
    sa.Index("ix_webhook_deliveries_webhook_id_state_seq", "webhook_id", "state", "seq"),
    sa.Index("ix_webhook_deliveries_next_at_s", "next_at_s"),
    sa.Index("ix_webhook_deliveries_created_at_s", "created_at_s"),
)

deliverer = sa.Table(
    "webhook_deliverer",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.String(40)),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("taken", sa.BigInteger, nullable=False),
    sa.Column("refused", sa.BigInteger, nullable=False),
    sa.Column("given_up", sa.BigInteger, nullable=False),
)
