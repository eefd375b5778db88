"""Tables of what capabilities were imported from, and of what changed there since."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

capability_sources = sa.Table(
    "capability_sources",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
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
    sa.Index("uq_capability_sources_site_id_origin_ref", "site_id", "origin", "ref", unique=True),
)

capability_drifts = sa.Table(
    "capability_drifts",
    metadata,
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    # None: the source tells of it no more, or may not be called any more.
    sa.Column("proposed", sa.JSON(none_as_null=True)),
    sa.Column("reason", sa.String(40), nullable=False),
    sa.Column("found_at_s", sa.Double, nullable=False),
    sa.PrimaryKeyConstraint("site_id", "name", name="pk_capability_drifts"),
)
