"""Cleaning and the disk: for a process that has the shared parts, and for a command line without a running server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from roundhouse.app.search import search_sources
from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.core.file_users import FileUser
from roundhouse.core.ports import Clock
from roundhouse.core.settings import Settings
from roundhouse.features.audio.service.sound_use import SoundUse
from roundhouse.features.gateway.service.pulls import PULL
from roundhouse.features.knowledge.files.service import FileService
from roundhouse.features.knowledge.indexing.source import PassageIndex
from roundhouse.features.knowledge.stores.service import StoreUse
from roundhouse.features.ops.schemas import Part
from roundhouse.features.ops.service.cleaning import Area, CleaningService
from roundhouse.features.ops.service.disk import DiskService, PartPlace
from roundhouse.features.ops.sources import Source
from roundhouse.features.ops.sources.leftovers import Responses, Uploads
from roundhouse.features.ops.sources.plain_files import LogFiles, PartialEnvironments, PartialModels
from roundhouse.features.ops.sources.recordings import JobFolders, Recordings, WhereTables
from roundhouse.infra.cache import RedisCache
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database, parse_url, sqlite_path
from roundhouse.infra.jobs.uses import JobInputs, is_going
from roundhouse.infra.migrate import head, revision_blocking
from roundhouse.infra.redis_link import RedisLink
from roundhouse.infra.search.indexer import Indexer
from roundhouse.infra.telemetry.logs import FILE_NAME


def file_users(db: Database) -> tuple[FileUser, ...]:
    """Everybody who works on files: what one of them needs is not cleaned away."""
    return (JobInputs(), SoundUse(), StoreUse(PassageIndex(Indexer(db, search_sources()))))


def cleaning_service(
    settings: Settings,
    db: Database,
    files: FileService,
    redis: RedisLink | None,
    clock: Clock,
    lack: Callable[[], Awaitable[str | None]] | None = None,
) -> CleaningService:
    """The service over the parts of a process.

    Args:
        settings: All of them.
        db: The database.
        files: Keeps recordings.
        redis: The line to Redis, None = there is none.
        clock: Time.
        lack: Tells why the database's tables cannot be used just now, see `WhereTables`; None = they can.
    """
    upkeep, job_folders = settings.upkeep, settings.data_dir / "jobs"

    async def pulling() -> bool:
        missing = None if lack is None else await lack()
        if missing is not None:
            # Who cannot be asked may be at it.
            return bool(missing)
        async with db.read() as tx:
            return await is_going(tx, PULL)

    async def expired_files() -> int:
        return (await files.sweep()).expired

    audio: tuple[Source, ...] = (Recordings(files), JobFolders(db, job_folders))
    if lack is not None:
        audio = tuple(WhereTables(source, lack) for source in audio)
    shared = () if redis is None else (Responses(RedisCache(redis)),)
    partial = PartialModels(settings.data_dir / "models", pulling, clock.now_s)
    half_built = PartialEnvironments(settings.data_dir / "environments", clock.now_s)
    areas: dict[Part, Area] = {
        "logs": Area(settings.log.keep_days, (LogFiles(settings.log_dir, settings.data_dir),)),
        "audio": Area(upkeep.audio_keep_days, audio),
        "cache": Area(upkeep.cache_keep_days, (*shared, Uploads(files.staging), partial, half_built)),
    }
    return CleaningService(db, clock, areas, job_folders, settings.events.keep_days, expired_files)


def disk_service(
    settings: Settings, db: Database, files: FileService, cleaning: CleaningService
) -> DiskService:
    """The service of the disks over the parts of a process.

    Args:
        settings: All of them.
        db: The database.
        files: Knows the bytes of files that lie elsewhere.
        cleaning: Frees space.
    """
    incoming = settings.files_dir / "incoming"
    places = [
        _database(settings, db),
        _bytes_of_files(settings, files, incoming),
        PartPlace("jobs", (settings.data_dir / "jobs",)),
        PartPlace("logs", (settings.log_dir,), only=f"{Path(FILE_NAME).stem}*.log"),
        PartPlace("models", (settings.data_dir / "models", settings.data_dir / "environments")),
        PartPlace("cache", (incoming,)),
    ]
    folders = [settings.data_dir, settings.files_dir, settings.log_dir]
    return DiskService(folders, places, cleaning, settings.upkeep.disk_threshold_percent)


class Upkeep:
    """What `roundhouse clean` and `roundhouse disk` work with.

    Args:
        settings: All of them.

    Attributes:
        cleaning: The verbs of cleaning.
        disk: The verbs of the disk.
    """

    def __init__(self, settings: Settings) -> None:
        clock = SystemClock()
        lack = partial(asyncio.to_thread, _lack_blocking, settings.db_url)
        self._db = Database(settings.db, settings.db_url)
        self._files = FileService.open(
            settings.files, settings.data_dir, self._db, clock, file_users(self._db)
        )
        self._redis = RedisLink(settings.cache.url, clock) if settings.cache.url else None
        self.cleaning = cleaning_service(settings, self._db, self._files, self._redis, clock, lack)
        self.disk = disk_service(settings, self._db, self._files, self.cleaning)

    async def close(self) -> None:
        """Close all connections."""
        await self._files.close()
        if self._redis is not None:
            await self._redis.close()
        await self._db.close()


@asynccontextmanager
async def open_upkeep(settings: Settings) -> AsyncGenerator[Upkeep]:
    """Cleaning and the disk for a while; no server need run, and nothing is made that is not there.

    Raises:
        BadInput: A setting is unusable.
        MissingExtra: A setting needs a part that is not installed.
    """
    upkeep = Upkeep(settings)
    try:
        yield upkeep
    finally:
        await upkeep.close()


def _lack_blocking(url: str) -> str | None:
    try:
        revision = revision_blocking(url)
    except (StorageUnavailable, StorageFull) as error:
        return error.detail
    if revision is None:
        return ""
    if revision != head():
        return f"The database's schema is {revision}, and this version works with {head()}: start it once."
    return None


def _database(settings: Settings, db: Database) -> PartPlace:
    path = sqlite_path(parse_url(settings.db_url))
    if path is not None:
        return PartPlace("database", (path, *(Path(f"{path}{end}") for end in ("-wal", "-shm"))))

    async def ask() -> int:
        async with db.read() as tx:
            found = await tx.execute(sa.text("SELECT pg_database_size(current_database())"))
            return int(found.scalar_one())

    return PartPlace("database", elsewhere=ask, server="PostgreSQL")


def _bytes_of_files(settings: Settings, files: FileService, incoming: Path) -> PartPlace:
    if settings.files.url:
        return PartPlace("files", elsewhere=files.total_bytes, server=settings.files.url)
    return PartPlace("files", (settings.files_dir,), but=incoming)
