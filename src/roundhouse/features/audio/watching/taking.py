"""Taking a file of a watched folder in: its bytes first, then recording, job and the note of it in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
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
from roundhouse.core.settings import AudioSettings
from roundhouse.core.types import FileInfo, NewFile
from roundhouse.features.audio.model import UNACCEPTED_S, Recording
from roundhouse.features.audio.service.accepting import Accepting, Source, Wanted
from roundhouse.features.audio.store import recordings
from roundhouse.features.audio.watching import disk, store
from roundhouse.features.audio.watching.model import Folder, Hold, Seen, Taken
from roundhouse.infra.db import Database, Tx

_log = structlog.get_logger(__name__)
_MIB = 1024 * 1024

LATER = (Busy, QuotaExceeded, StorageFull, StorageUnavailable)
"""What passes: the file waits."""


class Taking:
    """Takes files in.

    Args:
        db: The database.
        files: Where sound is kept.
        accepting: Takes recordings in.
        settings: Limits.
        clock: Time.
    """

    def __init__(
        self, db: Database, files: Files, accepting: Accepting, settings: AudioSettings, clock: Clock
    ) -> None:
        self._db = db
        self._files = files
        self._accepting = accepting
        self._settings = settings
        self._clock = clock

    async def take(self, folder: Folder, seen: Seen, before: Taken | None, hold: Hold) -> bool:
        """Make a recording of a file that is whole; False where it changed meanwhile, or another process has it.

        Args:
            folder: Where it lies.
            seen: The file.
            before: What is known of it, of the time before it was laid there anew.
            hold: Called every now and then.

        Raises:
            StorageUnavailable, StorageFull, Busy, QuotaExceeded: Not now.
        """
        turn = 1 if before is None else before.turn + 1
        place = (seen.id_in(folder), folder.id, seen.name, seen.size_bytes, seen.mtime_ns)
        taken = Taken(*place, turn=turn, state="taken", moved=False, recording_id=None, error=None)
        await self._accepting.check_room(folder.caller)
        try:
            info = await self._kept(folder, seen, taken, hold)
        except Cancelled as changed:
            _log.info("watched_file_changed", folder=str(folder.path), file=seen.name, reason=changed.detail)
            return False
        except LATER:
            raise
        except RoundhouseError as refused:
            return await self._refuse(folder, taken, refused)
        try:
            return await self._enter(folder, taken, info)
        finally:
            await self._give_back(folder, info)

    async def _kept(self, folder: Folder, seen: Seen, taken: Taken, hold: Hold) -> FileInfo:
        if seen.size_bytes > self._settings.max_upload_mib * _MIB:
            raise TooLarge(f"The file is larger than {self._settings.max_upload_mib} MiB.")
        # The same after a death between the bytes and the recording: then they are here already.
        key = f"watch {taken.id} {taken.turn}"
        new = NewFile(seen.name, "audio", UNACCEPTED_S, key)
        return await self._files.create(folder.caller, new, _pieces(folder, seen, hold))

    async def _enter(self, folder: Folder, taken: Taken, info: FileInfo) -> bool:
        async def note(tx: Tx, accepted: Sequence[Recording]) -> None:
            row = msgspec.structs.replace(taken, recording_id=accepted[0].id)
            if not await store.take(tx, row, self._clock.now_s()):
                raise Cancelled("Another process was faster.")

        wanted = Wanted(folder.options, source="watch")
        try:
            (recording,) = await self._accepting.accept(folder.caller, wanted, [Source.uploaded(info)], note)
        except Cancelled:
            return False
        _log.info("watched_file_taken", folder=str(folder.path), file=taken.name, recording=recording.id)
        return True

    async def _refuse(self, folder: Folder, taken: Taken, error: RoundhouseError) -> bool:
        told = {"code": error.code, "message": error.detail}
        row = msgspec.structs.replace(taken, state="refused", error=told)
        async with self._db.begin() as tx:
            entered = await store.take(tx, row, self._clock.now_s())
        if entered:
            _log.warning("watched_file_refused", folder=str(folder.path), file=taken.name, **told)
        return entered

    async def _give_back(self, folder: Folder, info: FileInfo) -> None:
        """Delete bytes that no recording came of."""
        async with self._db.read() as tx:
            if await recordings.has_file(tx, info.id):
                return
        with suppress(NotFound):
            await self._files.delete(folder.caller, info.id)


async def _pieces(folder: Folder, seen: Seen, hold: Hold) -> AsyncIterator[bytes]:
    blocks = disk.read(folder.path, seen)
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        await hold()
        yield block
