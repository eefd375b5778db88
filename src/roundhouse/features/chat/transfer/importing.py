"""Sessions on their way in: read beside the event loop, written in bounded transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import BadInput
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.features.chat.model import Memory, Session
from roundhouse.features.chat.telling import tell_session
from roundhouse.features.chat.transfer import mongo, store, studio
from roundhouse.features.chat.transfer.adopting import adopt, key_of, owner_of
from roundhouse.features.chat.transfer.own import KeptMemory
from roundhouse.features.chat.transfer.reading import Found
from roundhouse.features.chat.transfer.schemas import ImportEntry, ImportReport
from roundhouse.features.chat.transfer.whole import Refused, Whole
from roundhouse.infra import audit
from roundhouse.infra.blobs.disk import DiskThreads
from roundhouse.infra.db import Database, Tx, is_unique_violation

MOST_ENTRIES = 1000

_BATCH_SESSIONS = 50
_BATCH_MESSAGES = 500
_BATCH_CHARS = 1024 * 1024
_TITLE_CHARS = 200
_UNFINISHED = {"import": "unfinished"}
_ABANDONED_S = 3600.0
_RIVAL = "Another import is bringing it."
# Files of these hold the sessions of many users.
_OF_MANY = (studio.PROGRAM, mongo.PROGRAM)


class _Read(msgspec.Struct, frozen=True):
    """What was read, and where it stood."""

    number: int
    found: Found


class _Batch(msgspec.Struct, frozen=True):
    """What was read at once; `fault` = why the source gives nothing behind it."""

    reads: list[_Read]
    fault: BadInput | None


class Importer:
    """Writes what readers give.

    A session is there as a whole or not at all: a short one comes in one transaction, a long one stays hidden until
    its last message is written. One whose key is here already is skipped, so a file may be imported again.

    Args:
        db: The database.
        index: Is told of what is new.
        clock: Time.
        threads: Where files are read.
        max_memories: Long-term memories that a user may have.
    """

    def __init__(
        self, db: Database, index: ChatIndex, clock: Clock, threads: DiskThreads, max_memories: int
    ) -> None:
        self._db = db
        self._index = index
        self._clock = clock
        self._threads = threads
        self._max_memories = max_memories

    async def take(self, caller: Caller, source: Callable[[], Iterator[Found]], name: str) -> ImportReport:
        """Write all that a source gives.

        Args:
            caller: Whose it becomes.
            source: Opens what is read; runs in a thread, as does what it returns.
            name: Of the source, for the audit log.

        Returns:
            What became of it. A fault of the source after something was written ends the import and is told here.

        Raises:
            BadInput: The source is none, before anything was written.
        """
        noted = _Noted()
        try:
            reader = await self._threads.run(source)
            try:
                await self._take_all(caller, reader, noted)
            finally:
                await self._threads.run(_close, reader)
        except BadInput as error:
            if not noted.anything:
                raise
            noted.error = error.detail
        report = noted.report()
        await self._audit(caller, name, report)
        return report

    async def _take_all(self, caller: Caller, reader: Iterator[Found], noted: _Noted) -> None:
        number = 0
        while True:
            batch = await self._threads.run(_some, reader, number)
            await self._write(caller, batch.reads, noted)
            if batch.fault is not None:
                raise batch.fault
            if not batch.reads:
                return
            number += len(batch.reads)

    async def _write(self, caller: Caller, batch: Sequence[_Read], noted: _Noted) -> None:
        short: list[tuple[_Read, Whole]] = []
        for one in batch:
            if isinstance(one.found, Refused):
                noted.refused(one.found.place, "", one.found.reason)
            elif isinstance(one.found, KeptMemory):
                noted.memories += await self._remember(caller, one.found)
            elif len(one.found.messages) > _BATCH_MESSAGES:
                await self._enter_long(caller, one, one.found, noted)
            else:
                short.append((one, one.found))
        if not short:
            return
        trial = _Noted()
        try:
            async with self._db.begin() as tx:
                await self._enter(tx, caller, short, trial)
        except sa.exc.IntegrityError as error:
            if not is_unique_violation(error):
                raise
            # Another import brought one of them meanwhile: one by one it is seen which.
            for pair in short:
                async with self._db.begin() as tx:
                    await self._enter(tx, caller, [pair], noted)
            return
        noted.add(trial)

    async def _enter(
        self, tx: Tx, caller: Caller, short: Sequence[tuple[_Read, Whole]], noted: _Noted
    ) -> None:
        """Enter sessions in one transaction, their events last."""
        entered: list[Whole] = []
        now_s = self._clock.now_s()
        for read, whole in short:
            new = await self._wanted(tx, caller, read, whole, noted)
            if new is None:
                continue
            await chats.insert_session(tx, new.session)
            await store.insert_branches(tx, new.session, new.branches)
            await store.insert_messages(tx, new.messages)
            await self._index.whole_session(tx, new.session)
            entered.append(new)
            noted.imported(_place(read), new)
        for new in entered:
            await tell_session(tx, new.session, "created", now_s)

    async def _enter_long(self, caller: Caller, read: _Read, whole: Whole, noted: _Noted) -> None:
        """Enter a session in several transactions; until the last one it is a deleted one for all others."""
        now_s = self._clock.now_s()
        try:
            async with self._db.begin() as tx:
                new = await self._wanted(tx, caller, read, whole, noted)
                if new is None:
                    return
                hidden = msgspec.structs.replace(new.session, deleted_at_s=now_s, metadata=dict(_UNFINISHED))
                await chats.insert_session(tx, hidden)
                await store.insert_branches(tx, hidden, new.branches)
        except sa.exc.IntegrityError as error:
            if not is_unique_violation(error):
                raise
            noted.skipped(_place(read), whole.session.title, None, _RIVAL)
            return
        await self._fill_long(caller, new, now_s)
        noted.imported(_place(read), new)

    async def _fill_long(self, caller: Caller, new: Whole, now_s: float) -> None:
        complete = False
        try:
            for start in range(0, len(new.messages), _BATCH_MESSAGES):
                rows = new.messages[start : start + _BATCH_MESSAGES]
                async with self._db.begin() as tx:
                    await store.insert_messages(tx, rows)
            async with self._db.begin() as tx:
                await store.reveal_session(tx, new.session)
                await self._index.whole_session(tx, new.session)
                await tell_session(tx, new.session, "created", now_s)
            complete = True
        finally:
            if not complete:
                async with self._db.begin() as tx:
                    await self._index.sessions_gone(tx, [new.session.id])
                    await store.delete_hidden(tx, caller, new.session.id)

    async def _wanted(self, tx: Tx, caller: Caller, read: _Read, whole: Whole, noted: _Noted) -> Whole | None:
        """The session as it will be kept; None, and noted why, when it is not to be."""
        title = whole.session.title
        theirs = whole.session.user_id
        many = whole.session.metadata.get("imported_from") in _OF_MANY
        if many and caller.user_id is not None and theirs not in (None, caller.user_id):
            noted.refused(_place(read), title, "It belongs to another user.")
            return None
        if await store.known_ids(tx, caller, [whole.session.id]):
            noted.skipped(_place(read), title, whole.session.id, "It is here already.")
            return None
        before = await chats.outside_session(tx, caller, owner_of(caller, whole), key_of(whole))
        now_s = self._clock.now_s()
        if before is not None and before.metadata == _UNFINISHED and _is_old(before, now_s):
            # An import that was killed left it.
            await self._index.sessions_gone(tx, [before.id])
            await store.delete_hidden(tx, caller, before.id)
            before = None
        if before is not None:
            noted.skipped(_place(read), title, before.id, _why(before))
            return None
        try:
            if len(whole.messages) > _BATCH_MESSAGES:
                return await self._threads.run(adopt, caller, whole, now_s)
            return adopt(caller, whole, now_s)
        except BadInput as error:
            noted.refused(_place(read), title, error.detail)
            return None

    async def _remember(self, caller: Caller, kept: KeptMemory) -> int:
        user_id = caller.user_id if caller.user_id is not None else kept.user_id
        async with self._db.begin() as tx:
            if await store.has_memory(tx, caller, user_id, kept.content):
                return 0
            if await chats.count_memories(tx, caller.site_id, user_id) >= self._max_memories:
                return 0
            new = Memory(
                id=new_id("mem"),
                site_id=caller.site_id,
                user_id=user_id,
                app_id=caller.app_id,
                content=kept.content,
                session_id=None,
                version=1,
                created_at_s=kept.created_at_s,
                updated_at_s=kept.updated_at_s,
            )
            await chats.insert_memory(tx, new)
        return 1

    async def _audit(self, caller: Caller, name: str, report: ImportReport) -> None:
        detail = report.model_dump(exclude={"entries", "object", "error"})
        async with self._db.begin() as tx:
            await audit.append(
                tx,
                caller,
                action="session.import",
                object_id=name,
                detail=detail,
                at_s=self._clock.now_s(),
            )


class _Noted:
    """What became of what was read so far."""

    def __init__(self) -> None:
        self._counts = {"imported": 0, "skipped": 0, "refused": 0}
        self._messages = 0
        self._good: list[ImportEntry] = []
        self._others: list[ImportEntry] = []
        self.memories = 0
        self.error: str | None = None

    @property
    def anything(self) -> bool:
        """Whether there is something to report: a session that was written or was here before."""
        return bool(self._counts["imported"] or self._counts["skipped"] or self.memories)

    def imported(self, place: str, new: Whole) -> None:
        """A session is new."""
        self._counts["imported"] += 1
        self._messages += len(new.messages)
        if len(self._good) < MOST_ENTRIES:
            self._good.append(
                ImportEntry.model_construct(
                    place=place,
                    title=new.session.title[:_TITLE_CHARS],
                    status="imported",
                    session_id=new.session.id,
                    reason=None,
                )
            )

    def skipped(self, place: str, title: str, session_id: str | None, reason: str) -> None:
        """A session was here already."""
        self._counts["skipped"] += 1
        self._note(place, title, "skipped", session_id, reason)

    def refused(self, place: str, title: str, reason: str) -> None:
        """A session could not be read."""
        self._counts["refused"] += 1
        self._note(place, title, "refused", None, reason)

    def add(self, other: _Noted) -> None:
        """Take over what another one noted."""
        for name, number in other._counts.items():
            self._counts[name] += number
        self._messages += other._messages
        self._good += other._good[: MOST_ENTRIES - len(self._good)]
        self._others += other._others[: MOST_ENTRIES - len(self._others)]

    def report(self) -> ImportReport:
        """All of it, as users see it."""
        return ImportReport.model_construct(
            object="import_report",
            imported=self._counts["imported"],
            skipped=self._counts["skipped"],
            refused=self._counts["refused"],
            messages=self._messages,
            memories=self.memories,
            complete=self.error is None,
            error=self.error,
            entries=[*self._others, *self._good][:MOST_ENTRIES],
        )

    def _note(
        self,
        place: str,
        title: str,
        status: Literal["skipped", "refused"],
        session_id: str | None,
        reason: str,
    ) -> None:
        if len(self._others) < MOST_ENTRIES:
            self._others.append(
                ImportEntry.model_construct(
                    place=place,
                    title=title[:_TITLE_CHARS],
                    status=status,
                    session_id=session_id,
                    reason=reason,
                )
            )


def _some(reader: Iterator[Found], number: int) -> _Batch:
    """Read on, as much as one transaction takes; nothing at the end."""
    reads: list[_Read] = []
    messages = chars = 0
    while len(reads) < _BATCH_SESSIONS and messages < _BATCH_MESSAGES and chars < _BATCH_CHARS:
        try:
            found = next(reader, None)
        except BadInput as error:
            return _Batch(reads, error)
        if found is None:
            break
        reads.append(_Read(number + len(reads), found))
        if isinstance(found, Whole):
            messages += len(found.messages)
            chars += sum(len(one.content) for one in found.messages)
    return _Batch(reads, None)


def _is_old(session: Session, now_s: float) -> bool:
    return session.deleted_at_s is not None and session.deleted_at_s < now_s - _ABANDONED_S


def _why(session: Session) -> str:
    """Why a session is not imported beside the one that is here."""
    if session.metadata == _UNFINISHED:
        return _RIVAL
    if session.deleted_at_s is not None:
        return "It is here already, deleted: restore it."
    return "It is here already."


def _close(reader: Iterator[Found]) -> None:
    close = getattr(reader, "close", None)
    if close is not None:
        close()


def _place(read: _Read) -> str:
    return f"[{read.number}]"
