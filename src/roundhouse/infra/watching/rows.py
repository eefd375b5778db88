"""The tables of watched folders."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

watched_folders = sa.Table(
    "watched_folders",
    metadata,
    # Of its kind and its path.
    sa.Column("id", sa.String(64), primary_key=True),
    # recordings, documents.
    sa.Column("kind", sa.String(20), nullable=False, server_default="recordings"),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("site_id", sa.String(200), nullable=False),
    # The process that looks at it, until when.
    sa.Column("holder", sa.String(40), nullable=False),
    sa.Column("held_until_s", sa.Double, nullable=False),
    # How it was found last.
    sa.Column("looked_at_s", sa.Double),
    sa.Column("files_waiting", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
)

watched_files = sa.Table(
    "watched_files",
    metadata,
    # Of folder, name, size and time: another content is another file.
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("folder_id", sa.String(64), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    # Rises when it is laid there anew after it was moved away.
    sa.Column("turn", sa.Integer, nullable=False),
    # taken, refused; done, failed when its file is where it belongs; removed.
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("moved", sa.Boolean, nullable=False),
    # The recording, or the file in a vector store.
    sa.Column("object_id", sa.String(40)),
    sa.Column("error", sa.JSON(none_as_null=True)),
    sa.Column("final_name", sa.Text),
    sa.Column("taken_at_s", sa.Double, nullable=False),
    sa.Column("settled_at_s", sa.Double),
    sa.Index("ix_watched_files_folder_id_state", "folder_id", "state"),
    sa.Index("ix_watched_files_folder_id_name", "folder_id", "name"),
)
