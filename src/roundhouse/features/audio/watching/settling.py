"""The end of a file of a watched folder: its texts are written, and it goes where it belongs."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import structlog

from roundhouse.core.errors import NotFound
from roundhouse.core.ports import Clock
from roundhouse.features.audio.exporting import Export, export
from roundhouse.features.audio.model import ENDED, Recording
from roundhouse.features.audio.shapes import settled
from roundhouse.features.audio.store import recordings, segments
from roundhouse.features.audio.watching import disk, store
from roundhouse.features.audio.watching.model import DONE, FAILED, Folder, Hold, Taken
from roundhouse.infra.db import Database

_log = structlog.get_logger(__name__)
_DELETED = {"code": "not_found", "message": "The recording was deleted."}


class Settling:
    """Deals with the ends of jobs.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def settle(self, folder: Folder, hold: Hold) -> int:
        """Deal with those of a folder that have ended; how many these are.

        Args:
            folder: Where they lie.
            hold: Called before each.

        Raises:
            StorageUnavailable, StorageFull: The folder cannot be written to; what is left comes next time.
            Cancelled: Another process has the folder.
        """
        async with self._db.read() as tx:
            waiting = await store.ended(tx, folder)
        count = 0
        for taken in waiting:
            await hold()
            if taken.state == "refused":
                await self._failed(folder, taken, taken.error or {})
                count += 1
                continue
            recording = await self._recording(folder, taken)
            if recording is None:
                await self._failed(folder, taken, _DELETED)
            elif recording.stage == "done":
                await self._done(folder, taken, recording)
            elif recording.stage in ENDED:
                await self._failed(folder, taken, recording.error or {})
            else:
                continue
            count += 1
        return count

    async def _recording(self, folder: Folder, taken: Taken) -> Recording | None:
        async with self._db.read() as tx:
            try:
                found = await recordings.get(tx, folder.caller, taken.recording_id or "")
            except NotFound:
                return None
            return settled(found, (await recordings.jobs_of(tx, [found])).get(found.id))

    async def move_late(self, folder: Folder, taken: Taken) -> None:
        """Move a file that was dealt with, and left where it was, when that was the setting; raises as `settle`."""
        where = DONE if taken.state == "done" else FAILED
        name = await self._named(folder, taken, where)
        await asyncio.to_thread(_move, folder, taken, where, name)
        await self._settled(folder, taken, where, moved=True)

    async def _done(self, folder: Folder, taken: Taken, recording: Recording) -> None:
        name = await self._named(folder, taken, DONE)
        for form, made in await self._exports(folder, recording):
            await asyncio.to_thread(disk.write, folder.out, f"{name}.{form}", made.body)
        if folder.moves:
            await asyncio.to_thread(_move, folder, taken, DONE, name)
        await self._settled(folder, taken, DONE, moved=folder.moves)

    async def _failed(self, folder: Folder, taken: Taken, error: dict[str, Any]) -> None:
        name = await self._named(folder, taken, FAILED)
        told = {"file": taken.name, "recording_id": taken.recording_id, "error": error}
        body = msgspec.json.format(msgspec.json.encode(told), indent=1)
        # Before the file: who finds it there finds the reason beside it.
        if folder.moves:
            await asyncio.to_thread(disk.write, folder.path / FAILED, f"{name}.error.json", body)
            await asyncio.to_thread(_move, folder, taken, FAILED, name)
        elif folder.forms:
            await asyncio.to_thread(disk.write, folder.out, f"{name}.error.json", body)
        await self._settled(folder, taken, FAILED, moved=folder.moves)

    async def _named(self, folder: Folder, taken: Taken, where: str) -> str:
        """How a file, and what is written of it, is called: decided once, also if this process dies behind it."""
        if taken.final_name is not None:
            return taken.final_name
        name = taken.name
        if folder.moves:
            name = await asyncio.to_thread(disk.free_name, folder.path / where, name)
        async with self._db.begin() as tx:
            await store.name(tx, taken, name)
        return name

    async def _exports(self, folder: Folder, recording: Recording) -> list[tuple[str, Export]]:
        if not folder.forms or "transcribe" not in recording.metrics:
            return []
        async with self._db.read() as tx:
            texts = await recordings.texts(tx, recording.id)
            said = await segments.every(tx, recording.id)
        return [
            (form, await asyncio.to_thread(export, form, recording, texts, said)) for form in folder.forms
        ]

    async def _settled(self, folder: Folder, taken: Taken, state: str, moved: bool) -> None:
        async with self._db.begin() as tx:
            await store.settle(tx, taken, state, moved, self._clock.now_s())
        _log.info(
            "watched_file_settled",
            folder=str(folder.path),
            file=taken.name,
            state=state,
            recording=taken.recording_id,
        )


def _move(folder: Folder, taken: Taken, where: str, name: str) -> None:
    """Move a file if it is still the one that was taken."""
    if disk.lies_in(folder.path, taken.seen):
        disk.move(folder.path, taken.name, folder.path / where, name)
