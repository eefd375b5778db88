"""The tables of vectors that the database keeps, or keeps until they are on their server.

The vector stores write them, by name: they know no tables of a room.
"""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

vector_indexes = sa.Table(
    "vector_indexes",
    metadata,
    # The number of an index version.
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("dimensions", sa.Integer, nullable=False),
    # How many changes there were; who holds vectors in memory sees by it that there are new ones.
    sa.Column("changes", sa.BigInteger, nullable=False),
    # Deletions up to this change are not remembered.
    sa.Column("forgotten", sa.BigInteger, nullable=False),
    sa.Column("vectors", sa.BigInteger, nullable=False),
)

vector_blocks = sa.Table(
    "vector_blocks",
    metadata,
    sa.Column("index_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("change", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("document", sa.BigInteger, nullable=False),
    # 0 = all of this document are gone.
    sa.Column("vectors", sa.Integer, nullable=False),
    sa.Column("first_key", sa.BigInteger, nullable=False),
    sa.Column("last_key", sa.BigInteger, nullable=False),
    # int64, little endian: passage * 1000 + place; ascending.
    sa.Column("keys", sa.LargeBinary, nullable=False),
    # float32, little endian.
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Index("ix_vector_blocks_index_number_document", "index_number", "document"),
)

vector_pending = sa.Table(
    "vector_pending",
    metadata,
    sa.Column("number", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("index_number", sa.BigInteger, nullable=False),
    sa.Column("dimensions", sa.Integer, nullable=False),
    # create, drop, upsert, delete.
    sa.Column("action", sa.String(10), nullable=False),
    sa.Column("document", sa.BigInteger, nullable=False),
    sa.Column("keys", sa.LargeBinary, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Index("ix_vector_pending_index_number", "index_number"),
    sqlite_autoincrement=True,
)
"""What is to be done at another server, in this order."""

vector_senders = sa.Table(
    "vector_senders",
    metadata,
    # Of the vector store whose pending rows are sent.
    sa.Column("kind", sa.String(20), primary_key=True),
    # Who alone may send now, and until when.
    sa.Column("holder", sa.String(40), nullable=False),
    sa.Column("until_s", sa.Double, nullable=False),
)
