"""Looks at the watched folders for as long as its process lives, at each while no other process does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import sqlalchemy as sa
import structlog

from roundhouse.core.errors import BadInput, Cancelled, RoundhouseError, StorageUnavailable
from roundhouse.core.ports import Clock
from roundhouse.infra.background import stop
from roundhouse.infra.db import Database
from roundhouse.infra.watching import disk, store
from roundhouse.infra.watching.inbox import Inbox
from roundhouse.infra.watching.model import Folder, Seen, Taken
from roundhouse.infra.watching.settling import Settling
from roundhouse.infra.watching.taking import Taking

_log = structlog.get_logger(__name__)
_SHORTEST_LEASE_S = 3.0
_LEASE_LOOKS = 3
_KEEP_S = 30 * 86_400.0
_AT_A_TIME = 500
_LONGEST_TAKING_S = 5.0
"""Then ends are dealt with, and other folders have their turn, however many files there are and however large."""


class Looked(msgspec.Struct, frozen=True):
    """What one look at a folder brought.

    Attributes:
        is_held: Whether it was looked at; False = another process does, or it cannot be read.
        taken: Files that were taken in, or refused.
        settled: Files whose end was dealt with.
        taken_out: Files that are gone, with what came of them.
        waiting: Files that may still be changing, or for which there was no room.
        error: What went wrong with the folder as a whole.
    """

    is_held: bool
    taken: int = 0
    settled: int = 0
    taken_out: int = 0
    waiting: int = 0
    error: str | None = None


class FolderWatch:
    """Looks at folders.

    Args:
        db: The database.
        taking: Takes files in.
        settling: Deals with their ends.
        inboxes: Which folders, and what comes of their files.
        pause_s: Between two looks.
        clock: Time.
        holder: Who looks: an id that no other process has.
    """

    def __init__(
        self,
        db: Database,
        taking: Taking,
        settling: Settling,
        inboxes: Sequence[Inbox],
        pause_s: float,
        clock: Clock,
        holder: str,
    ) -> None:
        self._db = db
        self._taking = taking
        self._settling = settling
        self._clock = clock
        self._holder = holder
        self._pause_s = pause_s
        self._lease_s = max(_SHORTEST_LEASE_S, _LEASE_LOOKS * pause_s)
        self.inboxes = inboxes
        self._missing: dict[str, dict[str, float]] = {}
        self._still: dict[str, dict[str, tuple[Seen, float]]] = {}
        self._told: dict[str, object] = {}
        self._held_s: dict[str, float] = {}
        self._working = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, if there is anything to look at."""
        if self.inboxes:
            self._begin()

    async def close(self) -> None:
        """End between two folders, and let others look at them at once."""
        await stop(self._task, self._working)
        self._task = None
        if self._held_s:
            try:
                async with self._db.begin() as tx:
                    await store.let_go(tx, [one.folder for one in self.inboxes], self._holder)
            except (RoundhouseError, sa.exc.SQLAlchemyError) as error:
                # They come free by themselves.
                _log.warning("watched_folders_not_let_go", error=type(error).__name__)

    async def look(self, inbox: Inbox) -> Looked:
        """Look at one folder once.

        Raises:
            StorageUnavailable, StorageFull: The database does not answer.
        """
        folder = inbox.folder
        try:
            found, refused = await asyncio.to_thread(disk.look, folder.path)
        except RoundhouseError as error:
            # Another machine may see it.
            return self._troubled(folder, error)
        if not await self._claim(folder):
            return Looked(False)
        self._tell_links(folder, refused)
        error_text, settled_count, taken_count, taken_out_count = None, 0, 0, 0
        try:
            settled_count = await self._settling.settle(inbox, lambda: self._hold(folder))
            if settled_count:
                found, _ = await asyncio.to_thread(disk.look, folder.path)
            taken_count = await self._take(inbox, self._whole_ones(folder, found))
            taken_out_count = await self._take_out(inbox, {seen.name for seen in found})
        except Cancelled:
            return Looked(False, taken_count, settled_count)
        except RoundhouseError as error:
            error_text = self._troubled(folder, error).error
        else:
            self._told.pop(folder.id, None)
        waiting = max(0, len(found) - await self._count_known(folder, found))
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            await store.looked(tx, folder, now_s, waiting, error_text)
            await store.forget(tx, folder, now_s - _KEEP_S)
        return Looked(True, taken_count, settled_count, taken_out_count, waiting, error_text)

    # Inside

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._keep_looking(), name="watched folders")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A fault of ours is told, and must not keep other files out for good."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        _log.error("watched_folders_failed", exc_info=error)
        self._begin()

    async def _keep_looking(self) -> None:
        while True:
            await self._clock.sleep(self._pause_s)
            for inbox in self.inboxes:
                try:
                    async with self._working:
                        await self.look(inbox)
                except (RoundhouseError, sa.exc.SQLAlchemyError) as error:
                    # Must go on: what is not taken now is so at the next look.
                    path = str(inbox.folder.path)
                    _log.warning("watched_folder_failed", folder=path, error=type(error).__name__)

    async def _claim(self, folder: Folder) -> bool:
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            held = await store.claim(tx, folder, self._holder, now_s, now_s + self._lease_s)
        if held:
            self._held_s[folder.id] = self._clock.monotonic_s()
        else:
            self._held_s.pop(folder.id, None)
            # What lies there is watched anew if it is this one's turn again.
            self._still.pop(folder.id, None)
            self._missing.pop(folder.id, None)
        return held

    async def _hold(self, folder: Folder) -> None:
        if self._clock.monotonic_s() - self._held_s.get(folder.id, 0.0) < self._lease_s / _LEASE_LOOKS:
            return
        if not await self._claim(folder):
            raise Cancelled("Another process looks at this folder.")

    def _whole_ones(self, folder: Folder, found: Sequence[Seen]) -> list[Seen]:
        """Files that have not changed for long enough, the oldest first."""
        now_s = self._clock.monotonic_s()
        before = self._still.get(folder.id, {})
        still = {}
        for seen in found:
            known = before.get(seen.name)
            still[seen.name] = known if known is not None and known[0] == seen else (seen, now_s)
        self._still[folder.id] = still
        return sorted(seen for seen, since_s in still.values() if now_s - since_s >= folder.stable_s)

    async def _take(self, inbox: Inbox, ready: Sequence[Seen]) -> int:
        folder = inbox.folder
        count = 0
        ends_s = self._clock.monotonic_s() + _LONGEST_TAKING_S
        failed: RoundhouseError | None = None
        async for seen, before in self._untaken(folder, ready):
            try:
                count += await self._taking.take(inbox, seen, before, lambda: self._hold(folder))
            except StorageUnavailable as error:
                # Perhaps this one cannot be read, and the others can.
                failed = error
            if self._clock.monotonic_s() >= ends_s:
                break
        if failed is not None:
            raise failed
        return count

    async def _take_out(self, inbox: Inbox, names: set[str]) -> int:
        """Let what came of files go that are gone from the folder for as long as a file must lie still."""
        folder = inbox.folder
        if not folder.takes_out:
            return 0
        async with self._db.read() as tx:
            missing = [one for one in await store.present(tx, folder) if one.name not in names]
        if missing and not names:
            # So does a share look that is not there just now.
            raise StorageUnavailable("The folder is empty; nothing is taken out before something lies there.")
        now_s = self._clock.monotonic_s()
        before = self._missing.get(folder.id, {})
        since = self._missing[folder.id] = {one.id: before.get(one.id, now_s) for one in missing}
        gone = [one for one in missing if now_s - since[one.id] >= folder.stable_s]
        for one in gone:
            await self._hold(folder)
            await inbox.take_out(one)
            async with self._db.begin() as tx:
                await store.remove(tx, [one.id], self._clock.now_s())
            _log.info("watched_file_taken_out", folder=str(folder.path), file=one.name, object=one.object_id)
        return len(gone)

    async def _untaken(
        self, folder: Folder, ready: Sequence[Seen]
    ) -> AsyncIterator[tuple[Seen, Taken | None]]:
        for start in range(0, len(ready), _AT_A_TIME):
            some = ready[start : start + _AT_A_TIME]
            known = await self._known(folder, some)
            for seen in some:
                before = known.get(seen.id_in(folder))
                if before is None or before.is_new_in(folder):
                    yield seen, before
                else:
                    await self._move_late(folder, before)

    async def _move_late(self, folder: Folder, before: Taken) -> None:
        """Move a file that stayed where it was as long as the setting said so."""
        if folder.moves and before.state in ("done", "failed") and not before.moved:
            await self._settling.move_late(folder, before)

    async def _known(self, folder: Folder, some: Sequence[Seen]) -> dict[str, Taken]:
        async with self._db.read() as tx:
            return await store.known(tx, [seen.id_in(folder) for seen in some])

    async def _count_known(self, folder: Folder, found: Sequence[Seen]) -> int:
        count = 0
        for start in range(0, len(found), _AT_A_TIME):
            known = await self._known(folder, found[start : start + _AT_A_TIME])
            count += sum(not one.is_new_in(folder) for one in known.values())
        return count

    def _troubled(self, folder: Folder, error: RoundhouseError) -> Looked:
        text = f"{error.code}: {error.detail}"
        if self._told.get(folder.id) != text:
            _log.warning("watched_folder_troubled", folder=str(folder.path), error=text)
        self._told[folder.id] = text
        return Looked(False, error=text)

    def _tell_links(self, folder: Folder, refused: Sequence[str]) -> None:
        told = frozenset(refused)
        if told and self._told.get(f"links of {folder.id}") != told:
            _log.warning("watched_links_refused", folder=str(folder.path), names=sorted(map(repr, told)))
        self._told[f"links of {folder.id}"] = told


def check_apart(inboxes: Sequence[Inbox]) -> None:
    """Raise BadInput where a folder is watched twice, or texts are written into a watched one."""
    folders = [one.folder for one in inboxes]
    paths = [one.path for one in folders]
    for one in folders:
        if paths.count(one.path) > 1 or one.out in paths:
            raise BadInput(
                f"{one.path} is watched twice, or its texts are written into a watched folder.",
                param="watched_folders",
            )
