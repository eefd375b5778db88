"""The tables of the index.

Postings lie in packed rows: for a term of a space, the entries that hold it, many in one row. A row is written once
and never changed; `upkeep` puts small ones together. So writers never wait for one another, a common word of a
million entries is a few hundred rows, and no tenant's words lie among another's.
"""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

search_spaces = sa.Table(
    "search_spaces",
    metadata,
    sa.Column("space", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.UniqueConstraint("site_id", "kind"),
)
"""One for each kind of each tenant: what is searched together."""

search_entries = sa.Table(
    "search_entries",
    metadata,
    # Its number in the postings; an entry that is indexed anew gets another one.
    sa.Column("number", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("space", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("ref_id", sa.String(100), nullable=False),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("parent_id", sa.String(100)),
    sa.Column("role", sa.String(40)),
    sa.Column("tags", sa.JSON, nullable=False),
    # Words of the text.
    sa.Column("length", sa.Integer, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.UniqueConstraint("kind", "ref_id"),
    # A number that is used again would be found by the words of the entry that had it before.
    sqlite_autoincrement=True,
)

search_postings = sa.Table(
    "search_postings",
    metadata,
    sa.Column("space", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("term", sa.LargeBinary, primary_key=True),
    sa.Column("first_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last_number", sa.BigInteger, nullable=False),
    # Of entries in it.
    sa.Column("count", sa.Integer, nullable=False),
    # See `postings`.
    sa.Column("data", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

search_changes = sa.Table(
    "search_changes",
    metadata,
    sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("space", sa.BigInteger, nullable=False),
    # What was added less what was removed: entries, and their words.
    sa.Column("entries", sa.BigInteger, nullable=False),
    sa.Column("words", sa.BigInteger, nullable=False),
    # Numbers whose postings may still be put together with others.
    sa.Column("added", sa.LargeBinary, nullable=False),
    # Numbers that still stand in postings but are no more.
    sa.Column("removed", sa.LargeBinary, nullable=False),
    sa.Index("ix_search_changes_space_id", "space", "id"),
)
"""What happened to a space, in the order of its writing; `upkeep` makes one row of many."""
