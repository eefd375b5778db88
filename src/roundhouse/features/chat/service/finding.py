"""The verbs of search: messages by their text, sessions by their titles."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.indexing import MESSAGE, SESSION
from roundhouse.features.chat.rights import owner
from roundhouse.features.chat.schemas import (
    FoundMessage,
    FoundMessageList,
    FoundSession,
    FoundSessionList,
    SnippetPiece,
)
from roundhouse.features.chat.shapes import read_message, read_session
from roundhouse.infra import search
from roundhouse.infra.db import Database
from roundhouse.infra.search.indexer import Indexer


class SearchService:
    """Finds what a caller may see, the best first.

    Args:
        db: The database.
        indexer: Indexes what was written just before.
    """

    def __init__(self, db: Database, indexer: Indexer) -> None:
        self._db = db
        self._indexer = indexer

    async def messages(self, caller: Caller, wanted: search.Query) -> FoundMessageList:
        """Messages by their text.

        Raises:
            BadInput: The query is too long, or the cursor is none of this list.
            NotAllowed: Another user's, by a key that stands for one.
        """
        owner(caller, wanted.user_id)
        state = await self._indexer.catch_up(caller.site_id, MESSAGE)
        async with self._db.read() as tx:
            hits = await search.search(tx, caller, _of(wanted, MESSAGE))
            there = await store.get_messages(tx, caller, [one.ref_id for one in hits.hits])
            sessions = await store.get_sessions(tx, caller, _parents(hits.hits))
        data = [
            FoundMessage(
                score=one.score,
                snippet=_pieces(one),
                session_title=sessions[one.parent_id or ""].title,
                message=read_message(there[one.ref_id]),
            )
            for one in hits.hits
            # Deleted since the index was read.
            if one.ref_id in there and one.parent_id in sessions
        ]
        return FoundMessageList(
            data=data,
            has_more=hits.next_cursor is not None,
            next_cursor=hits.next_cursor,
            index_state=state,
        )

    async def sessions(self, caller: Caller, wanted: search.Query) -> FoundSessionList:
        """Sessions by their titles; raises as `messages` does."""
        owner(caller, wanted.user_id)
        state = await self._indexer.catch_up(caller.site_id, SESSION)
        async with self._db.read() as tx:
            hits = await search.search(tx, caller, _of(wanted, SESSION))
            there = await store.get_sessions(tx, caller, [one.ref_id for one in hits.hits])
        data = [
            FoundSession(score=one.score, snippet=_pieces(one), session=read_session(there[one.ref_id]))
            for one in hits.hits
            if one.ref_id in there
        ]
        return FoundSessionList(
            data=data,
            has_more=hits.next_cursor is not None,
            next_cursor=hits.next_cursor,
            index_state=state,
        )


def _of(wanted: search.Query, kind: str) -> search.Query:
    return msgspec.structs.replace(wanted, kind=kind)


def _parents(hits: Sequence[search.Hit]) -> list[str]:
    return sorted({one.parent_id for one in hits if one.parent_id is not None})


def _pieces(hit: search.Hit) -> list[SnippetPiece]:
    return [SnippetPiece(text=one.text, hit=one.hit) for one in hit.snippet]
