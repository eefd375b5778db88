"""Vector stores, their files, what was read from them, index versions, and embeddings that are remembered."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _owner() -> list[sa.Column[Any]]:
    return [
        sa.Column("site_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200)),
        sa.Column("app_id", sa.String(200)),
    ]


def _of_store(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["store_id"], ["vector_stores.id"], name=f"fk_{table}_store_id_vector_stores", ondelete="CASCADE"
    )


def upgrade() -> None:
    _create_stores()
    _create_batches()
    _create_documents()
    _create_indexes()


def _create_stores() -> None:
    op.create_table(
        "vector_stores",
        sa.Column("id", sa.String(40), nullable=False),
        *_owner(),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("chunking", sa.JSON, nullable=False),
        sa.Column("active_index", sa.BigInteger),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("expires_after_days", sa.Integer),
        sa.Column("last_active_at_s", sa.Double, nullable=False),
        sa.Column("expires_at_s", sa.Double),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.Column("idempotency_digest", sa.String(64)),
        sa.Column("request_digest", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_vector_stores"),
        sa.UniqueConstraint("idempotency_digest", name="uq_vector_stores_idempotency_digest"),
    )
    op.create_index("ix_vector_stores_site_id_id", "vector_stores", ["site_id", "id"])
    op.create_index("ix_vector_stores_expires_at_s", "vector_stores", ["expires_at_s"])
    op.create_table(
        "vector_store_files",
        sa.Column("store_id", sa.String(40), nullable=False),
        sa.Column("file_id", sa.String(40), nullable=False),
        *_owner(),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("content_type", sa.String(100), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("error", sa.JSON),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("chunking", sa.JSON, nullable=False),
        sa.Column("job_id", sa.String(40)),
        sa.Column("source_url", sa.Text),
        sa.Column("replaces", sa.String(40)),
        sa.Column("document", sa.BigInteger),
        sa.Column("usage_bytes", sa.BigInteger, nullable=False),
        sa.Column("passages_total", sa.Integer, nullable=False),
        sa.Column("passages_done", sa.Integer, nullable=False),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("updated_at_s", sa.Double, nullable=False),
        sa.Column("idempotency_digest", sa.String(64)),
        sa.Column("request_digest", sa.String(64)),
        sa.PrimaryKeyConstraint("store_id", "file_id", name="pk_vector_store_files"),
        sa.UniqueConstraint("idempotency_digest", name="uq_vector_store_files_idempotency_digest"),
        _of_store("vector_store_files"),
    )
    op.create_index("ix_vector_store_files_file_id", "vector_store_files", ["file_id"])
    op.create_index(
        "ix_vector_store_files_store_id_status", "vector_store_files", ["store_id", "status", "usage_bytes"]
    )


def _create_batches() -> None:
    op.create_table(
        "vector_store_file_batches",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("store_id", sa.String(40), nullable=False),
        *_owner(),
        sa.Column("cancelled", sa.Boolean, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("idempotency_digest", sa.String(64)),
        sa.Column("request_digest", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_vector_store_file_batches"),
        sa.UniqueConstraint("idempotency_digest", name="uq_vector_store_file_batches_idempotency_digest"),
        _of_store("vector_store_file_batches"),
    )
    op.create_index("ix_vector_store_file_batches_store_id", "vector_store_file_batches", ["store_id"])
    op.create_table(
        "vector_store_batch_files",
        sa.Column("batch_id", sa.String(40), nullable=False),
        sa.Column("file_id", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "file_id", name="pk_vector_store_batch_files"),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["vector_store_file_batches.id"],
            name="fk_vector_store_batch_files_batch_id_vector_store_file_batches",
            ondelete="CASCADE",
        ),
    )


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("store_id", sa.String(40), nullable=False),
        sa.Column("file_id", sa.String(40), nullable=False),
        *_owner(),
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("title", sa.String(500), nullable=False),
        sa.Column("pages", sa.Integer),
        sa.Column("chars", sa.BigInteger, nullable=False),
        sa.Column("passages", sa.Integer, nullable=False),
        sa.Column("embedded", sa.Integer, nullable=False),
        sa.Column("indexes", sa.JSON, nullable=False),
        sa.Column("usage_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_documents"),
        _of_store("documents"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_documents_store_id_state", "documents", ["store_id", "state"])
    op.create_index("ix_documents_file_id", "documents", ["file_id"])
    op.create_index(
        "uq_documents_visible",
        "documents",
        ["store_id", "file_id"],
        unique=True,
        sqlite_where=sa.text("state = 'visible'"),
        postgresql_where=sa.text("state = 'visible'"),
    )
    op.create_table(
        "passages",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("document", sa.BigInteger, nullable=False),
        sa.Column("store_id", sa.String(40), nullable=False),
        *_owner(),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("start_char", sa.BigInteger, nullable=False),
        sa.Column("end_char", sa.BigInteger, nullable=False),
        sa.Column("page", sa.Integer),
        sa.Column("headings", sa.JSON, nullable=False),
        sa.Column("language", sa.String(20), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("image", sa.String(100)),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_passages"),
        sa.ForeignKeyConstraint(
            ["document"], ["documents.number"], name="fk_passages_document_documents", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_passages_document_place", "passages", ["document", "place"], unique=True)


def _create_indexes() -> None:
    op.create_table(
        "index_versions",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("store_id", sa.String(40), nullable=False),
        *_owner(),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("fingerprint", sa.String(100), nullable=False),
        sa.Column("dimensions", sa.Integer, nullable=False),
        sa.Column("takes_images", sa.Boolean, nullable=False),
        sa.Column("analyser", sa.Integer, nullable=False),
        sa.Column("calibration", sa.JSON),
        sa.Column("probe", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("job_id", sa.String(40)),
        sa.Column("passages_total", sa.BigInteger, nullable=False),
        sa.Column("passages_done", sa.BigInteger, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
        sa.Column("activated_at_s", sa.Double),
        sa.PrimaryKeyConstraint("number", name="pk_index_versions"),
        _of_store("index_versions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_index_versions_store_id_state", "index_versions", ["store_id", "state"])
    op.create_table(
        "embeddings",
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("used_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("model", "sha256", name="pk_embeddings"),
    )
    op.create_index("ix_embeddings_used_at_s", "embeddings", ["used_at_s"])
