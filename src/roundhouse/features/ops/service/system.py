"""What the operator asks of one running process."""

from __future__ import annotations

import os
import platform
import shutil
import time
from typing import Literal

import psutil

from roundhouse import __version__
from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ports import DeviceProbe
from roundhouse.core.settings import Settings
from roundhouse.core.settings_origins import in_force
from roundhouse.engine.engine import Engine
from roundhouse.features.ops.schemas.system import (
    CheckRead,
    DeviceRead,
    DiskRead,
    Health,
    Readiness,
    SettingList,
    SettingRead,
    SystemRead,
)
from roundhouse.infra.db import Database

NEARLY_FULL_BYTES = 256 * 1024 * 1024
"""Less free disk than this and the process tells it is not ready for new work."""


class OpsService:
    """Liveness, readiness, health, system state.

    Args:
        db: The database.
        engine: The models.
        probe: The machine's memories.
        settings: All of them; where each came from is read now, while the sources are what they were at the start.
    """

    def __init__(self, db: Database, engine: Engine, probe: DeviceProbe, settings: Settings) -> None:
        self._db = db
        self._engine = engine
        self._probe = probe
        self._data_dir = settings.data_dir
        self._cache = "redis" if settings.cache.url else "memory"
        self._settings = in_force(settings)
        self._started_s = time.monotonic()
        self._process = psutil.Process()
        self.draining = False

    async def readiness(self) -> Readiness:
        """Whether new requests should be sent here."""
        checks = [self._drain_check(), await self._database_check(), self._disk_check()]
        failed = any(check.state == "fail" for check in checks)
        return Readiness(status="not_ready" if failed else "ready", checks=checks)

    async def health(self) -> Health:
        """One line about everything."""
        database = await self._database_check()
        providers = {
            name: "unavailable" if listing.error else "ok"
            for name, listing in self._engine.catalog.listings.items()
        }
        for target in self._engine.router.open_circuits():
            providers[target.partition("/")[0]] = "circuit open"
        status: Literal["ok", "degraded", "unavailable"] = "ok"
        if any(state != "ok" for state in providers.values()):
            status = "degraded"
        if database.state == "fail" or self.draining:
            status = "unavailable"
        return Health(
            status=status,
            version=__version__,
            uptime_s=self._uptime_s(),
            database="unavailable" if database.state == "fail" else "ok",
            providers=providers,
        )

    def settings(self) -> SettingList:
        """Every setting as it was at the start of this process, and where it came from."""
        return SettingList(
            data=[
                SettingRead(
                    name=one.row.name,
                    env=one.row.env,
                    description=one.row.description,
                    value=one.value,
                    default=one.row.default,
                    source=one.origin,
                )
                for one in self._settings
            ]
        )

    def system_blocking(self) -> SystemRead:
        """State of the machine; asks drivers, so it may take some milliseconds."""
        disk = shutil.disk_usage(self._data_dir)
        with self._process.oneshot():
            memory_mib = self._process.memory_info().rss // (1024 * 1024)
            files = self._process.num_fds() if hasattr(self._process, "num_fds") else 0
        return SystemRead(
            version=__version__,
            python=platform.python_version(),
            platform=platform.platform(),
            pid=os.getpid(),
            uptime_s=self._uptime_s(),
            cpu_count=psutil.cpu_count() or 1,
            cpu_percent=psutil.cpu_percent(interval=None),
            process_memory_mib=memory_mib,
            open_files=files,
            devices=[
                DeviceRead(
                    id=device.id,
                    name=device.name,
                    total_mib=device.total_mib,
                    used_mib=device.used_mib,
                    utilization_percent=device.utilization_percent,
                )
                for device in self._probe.devices()
            ],
            disk=DiskRead(total_bytes=disk.total, free_bytes=disk.free),
            database="sqlite" if self._db.is_sqlite else "postgresql",
            cache=self._cache,
        )

    def _uptime_s(self) -> int:
        return int(time.monotonic() - self._started_s)

    def _drain_check(self) -> CheckRead:
        if self.draining:
            return CheckRead(name="drain", state="fail", detail="The process is stopping.", fix=None)
        return CheckRead(name="drain", state="ok", detail="Accepting requests.", fix=None)

    async def _database_check(self) -> CheckRead:
        try:
            await self._db.ping()
        except StorageUnavailable as error:
            return CheckRead(name="database", state="fail", detail=error.detail, fix="Start the database.")
        return CheckRead(name="database", state="ok", detail="Answers.", fix=None)

    def _disk_check(self) -> CheckRead:
        free_bytes = shutil.disk_usage(self._data_dir).free
        if free_bytes < NEARLY_FULL_BYTES:
            fix = f"Free some space on the disk of {self._data_dir}."
            return CheckRead(name="disk", state="fail", detail=f"{free_bytes // 2**20} MiB free.", fix=fix)
        return CheckRead(name="disk", state="ok", detail=f"{free_bytes // 2**20} MiB free.", fix=None)
