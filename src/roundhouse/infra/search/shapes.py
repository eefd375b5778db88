"""The values of searching, and where the index gets from what is to be found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from roundhouse.infra.db import Tx

IndexState = Literal["ready", "indexing", "rebuilding"]
"""Whether all that was written is found already; while the index is made anew, the one before it is searched."""

Match = Literal["all_first", "any"]
"""How many words of a query an entry must have to be found: see `Query.match`."""


class Entry(msgspec.Struct, frozen=True):
    """Something that is to be found.

    Attributes:
        ref_id: Id of the thing; unique within its kind.
        kind: What it is, e.g. `message`; each kind of a tenant is searched by itself.
        site_id: Tenant.
        user_id: User it belongs to, if any: nobody who is bound to another user finds it.
        app_id: App it belongs to, likewise.
        parent_id: Id of what it is a part of, e.g. a session.
        role: One word by which it can be filtered.
        tags: Words by which it can be filtered.
        text: What is searched; see `analyser.MAX_TEXT_CHARS`.
        at_s: Unix time; of two that fit equally well the newer one comes first.
        shelf: Where it stands: each shelf of a kind of a tenant is searched by itself, and counts its words by
            itself.
    """

    ref_id: str
    kind: str
    site_id: str
    user_id: str | None
    app_id: str | None
    parent_id: str | None
    role: str | None
    tags: tuple[str, ...]
    text: str
    at_s: float
    shelf: str = ""


class Query(msgspec.Struct, frozen=True):
    """What is looked for; None = no such filter.

    Attributes:
        text: Words, and phrases in double quotes.
        kind: Of `Entry.kind`.
        shelf: Of `Entry.shelf`.
        user_id: Only of this user; narrows what the caller may see.
        app_id: Only of this app, likewise.
        parent_id: Only parts of this.
        role: Only of this role.
        tags: Only what has all of these.
        since_s: Only from this Unix time on.
        until_s: Only before this Unix time.
        among: Only parts of one of these, at most 10,000; of none of them, nothing is found.
        limit: Most hits, 1 to 100, or 200 where any word will do.
        cursor: `Hits.next_cursor` of the page before.
        quotes: Whether double quotes make phrases; not in a question of which every word may be missing.
        match: `all_first`: what has all words, then what has some of the rarest. `any`: one order of all that has
            any word, as for questions in natural language; quotes are just quotes, and beginnings of words nothing.
        snippets: Whether hits come with a part of their text; without, no text is read.
    """

    text: str
    kind: str
    user_id: str | None = None
    app_id: str | None = None
    parent_id: str | None = None
    role: str | None = None
    tags: tuple[str, ...] = ()
    since_s: float | None = None
    until_s: float | None = None
    limit: int = 20
    cursor: str | None = None
    quotes: bool = True
    shelf: str = ""
    among: Sequence[str] | None = None
    match: Match = "all_first"
    snippets: bool = True


class Piece(msgspec.Struct, frozen=True):
    """A part of a snippet, as plain text: whoever shows it as HTML escapes it.

    Attributes:
        text: As it stands in the text that was found.
        hit: Whether it is what was looked for.
    """

    text: str
    hit: bool = False


class Hit(msgspec.Struct, frozen=True):
    """Something that was found.

    Attributes:
        ref_id: Its id.
        parent_id: What it is a part of.
        score: The higher, the better; only comparable within one answer.
        at_s: Its Unix time.
        snippet: A part of its text around what was looked for, in pieces; empty where none were wanted.
    """

    ref_id: str
    parent_id: str | None
    score: float
    at_s: float
    snippet: tuple[Piece, ...]


class Hits(msgspec.Struct, frozen=True):
    """A page of what was found.

    Attributes:
        hits: The best first.
        next_cursor: For the next page, None = there is none.
    """

    hits: tuple[Hit, ...]
    next_cursor: str | None = None


class Some(NamedTuple):
    """Some of many things, in an order of their source.

    Attributes:
        ref_ids: Which.
        after: Where the next ones begin; None = these are the last.
    """

    ref_ids: Sequence[str]
    after: str | None


class Source(Protocol):
    """Where things of a kind come from: the truth that the index is made of."""

    @property
    def kind(self) -> str:
        """Of `Entry.kind`."""
        ...

    async def entries(self, tx: Tx, ref_ids: Sequence[str], *, lock: bool = False) -> list[Entry]:
        """Those of these things that are there and are to be found, as they are now.

        Args:
            tx: Any transaction.
            ref_ids: Which.
            lock: Whether nobody may change them until the transaction ends; those that somebody changes just now
                are left out.
        """
        ...

    async def parts(self, tx: Tx, ref_id: str, after: str, limit: int) -> Some | None:
        """The things that are parts of another one; None = that one is no more.

        Args:
            tx: Any transaction.
            ref_id: Of the whole.
            after: Of `Some.after`; "" = from the first.
            limit: Most things.
        """
        ...

    async def page(self, tx: Tx, after: str, limit: int) -> Some:
        """All things of all tenants, as `parts` gives them."""
        ...

    async def count(self, tx: Tx) -> int:
        """About how many things there are."""
        ...
