"""Keys, usage, audit, the configuration's revision, providers, aliases, footprints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _access()
    _audit()
    _gateway()
    table = op.create_table(
        "config_revision",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_config_revision"),
    )
    op.bulk_insert(table, [{"id": 1, "revision": 0}])


def _access() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("routes", sa.JSON, nullable=False),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("expires_at_s", sa.Double),
        sa.Column("revoked_at_s", sa.Double),
        sa.Column("rotated_from", sa.String(40)),
        sa.Column("root_id", sa.String(40), nullable=False),
        sa.Column("last_used_at_s", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_index("ix_api_keys_site_id_id", "api_keys", ["site_id", "id"])
    op.create_index("ix_api_keys_root_id", "api_keys", ["root_id"])
    op.create_table(
        "usage_records",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("request_id", sa.String(40), nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
        sa.Column("operation", sa.String(20), nullable=False),
        sa.Column("requested_model", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cache", sa.String(10), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("error_code", sa.String(64)),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_usd", sa.Double, nullable=False),
        sa.Column("first_byte_ms", sa.Integer, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_records"),
    )
    op.create_index("ix_usage_records_site_id_at_s", "usage_records", ["site_id", "at_s"])
    op.create_index("ix_usage_records_key_id_at_s", "usage_records", ["key_id", "at_s"])
    op.create_table(
        "spending",
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("day", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_usd", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "day", name="pk_spending"),
    )


def _audit() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("at_s", sa.Double, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("object", sa.String(300), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_log"),
        sa.UniqueConstraint("id", name="uq_audit_log_id"),
    )
    op.create_index("ix_audit_log_site_id_seq", "audit_log", ["site_id", "seq"])


def _gateway() -> None:
    op.create_table(
        "providers",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("key_encrypted", sa.LargeBinary),
        sa.Column("headers_encrypted", sa.LargeBinary),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("timeouts", sa.JSON, nullable=False),
        sa.Column("max_concurrent", sa.Integer, nullable=False),
        sa.Column("max_waiting", sa.Integer, nullable=False),
        sa.Column("retries", sa.Integer, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_providers"),
    )
    op.create_table(
        "model_aliases",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("targets", sa.JSON, nullable=False),
        sa.Column("context_fallbacks", sa.JSON, nullable=False),
        sa.Column("cache_ttl_s", sa.Double),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_model_aliases"),
    )
    op.create_table(
        "model_footprints",
        sa.Column("target", sa.String(300), nullable=False),
        sa.Column("footprint_mib", sa.Integer, nullable=False),
        sa.Column("measured_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("target", name="pk_model_footprints"),
    )
