"""What the full text index is told of changes, in the transaction of each.

A message is found by its text, its role, its session and the session's tags; a session by its title and tags. What is
being generated is not found yet, and what is deleted not any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from roundhouse.features.chat import store
from roundhouse.features.chat.model import Message, Session
from roundhouse.infra import search
from roundhouse.infra.db import Tx

SESSION = "session"
"""Kind of the entries of sessions."""

MESSAGE = "message"
"""Kind of the entries of messages."""

_BATCH = 500


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
    """A `ChatIndex` over `infra.search`."""

    async def session(self, tx: Tx, session: Session) -> None:
        """Index its title."""
        await search.index(tx, [_session_entry(session)])

    async def whole_session(self, tx: Tx, session: Session) -> None:
        """Index it and its messages."""
        await self.session(tx, session)
        after_seq = 0
        while batch := await store.messages_after(tx, session.id, after_seq, _BATCH):
            after_seq = batch[-1].seq
            await search.index(tx, [_message_entry(one, session) for one in batch if _is_found(one)])

    async def sessions_gone(self, tx: Tx, ids: Sequence[str]) -> None:
        """Forget them and their messages."""
        await search.remove(tx, SESSION, ids)
        for session_id in ids:
            after_seq = 0
            while batch := await store.messages_after(tx, session_id, after_seq, _BATCH):
                after_seq = batch[-1].seq
                await search.remove(tx, MESSAGE, [one.id for one in batch])

    async def message(self, tx: Tx, message: Message, session: Session) -> None:
        """Index its text, once that is complete; in a deleted session it waits for `whole_session`."""
        if _is_found(message) and session.deleted_at_s is None:
            await search.index(tx, [_message_entry(message, session)])

    async def message_gone(self, tx: Tx, message: Message) -> None:
        """Forget it."""
        await search.remove(tx, MESSAGE, [message.id])


def _is_found(message: Message) -> bool:
    """Summaries repeat what is found in the messages themselves."""
    return (
        message.kind == "message"
        and message.state != "generating"
        and message.deleted_at_s is None
        and bool(message.content)
    )


def _session_entry(session: Session) -> search.Entry:
    return search.Entry(
        ref_id=session.id,
        kind=SESSION,
        site_id=session.site_id,
        user_id=session.user_id,
        app_id=session.app_id,
        parent_id=None,
        role=None,
        tags=session.tags,
        text=session.title,
        at_s=session.created_at_s,
    )


def _message_entry(message: Message, session: Session) -> search.Entry:
    return search.Entry(
        ref_id=message.id,
        kind=MESSAGE,
        site_id=message.site_id,
        user_id=message.user_id,
        app_id=message.app_id,
        parent_id=message.session_id,
        role=message.role,
        tags=session.tags,
        text=message.content,
        at_s=message.created_at_s,
    )
