"""The tables of the index.

What changed waits in `search_waiting` and is indexed soon, many at once. An entry's terms are one row first; when a few
hundred have come together they become postings in packed rows: for a term of a space, the entries that hold it, many in
one row. So a common word of a million entries is a few hundred rows, and no tenant's words lie among another's.
"""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.infra.db import metadata

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

search_kinds = sa.Table(
    "search_kinds",
    metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    # Of the analyser that made the generation that is searched, and its number.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    # The generation that is being made anew from the truth, and up to where; null = none is.
    sa.Column("building", sa.Integer),
    sa.Column("after", sa.String(100), nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
)
"""How each kind is indexed, of all tenants."""

search_spaces = sa.Table(
    "search_spaces",
    metadata,
    sa.Column("space", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("shelf", sa.String(100), nullable=False),
    # Negative = its shelf was dropped: nobody finds it any more, and it is deleted in pieces.
    sa.Column("generation", sa.BigInteger, nullable=False),
    # How often entries became postings: says whose turn it is to be put together.
    sa.Column("turn", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("site_id", "kind", "shelf", "generation"),
    # A number that is used again would have what is left of a space that was dropped.
    sqlite_autoincrement=True,
)
"""One for each shelf of each kind of each tenant: what is searched together; while it is made anew, a second one."""

search_waiting = sa.Table(
    "search_waiting",
    metadata,
    sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    # Of the thing, or of the whole of whose parts some are behind `after`.
    sa.Column("ref_id", sa.String(100), nullable=False),
    sa.Column("is_whole", sa.Boolean, nullable=False),
    sa.Column("after", sa.String(100), nullable=False),
    # Where the parts are; null = it is not known.
    sa.Column("shelf", sa.String(100)),
    sa.Index("ix_search_waiting_site_id_is_whole_id", "site_id", "is_whole", "id"),
    # A number that is used again would be taken for the one that somebody has read.
    sqlite_autoincrement=True,
)
"""What changed and is still to be indexed, as it is then."""

search_entries = sa.Table(
    "search_entries",
    metadata,
    # Its number in the postings; an entry that is indexed anew gets another one.
    sa.Column("number", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("space", sa.BigInteger, nullable=False),
    sa.Column("ref_id", sa.String(100), nullable=False),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("app_id", sa.String(200)),
    sa.Column("parent_id", sa.String(100)),
    # Words of the text.
    sa.Column("length", sa.Integer, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.UniqueConstraint("ref_id", "space"),
    # A number that is used again would be found by the words of the entry that had it before.
    sqlite_autoincrement=True,
)

search_fresh = sa.Table(
    "search_fresh",
    metadata,
    sa.Column("space", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("length", sa.Integer, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    # See `fresh`.
    sa.Column("data", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""The terms of entries that are not in the postings yet."""

search_postings = sa.Table(
    "search_postings",
    metadata,
    sa.Column("space", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("term", sa.LargeBinary, primary_key=True),
    sa.Column("first_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last_number", sa.BigInteger, nullable=False),
    # Of entries in it.
    sa.Column("count", sa.Integer, nullable=False),
    # See `postings`. With row numbers: SQLite's tables without read whole rows to compare their keys.
    sa.Column("data", sa.LargeBinary, nullable=False),
)

search_changes = sa.Table(
    "search_changes",
    metadata,
    sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("space", sa.BigInteger, nullable=False),
    # What was added less what was removed: entries, and their words.
    sa.Column("entries", sa.BigInteger, nullable=False),
    sa.Column("words", sa.BigInteger, nullable=False),
    # Numbers that still stand in postings but are no more.
    sa.Column("removed", sa.LargeBinary, nullable=False),
    sa.Index("ix_search_changes_space_id", "space", "id"),
)
"""What happened to a space, in the order of its writing; `upkeep` makes one row of many."""
