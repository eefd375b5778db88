"""Sessions on their way out: read page by page, written piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Literal

import msgspec

from roundhouse.core.errors import NotFound
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.model import Message, Session
from roundhouse.features.chat.store import SessionFilter
from roundhouse.features.chat.transfer import own, store, table, text
from roundhouse.features.chat.transfer.archive import ZipStream, file_name
from roundhouse.features.chat.transfer.own import KeptMemory
from roundhouse.features.chat.transfer.reading import MEMORIES
from roundhouse.infra.db import Database

ExportFormat = Literal["json", "markdown", "txt", "csv"]

CONTENT_TYPES: dict[ExportFormat, str] = {
    "json": "application/json",
    "markdown": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}
SUFFIXES: dict[ExportFormat, str] = {"json": ".json", "markdown": ".md", "txt": ".txt", "csv": ".csv"}

_PAGE = 200
_IDS = 500
_PACKED_BYTES = 16 * 1024


class Exporter:
    """Reads sessions and writes them.

    Each page is a transaction of its own, so a slow client holds none open; what changes meanwhile is told as it is
    when its page is read, and messages that are written meanwhile are not told.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def session(
        self, caller: Caller, session_id: str, form: ExportFormat
    ) -> tuple[Session, AsyncIterator[bytes]]:
        """One session in pieces.

        Raises:
            NotFound: There is none; the pieces raise nothing of the kind.
        """
        async with self._db.read() as tx:
            session = await chats.get_session(tx, caller, session_id)
        return session, self._pieces(session, form)

    async def account(
        self, caller: Caller, wanted: SessionFilter, form: ExportFormat, *, with_memories: bool
    ) -> AsyncIterator[bytes]:
        """All sessions that the filter lets through as a zip file, one file each; memories beside them.

        Args:
            caller: Who asks.
            wanted: Which.
            form: Of each session.
            with_memories: Whether long-term memories are wanted too (as JSON).
        """
        archive = ZipStream()
        try:
            number = 0
            async for session in self._sessions(caller, wanted):
                number += 1
                yield archive.open(file_name(number, session.title, SUFFIXES[form]), session.updated_at_s)
                async for data in _packed(archive, self._pieces(session, form)):
                    yield data
                yield archive.end_file()
            if with_memories:
                yield archive.open(MEMORIES, self._clock.now_s())
                async for data in _packed(archive, self._memories(caller)):
                    yield data
                yield archive.end_file()
            yield archive.end()
        finally:
            # The client may have gone in the middle of a file.
            archive.discard()

    async def _sessions(self, caller: Caller, wanted: SessionFilter) -> AsyncIterator[Session]:
        after_id = ""
        while True:
            async with self._db.read() as tx:
                ids = await store.session_ids(tx, caller, wanted, after_id, _IDS)
            for session_id in ids:
                try:
                    async with self._db.read() as tx:
                        session = await chats.get_session(tx, caller, session_id, deleted=wanted.deleted)
                except NotFound:
                    # Deleted since its id was read.
                    continue
                yield session
            if len(ids) < _IDS:
                return
            after_id = ids[-1]

    def _pieces(self, session: Session, form: ExportFormat) -> AsyncIterator[bytes]:
        if form == "json":
            return self._json(session)
        if form == "markdown":
            return self._shown(session, text.markdown_head(session), text.markdown_message)
        if form == "txt":
            return self._shown(session, text.text_head(session), text.text_message)
        return self._shown(session, table.head(), table.message)

    async def _json(self, session: Session) -> AsyncIterator[bytes]:
        async with self._db.read() as tx:
            until_seq = await store.last_seq(tx, session)
            branches = await store.session_branches(tx, session)
            page = await store.session_messages(tx, session, 0, until_seq, _PAGE)
        # A branch may have been begun since the session itself was read.
        branches = tuple(one for one in branches if one.number < session.branches)
        yield own.head(session, branches, self._clock.now_s())
        first = True
        while page:
            known = [one for one in page if one.branch < session.branches]
            yield b"".join(own.message(one, first=first and one is known[0]) for one in known)
            first = first and not known
            async with self._db.read() as tx:
                page = await store.session_messages(tx, session, page[-1].seq, until_seq, _PAGE)
        yield own.tail()

    async def _shown(
        self, session: Session, head: str, write: Callable[[Message], str]
    ) -> AsyncIterator[bytes]:
        """The conversation that is shown."""
        yield head.encode()
        after_depth = -1
        while True:
            async with self._db.read() as tx:
                page = await chats.conversation(tx, session, after_depth=after_depth, limit=_PAGE)
            if not page:
                return
            yield "".join(map(write, page)).encode()
            after_depth = page[-1].depth

    async def _memories(self, caller: Caller) -> AsyncIterator[bytes]:
        """As `own.write_memories`, page by page."""
        opening, closing = own.write_memories([]).rsplit(b"[]", 1)
        yield opening + b"["
        after_id, comma = "", b""
        while True:
            async with self._db.read() as tx:
                page = await store.memories_after(tx, caller, after_id, _PAGE)
            if not page:
                break
            kept = [KeptMemory(one.content, one.user_id, one.created_at_s, one.updated_at_s) for one in page]
            yield comma + b",".join(map(msgspec.json.encode, kept))
            after_id, comma = page[-1].id, b","
        yield b"]" + closing


async def _packed(archive: ZipStream, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Write pieces into the open file of an archive, a millisecond's work at a time."""
    async for piece in pieces:
        for start in range(0, len(piece), _PACKED_BYTES):
            data = archive.write(piece[start : start + _PACKED_BYTES])
            if data:
                yield data
            else:
                await asyncio.sleep(0)
