"""What modules can do: capabilities and their versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "capabilities",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("change", sa.Integer, nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("input_schema", sa.JSON, nullable=False),
        sa.Column("output_schema", sa.JSON),
        sa.Column("examples", sa.JSON, nullable=False),
        sa.Column("timeout_s", sa.Double, nullable=False),
        sa.Column("idempotent", sa.Boolean, nullable=False),
        sa.Column("visibility", sa.String(10), nullable=False),
        sa.Column("expose_mcp", sa.Boolean, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("kept", sa.String(10), nullable=False),
        sa.Column("transport", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.JSON, nullable=False),
        sa.Column("headers_encrypted", sa.LargeBinary),
        sa.Column("trusted", sa.Boolean, nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("origin_ref", sa.Text, nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_capabilities"),
    )
    op.create_index("uq_capabilities_site_id_name", "capabilities", ["site_id", "name"], unique=True)
    op.create_table(
        "capability_versions",
        sa.Column("capability_id", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("input_schema", sa.JSON, nullable=False),
        sa.Column("output_schema", sa.JSON),
        sa.Column("transport", sa.String(64), nullable=False),
        sa.Column("endpoint", sa.JSON, nullable=False),
        sa.Column("trusted", sa.Boolean, nullable=False),
        sa.Column("idempotent", sa.Boolean, nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("capability_id", "version", name="pk_capability_versions"),
    )
    op.create_index("ix_capability_versions_site_id", "capability_versions", ["site_id"])
