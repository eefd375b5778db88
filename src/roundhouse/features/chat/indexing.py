"""What the full text index is told of changes, and where it gets from what is to be found.

A message is found by its text, its role, its session and the session's tags; a session by its title and tags. What is
being generated is not found yet, and what is deleted not any more. In the transaction of a change one small row is
written; the index reads the rest when it comes to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from roundhouse.features.chat.model import Message, Session
from roundhouse.features.chat.store import found
from roundhouse.infra import search
from roundhouse.infra.db import Tx

SESSION = "session"
"""Kind of the entries of sessions."""

MESSAGE = "message"
"""Kind of the entries of messages."""


class ChatIndex(Protocol):
    """Finds sessions and messages by their words."""

    async def session(self, tx: Tx, session: Session) -> None:
        """It is new, or its title is."""
        ...

    async def whole_session(self, tx: Tx, session: Session) -> None:
        """It was restored, or its tags are new: its messages are indexed as well."""
        ...

    async def sessions_gone(self, tx: Tx, ids: Sequence[str]) -> None:
        """They are about to be deleted, with all their messages; they may come back by `whole_session`."""
        ...

    async def message(self, tx: Tx, message: Message, session: Session) -> None:
        """It is new or complete, or its text is another one."""
        ...

    async def message_gone(self, tx: Tx, message: Message) -> None:
        """It was deleted."""
        ...


class SearchIndex:
    """A `ChatIndex` over `infra.search`: it marks what is to be indexed."""

    async def session(self, tx: Tx, session: Session) -> None:
        """Mark its title."""
        await search.mark(tx, session.site_id, SESSION, [session.id])

    async def whole_session(self, tx: Tx, session: Session) -> None:
        """Mark it and its messages, however many."""
        await search.mark(tx, session.site_id, SESSION, [session.id])
        await search.mark_parts(tx, session.site_id, MESSAGE, [session.id])

    async def sessions_gone(self, tx: Tx, ids: Sequence[str]) -> None:
        """Mark them and their messages."""
        if not ids:
            return
        for site_id, of_site in (await found.sites_of(tx, ids)).items():
            await search.mark(tx, site_id, SESSION, of_site)
            await search.mark_parts(tx, site_id, MESSAGE, of_site)

    async def message(self, tx: Tx, message: Message, session: Session) -> None:
        """Mark it, unless it is of no interest to a search."""
        if message.kind == "message" and message.state != "generating" and session.deleted_at_s is None:
            await search.mark(tx, message.site_id, MESSAGE, [message.id])

    async def message_gone(self, tx: Tx, message: Message) -> None:
        """Mark it."""
        await search.mark(tx, message.site_id, MESSAGE, [message.id])


class MessageSource:
    """Messages as the index finds them; parts are those of a session."""

    kind = MESSAGE

    async def entries(self, tx: Tx, ref_ids: Sequence[str], *, lock: bool = False) -> list[search.Entry]:
        """The texts of messages that are complete and there."""
        texts = await found.found_messages(tx, ref_ids, lock=lock)
        return [_entry(MESSAGE, one, one.session_id, one.role) for one in texts]

    async def parts(self, tx: Tx, ref_id: str, after: str, limit: int) -> search.Some | None:
        """The messages of a session; None = it was removed for good."""
        if not await found.is_session(tx, ref_id):
            return None
        return _some(await found.message_ids_after(tx, ref_id, int(after or 0), limit), limit)

    async def page(self, tx: Tx, after: str, limit: int) -> search.Some:
        """All messages."""
        return _some(await found.message_ids_after(tx, None, int(after or 0), limit), limit)

    async def count(self, tx: Tx) -> int:
        """How many there are."""
        return (await found.count_all(tx))[0]


class TitleSource:
    """Titles of sessions as the index finds them; they have no parts."""

    kind = SESSION

    async def entries(self, tx: Tx, ref_ids: Sequence[str], *, lock: bool = False) -> list[search.Entry]:
        """The titles of sessions that are not deleted."""
        return [_entry(SESSION, one, None, None) for one in await found.found_titles(tx, ref_ids, lock=lock)]

    async def parts(self, tx: Tx, ref_id: str, after: str, limit: int) -> search.Some | None:
        """None."""
        return search.Some((), None)

    async def page(self, tx: Tx, after: str, limit: int) -> search.Some:
        """All sessions."""
        ids = await found.session_ids_after(tx, after, limit)
        return search.Some(ids, ids[-1] if len(ids) == limit else None)

    async def count(self, tx: Tx) -> int:
        """How many there are."""
        return (await found.count_all(tx))[1]


def _some(rows: Sequence[tuple[int, str]], limit: int) -> search.Some:
    return search.Some([one for _seq, one in rows], str(rows[-1][0]) if len(rows) == limit else None)


def _entry(kind: str, text: found.Text, parent_id: str | None, role: str | None) -> search.Entry:
    return search.Entry(
        ref_id=text.id,
        kind=kind,
        site_id=text.site_id,
        user_id=text.user_id,
        app_id=text.app_id,
        parent_id=parent_id,
        role=role,
        tags=text.tags,
        text=text.text,
        at_s=text.at_s,
    )
