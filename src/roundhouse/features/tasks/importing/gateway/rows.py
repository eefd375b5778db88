"""Tables of registrations."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

gateway_registrations = sa.Table(
    "gateway_registrations",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("base_url", sa.Text, nullable=False),
    sa.Column("raw", sa.Boolean, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Index("uq_gateway_registrations_site_id_name", "site_id", "name", unique=True),
)

gateway_routes = sa.Table(
    "gateway_routes",
    metadata,
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
    sa.Index("ix_gateway_routes_registration_id", "registration_id"),
)
