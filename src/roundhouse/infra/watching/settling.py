"""The end of a file of a watched folder: its texts are written, and it goes where it belongs."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import structlog

from roundhouse.core.ports import Clock
from roundhouse.infra.db import Database
from roundhouse.infra.watching import disk, store
from roundhouse.infra.watching.inbox import Inbox
from roundhouse.infra.watching.model import DONE, FAILED, End, Folder, Hold, Taken

_log = structlog.get_logger(__name__)
_AT_A_TIME = 500


class Settling:
    """Deals with the ends of what came of files.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def settle(self, inbox: Inbox, hold: Hold) -> int:
        """Deal with those of a folder that have ended; how many these are.

        Args:
            inbox: Where they lie, and what came of them.
            hold: Called before each.

        Raises:
            StorageUnavailable, StorageFull: The folder cannot be written to; what is left comes next time.
            Cancelled: Another process has the folder.
        """
        count = 0
        for taken in await self._ended(inbox):
            await hold()
            if taken.state == "refused":
                await self._failed(inbox, taken, taken.error or {})
            elif (end := await inbox.end_of(taken)) is None:
                continue
            elif end.state == DONE:
                await self._done(inbox, taken, end)
            else:
                await self._failed(inbox, taken, end.error or {})
            count += 1
        return count

    async def _ended(self, inbox: Inbox) -> list[Taken]:
        """Files that were refused, or of which nothing goes on any more; the first one first."""
        found: list[Taken] = []
        async with self._db.read() as tx:
            waiting = await store.unsettled(tx, inbox.folder)
            for start in range(0, len(waiting), _AT_A_TIME):
                some = waiting[start : start + _AT_A_TIME]
                going = await inbox.going(tx, [one.object_id for one in some if one.object_id is not None])
                found += [one for one in some if one.object_id not in going]
        return found

    async def move_late(self, folder: Folder, taken: Taken) -> None:
        """Move a file that was dealt with, and left where it was, when that was the setting; raises as `settle`."""
        where = DONE if taken.state == "done" else FAILED
        name = await self._named(folder, taken, where)
        await asyncio.to_thread(_move, folder, taken, where, name)
        await self._write_settled(folder, taken, where, moved=True)

    async def _done(self, inbox: Inbox, taken: Taken, end: End) -> None:
        folder = inbox.folder
        name = await self._named(folder, taken, DONE)
        if folder.out is not None:
            for ending, body in end.texts:
                await asyncio.to_thread(disk.write, folder.out, f"{name}.{ending}", body)
        if folder.moves:
            await asyncio.to_thread(_move, folder, taken, DONE, name)
        await self._settled(inbox, taken, DONE)

    async def _failed(self, inbox: Inbox, taken: Taken, error: dict[str, Any]) -> None:
        folder = inbox.folder
        name = await self._named(folder, taken, FAILED)
        told = {"file": taken.name, inbox.object_name: taken.object_id, "error": error}
        body = msgspec.json.format(msgspec.json.encode(told), indent=1)
        # Before the file: who finds it there finds the reason beside it.
        if folder.moves:
            await asyncio.to_thread(disk.write, folder.path / FAILED, f"{name}.error.json", body)
            await asyncio.to_thread(_move, folder, taken, FAILED, name)
        elif folder.out is not None:
            await asyncio.to_thread(disk.write, folder.out, f"{name}.error.json", body)
        await self._settled(inbox, taken, FAILED)

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

    async def _settled(self, inbox: Inbox, taken: Taken, state: str) -> None:
        await inbox.settled(taken)
        await self._write_settled(inbox.folder, taken, state, inbox.folder.moves)

    async def _write_settled(self, folder: Folder, taken: Taken, state: str, moved: bool) -> None:
        async with self._db.begin() as tx:
            await store.settle(tx, taken, state, moved, self._clock.now_s())
        _log.info(
            "watched_file_settled",
            folder=str(folder.path),
            file=taken.name,
            state=state,
            object=taken.object_id,
        )


def _move(folder: Folder, taken: Taken, where: str, name: str) -> None:
    """Move a file if it is still the one that was taken."""
    if disk.lies_in(folder.path, taken.seen):
        disk.move(folder.path, taken.name, folder.path / where, name)
