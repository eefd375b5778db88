"""The tables of vector stores, of what was read from their files, and of their index versions.

A document is what was read from a file at one time. Its passages are written while it is hidden; one transaction makes
it visible in place of the one before. Nothing is found whose document is hidden.
"""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

_JSON_OR_NULL = sa.JSON(none_as_null=True)
_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _owner() -> tuple[sa.Column[str], sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
    )


vector_stores = sa.Table(
    "vector_stores",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    *_owner(),
    sa.Column("name", sa.String(256), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("chunking", sa.JSON, nullable=False),
    # The index version that is searched.
    sa.Column("active_index", sa.BigInteger),
    # Once it is being deleted nobody sees it.
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("expires_after_days", sa.Integer),
    sa.Column("last_active_at_s", sa.Double, nullable=False),
    sa.Column("expires_at_s", sa.Double),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    # Of who asked for it and the idempotency key, and of what was asked for then.
    sa.Column("idempotency_digest", sa.String(64), unique=True),
    sa.Column("request_digest", sa.String(64)),
    sa.Index("ix_vector_stores_site_id_id", "site_id", "id"),
    sa.Index("ix_vector_stores_expires_at_s", "expires_at_s"),
)

store_files = sa.Table(
    "vector_store_files",
    metadata,
    sa.Column(
        "store_id", sa.String(40), sa.ForeignKey("vector_stores.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("file_id", sa.String(40), primary_key=True),
    *_owner(),
    sa.Column("filename", sa.String(255), nullable=False),
    sa.Column("content_type", sa.String(100), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    # in_progress, completed, failed, cancelled.
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("error", _JSON_OR_NULL),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.Column("chunking", sa.JSON, nullable=False),
    # The job that works on it, or did so last.
    sa.Column("job_id", sa.String(40)),
    # Of a file that is still to be fetched.
    sa.Column("source_url", sa.Text),
    # The file that leaves the store when this one is found.
    sa.Column("replaces", sa.String(40)),
    # The document that is found; None = none yet.
    sa.Column("document", sa.BigInteger),
    sa.Column("usage_bytes", sa.BigInteger, nullable=False),
    # Of the work that goes on.
    sa.Column("passages_total", sa.Integer, nullable=False),
    sa.Column("passages_done", sa.Integer, nullable=False),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("updated_at_s", sa.Double, nullable=False),
    # Of who asked for it and the idempotency key, and of what was asked for then.
    sa.Column("idempotency_digest", sa.String(64), unique=True),
    sa.Column("request_digest", sa.String(64)),
    sa.Index("ix_vector_store_files_file_id", "file_id"),
    # With what is summed up of a store.
    sa.Index("ix_vector_store_files_store_id_status", "store_id", "status", "usage_bytes"),
)

file_batches = sa.Table(
    "vector_store_file_batches",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column(
        "store_id", sa.String(40), sa.ForeignKey("vector_stores.id", ondelete="CASCADE"), nullable=False
    ),
    *_owner(),
    sa.Column("cancelled", sa.Boolean, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    # Of who asked for it and the idempotency key, and of what was asked for then.
    sa.Column("idempotency_digest", sa.String(64), unique=True),
    sa.Column("request_digest", sa.String(64)),
    sa.Index("ix_vector_store_file_batches_store_id", "store_id"),
)

batch_files = sa.Table(
    "vector_store_batch_files",
    metadata,
    sa.Column(
        "batch_id",
        sa.String(40),
        sa.ForeignKey("vector_store_file_batches.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("file_id", sa.String(40), primary_key=True),
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("number", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column(
        "store_id", sa.String(40), sa.ForeignKey("vector_stores.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("file_id", sa.String(40), nullable=False),
    *_owner(),
    sa.Column("job_id", sa.String(40), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    # writing, visible, or gone: to be deleted.
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("title", sa.String(500), nullable=False),
    sa.Column("pages", sa.Integer),
    sa.Column("chars", sa.BigInteger, nullable=False),
    sa.Column("passages", sa.Integer, nullable=False),
    # How many passages, from the first on, have their vectors in which index versions.
    sa.Column("embedded", sa.Integer, nullable=False),
    sa.Column("indexes", sa.JSON, nullable=False),
    # Text and vectors.
    sa.Column("usage_bytes", sa.BigInteger, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Index("ix_documents_store_id_state", "store_id", "state"),
    sa.Index("ix_documents_file_id", "file_id"),
    # Of a file in a store one is found at most.
    sa.Index(
        "uq_documents_visible",
        "store_id",
        "file_id",
        unique=True,
        sqlite_where=sa.text("state = 'visible'"),
        postgresql_where=sa.text("state = 'visible'"),
    ),
    # A number that is used again would have the vectors of a document that was deleted.
    sqlite_autoincrement=True,
)

passages = sa.Table(
    "passages",
    metadata,
    sa.Column("number", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column(
        "document", sa.BigInteger, sa.ForeignKey("documents.number", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("store_id", sa.String(40), nullable=False),
    *_owner(),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    # In characters of the document's whole text; "end" is a word of SQL.
    sa.Column("start_char", sa.BigInteger, nullable=False),
    sa.Column("end_char", sa.BigInteger, nullable=False),
    sa.Column("page", sa.Integer),
    sa.Column("headings", sa.JSON, nullable=False),
    sa.Column("language", sa.String(20), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("image", sa.String(100)),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Index("uq_passages_document_place", "document", "place", unique=True),
    sqlite_autoincrement=True,
)

index_versions = sa.Table(
    "index_versions",
    metadata,
    sa.Column("number", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column(
        "store_id", sa.String(40), sa.ForeignKey("vector_stores.id", ondelete="CASCADE"), nullable=False
    ),
    *_owner(),
    # building, ready, active, retired, failed, or gone: to be dropped.
    sa.Column("state", sa.String(10), nullable=False),
    # embedded, pgvector, milvus.
    sa.Column("kind", sa.String(20), nullable=False),
    # provider/model, and what tells another model of that name.
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("fingerprint", sa.String(100), nullable=False),
    sa.Column("dimensions", sa.Integer, nullable=False),
    sa.Column("takes_images", sa.Boolean, nullable=False),
    sa.Column("analyser", sa.Integer, nullable=False),
    # {"alpha", "dense", "lexical", "questions", "passages", "at_s"}
    sa.Column("calibration", _JSON_OR_NULL),
    # What its own probe questions gave, beside the version before.
    sa.Column("probe", _JSON_OR_NULL),
    sa.Column("error", _JSON_OR_NULL),
    sa.Column("job_id", sa.String(40)),
    sa.Column("passages_total", sa.BigInteger, nullable=False),
    sa.Column("passages_done", sa.BigInteger, nullable=False),
    sa.Column("created_at_s", sa.Double, nullable=False),
    sa.Column("activated_at_s", sa.Double),
    sa.Index("ix_index_versions_store_id_state", "store_id", "state"),
    sqlite_autoincrement=True,
)

embeddings = sa.Table(
    "embeddings",
    metadata,
    sa.Column("model", sa.String(300), primary_key=True),
    # Of what the model was given, its prefix included.
    sa.Column("sha256", sa.String(64), primary_key=True),
    # float32, little endian.
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("used_at_s", sa.Double, nullable=False),
    sa.Index("ix_embeddings_used_at_s", "used_at_s"),
)
"""Vectors by what they are of, so that nothing is embedded twice."""
