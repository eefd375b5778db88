"""What capabilities were imported from, what changed there, and the paths of registered modules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _sources()
    _registrations()


def _sources() -> None:
    op.create_table(
        "capability_sources",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("ref", sa.String(2000), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("base_url", sa.Text, nullable=False),
        sa.Column("prefix", sa.String(200), nullable=False),
        sa.Column("include", sa.JSON, nullable=False),
        sa.Column("trusted", sa.Boolean, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("source_version", sa.Text, nullable=False),
        sa.Column("checked_at_s", sa.Double, nullable=False),
        sa.Column("error_code", sa.String(64)),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_capability_sources"),
    )
    op.create_index(
        "uq_capability_sources_site_id_origin_ref",
        "capability_sources",
        ["site_id", "origin", "ref"],
        unique=True,
    )
    op.create_table(
        "capability_drifts",
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("proposed", sa.JSON),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("found_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("site_id", "name", name="pk_capability_drifts"),
    )


def _registrations() -> None:
    op.create_table(
        "gateway_registrations",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("base_url", sa.Text, nullable=False),
        sa.Column("raw", sa.Boolean, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gateway_registrations"),
    )
    op.create_index(
        "uq_gateway_registrations_site_id_name", "gateway_registrations", ["site_id", "name"], unique=True
    )
    op.create_table(
        "gateway_routes",
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("method", sa.String(10), nullable=False),
        sa.Column("gateway_path", sa.String(500), nullable=False),
        sa.Column("registration_id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("upstream_path", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("capability", sa.String(128), nullable=False),
        sa.Column("described", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "method", "gateway_path", name="pk_gateway_routes"),
    )
    op.create_index("ix_gateway_routes_registration_id", "gateway_routes", ["registration_id"])
