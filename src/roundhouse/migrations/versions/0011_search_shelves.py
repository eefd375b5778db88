"""Shelves of the full-text index: entries of one kind of one tenant that are searched apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A number that is used again would have what is left of a space that was dropped.
    kept = {"sqlite_autoincrement": True}
    with op.batch_alter_table("search_spaces", table_kwargs=kept) as table:
        table.add_column(sa.Column("shelf", sa.String(100), nullable=False, server_default=""))
        table.alter_column(
            "generation", existing_type=sa.Integer, type_=sa.BigInteger, existing_nullable=False
        )
        table.drop_constraint("uq_search_spaces_site_id_kind_generation", type_="unique")
        table.create_unique_constraint(
            "uq_search_spaces_site_id_kind_shelf_generation", ["site_id", "kind", "shelf", "generation"]
        )
    # Only what was there before needs a default.
    with op.batch_alter_table("search_spaces", table_kwargs=kept) as table:
        table.alter_column(
            "shelf", existing_type=sa.String(100), existing_nullable=False, server_default=None
        )
    op.add_column("search_waiting", sa.Column("shelf", sa.String(100)))
