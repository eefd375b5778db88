"""Tables of capabilities."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

capabilities = sa.Table(
    "capabilities",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    # Rises with every change of the row: who has it in memory reads only what moved.
    sa.Column("change", sa.Integer, nullable=False),
    sa.Column("title", sa.String(300), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("input_schema", sa.JSON, nullable=False),
    sa.Column("output_schema", sa.JSON(none_as_null=True)),
    sa.Column("examples", sa.JSON, nullable=False),
    sa.Column("timeout_s", sa.Double, nullable=False),
    sa.Column("idempotent", sa.Boolean, nullable=False),
    sa.Column("visibility", sa.String(10), nullable=False),
    sa.Column("expose_mcp", sa.Boolean, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("kept", sa.String(10), nullable=False),
    sa.Column("cost_units", sa.Double, nullable=False, server_default="1"),
    sa.Column("transport", sa.String(64), nullable=False),
    sa.Column("endpoint", sa.JSON, nullable=False),
    # JSON {"origin", "headers"}: they are sent to that origin only, whatever version is called.
    sa.Column("headers_encrypted", sa.LargeBinary),
    sa.Column("trusted", sa.Boolean, nullable=False),
    sa.Column("origin", sa.String(20), nullable=False),
    sa.Column("origin_ref", sa.Text, nullable=False),
    sa.Column("digest", sa.String(128), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    sa.Index("uq_capabilities_site_id_name", "site_id", "name", unique=True),
)

capability_versions = sa.Table(
    "capability_versions",
    metadata,
    sa.Column("capability_id", sa.String(40), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("input_schema", sa.JSON, nullable=False),
    sa.Column("output_schema", sa.JSON(none_as_null=True)),
    sa.Column("transport", sa.String(64), nullable=False),
    sa.Column("endpoint", sa.JSON, nullable=False),
    sa.Column("trusted", sa.Boolean, nullable=False),
    sa.Column("idempotent", sa.Boolean, nullable=False),
    sa.Column("cost_units", sa.Double, nullable=False, server_default="1"),
    sa.Column("digest", sa.String(128), nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.PrimaryKeyConstraint("capability_id", "version", name="pk_capability_versions"),
    sa.Index("ix_capability_versions_site_id", "site_id"),
)

VERSIONED = (
    *(
        "input_schema",
        "output_schema",
        "transport",
        "endpoint",
        "trusted",
        "idempotent",
        "cost_units",
        "digest",
    ),
)
"""Columns whose change makes another version, the digest excepted, which goes with it.

A task keeps the version that it was accepted under, so what it costs is what was reserved for it.
"""
