"""What is over: recordings whose time has come, sound that goes before its text, and jobs that ended unnoticed."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

import structlog

from roundhouse.core.errors import NotFound
from roundhouse.core.ports import Clock, Files
from roundhouse.core.settings import AudioSettings
from roundhouse.core.types import Caller
from roundhouse.features.audio.indexing import RecordingIndex
from roundhouse.features.audio.model import Recording
from roundhouse.features.audio.service.recordings import remove
from roundhouse.features.audio.store import recordings
from roundhouse.infra.db import Database

_log = structlog.get_logger(__name__)
_DAY_S = 86_400.0
_BATCH = 100


class Retention:
    """Cleans up, for the schedule; any number at a time.

    Args:
        db: The database.
        files: Where sound is kept.
        index: Is told of texts.
        job_folders: Where jobs of this machine have their folders.
        settings: How long things are kept.
        clock: Time.
    """

    def __init__(
        self,
        db: Database,
        files: Files,
        index: RecordingIndex,
        job_folders: Path,
        settings: AudioSettings,
        clock: Clock,
    ) -> None:
        self._db = db
        self._files = files
        self._index = index
        self._job_folders = job_folders
        self._settings = settings
        self._clock = clock

    async def settle(self) -> int:
        """Write down the end of jobs that failed or were cancelled; how many recordings that were."""
        settled = 0
        while True:
            async with self._db.begin() as tx:
                found = await recordings.unsettled(tx, _BATCH)
                now_s = self._clock.now_s()
                for recording_id, state, error in found:
                    await recordings.write(
                        tx, recording_id, {"stage": state, "error": error, "updated_at_s": now_s}
                    )
            settled += len(found)
            if len(found) < _BATCH:
                return settled

    async def expire(self) -> int:
        """Delete recordings that were kept long enough; how many."""
        deleted = 0
        for site_id, without, days in self._turns(self._settings.keep_days, self._settings.site_keep_days):
            while True:
                before_s = self._clock.now_s() - days * _DAY_S
                async with self._db.read() as tx:
                    found = await recordings.ended_before(tx, site_id, without, before_s, _BATCH)
                for one in found:
                    await remove(self._db, self._files, self._index, self._clock, _house(one), one)
                    await self._forget_folders(one)
                deleted += len(found)
                if len(found) < _BATCH:
                    break
        return deleted

    async def expire_sound(self) -> int:
        """Delete the sound of recordings whose text is kept; how many."""
        deleted = 0
        settings = self._settings
        for site_id, without, days in self._turns(settings.keep_sound_days, settings.site_keep_sound_days):
            while True:
                before_s = self._clock.now_s() - days * _DAY_S
                async with self._db.read() as tx:
                    found = await recordings.with_old_sound(tx, site_id, without, before_s, _BATCH)
                for one in found:
                    await self._mute(one)
                deleted += len(found)
                if len(found) < _BATCH:
                    break
        return deleted

    async def _mute(self, recording: Recording) -> None:
        if recording.file_id is not None:
            with suppress(NotFound):
                await self._files.delete(_house(recording), recording.file_id)
        async with self._db.begin() as tx:
            now_s = self._clock.now_s()
            await recordings.write(tx, recording.id, {"file_id": None, "sound_deleted_at_s": now_s})
        await self._forget_folders(recording)
        _log.info("recording_sound_deleted", recording=recording.id)

    async def _forget_folders(self, recording: Recording) -> None:
        for job_id in {recording.id, recording.job_id}:
            await asyncio.to_thread(shutil.rmtree, self._job_folders / job_id, ignore_errors=True)

    @staticmethod
    def _turns(
        general: float | None, single: dict[str, float]
    ) -> list[tuple[str | None, tuple[str, ...], float]]:
        """Tenant (None = all others), tenants that are left out, days."""
        found: list[tuple[str | None, tuple[str, ...], float]] = [
            (site_id, (), days) for site_id, days in single.items()
        ]
        if general is not None:
            found.append((None, tuple(single), general))
        return found


def _house(recording: Recording) -> Caller:
    """The house itself, for one tenant."""
    return Caller("system", site_id=recording.site_id, scopes=frozenset({"admin"}))
