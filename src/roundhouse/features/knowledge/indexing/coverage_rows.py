"""The table of what an index version holds."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

index_documents = sa.Table(
    "index_documents",
    metadata,
    sa.Column("index_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("document", sa.BigInteger, primary_key=True, autoincrement=False),
    # The last passage that was written; null = all of them were.
    sa.Column("upto", sa.BigInteger),
)
"""Documents that a version holds which is built, or was searched before; for going on, and for going back."""
