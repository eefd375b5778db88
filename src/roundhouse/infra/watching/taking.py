"""Taking a file of a watched folder in: its bytes first, then what comes of it and the note in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
import structlog

from roundhouse.core.errors import (
    Busy,
    Cancelled,
    NotFound,
    QuotaExceeded,
    RoundhouseError,
    StorageFull,
    StorageUnavailable,
    TooLarge,
)
from roundhouse.core.ports import Clock, Files
from roundhouse.core.types import FileInfo, NewFile
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.watching import disk, store
from roundhouse.infra.watching.inbox import Inbox
from roundhouse.infra.watching.model import Folder, Hold, Seen, Taken

_log = structlog.get_logger(__name__)
_MIB = 1024 * 1024

UNENTERED_S = 86_400.0
"""A file of which nothing has come by then is deleted: whoever kept it has died meanwhile."""

LATER = (Busy, QuotaExceeded, StorageFull, StorageUnavailable)
"""What passes: the file waits."""


class Taking:
    """Takes files in.

    Args:
        db: The database.
        files: Where bytes are kept.
        clock: Time.
    """

    def __init__(self, db: Database, files: Files, clock: Clock) -> None:
        self._db = db
        self._files = files
        self._clock = clock

    async def take(self, inbox: Inbox, seen: Seen, before: Taken | None, hold: Hold) -> bool:
        """Take in a file that is whole; False where it changed meanwhile, or another process has it.

        Args:
            inbox: Where it lies, and what comes of it.
            seen: The file.
            before: What is known of it, of the time before it was laid there anew.
            hold: Called every now and then.

        Raises:
            StorageUnavailable, StorageFull, Busy, QuotaExceeded: Not now; and what the room raises.
        """
        folder = inbox.folder
        turn = 1 if before is None else before.turn + 1
        place = (seen.id_in(folder), folder.id, seen.name, seen.size_bytes, seen.mtime_ns)
        taken = Taken(*place, turn=turn, state="taken", moved=False, object_id=None, error=None)
        await inbox.check()
        try:
            info = await self._kept(inbox, seen, taken, hold)
        except Cancelled as changed:
            _log.info("watched_file_changed", folder=str(folder.path), file=seen.name, reason=changed.detail)
            return False
        except LATER:
            raise
        except RoundhouseError as refused:
            return await self._refuse(folder, taken, refused)
        try:
            return await self._enter(inbox, taken, info)
        finally:
            await self._give_back(inbox, info)

    async def _kept(self, inbox: Inbox, seen: Seen, taken: Taken, hold: Hold) -> FileInfo:
        if seen.size_bytes > inbox.largest_bytes:
            raise TooLarge(f"The file is larger than {inbox.largest_bytes // _MIB} MiB.")
        # The same after a death between the bytes and what comes of them: then they are here already.
        key = f"watch {taken.id} {taken.turn}"
        new = NewFile(seen.name, inbox.purpose, UNENTERED_S, key)
        return await self._files.create(inbox.folder.caller, new, _pieces(inbox.folder, seen, hold))

    async def _enter(self, inbox: Inbox, taken: Taken, info: FileInfo) -> bool:
        entered = ""

        async def note(tx: Tx, object_id: str) -> None:
            nonlocal entered
            row = msgspec.structs.replace(taken, object_id=object_id)
            if not await store.take(tx, row, self._clock.now_s()):
                raise Cancelled("Another process was faster.")
            entered = object_id

        try:
            await inbox.enter(taken, info, note)
        except Cancelled:
            return False
        _log.info("watched_file_taken", folder=str(inbox.folder.path), file=taken.name, object=entered)
        return True

    async def _refuse(self, folder: Folder, taken: Taken, error: RoundhouseError) -> bool:
        told = {"code": error.code, "message": error.detail}
        row = msgspec.structs.replace(taken, state="refused", error=told)
        async with self._db.begin() as tx:
            entered = await store.take(tx, row, self._clock.now_s())
        if entered:
            _log.warning("watched_file_refused", folder=str(folder.path), file=taken.name, **told)
        return entered

    async def _give_back(self, inbox: Inbox, info: FileInfo) -> None:
        """Delete bytes of which nothing came."""
        async with self._db.read() as tx:
            if await inbox.uses(tx, info.id):
                return
        with suppress(NotFound):
            await self._files.delete(inbox.folder.caller, info.id)


async def _pieces(folder: Folder, seen: Seen, hold: Hold) -> AsyncIterator[bytes]:
    blocks = disk.read(folder.path, seen)
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        await hold()
        yield block
