"""Wire shapes of the operator's view."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Unit = Literal["percent", "mib", "count"]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class CheckRead(BaseModel):
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    fix: str | None = Field(None, description="What to do, exactly; null when nothing is to be done.")


class Readiness(BaseModel):
    """Whether new requests should be sent here."""

    status: Literal["ready", "not_ready"]
    checks: list[CheckRead]


class Health(BaseModel):
    """One line about everything."""

    status: Literal["ok", "degraded", "unavailable"]
    version: str
    uptime_s: int = Field(ge=0)
    database: Literal["ok", "unavailable"]
    providers: dict[str, str] = Field(
        description="State by provider: `ok`, `unavailable` or `circuit open`; why is told by GET /v1/providers."
    )


class DeviceRead(BaseModel):
    """One memory of the machine."""

    id: str
    name: str
    total_mib: int
    used_mib: int
    utilization_percent: float | None


class DiskRead(BaseModel):
    """The disk of the data folder."""

    total_bytes: int
    free_bytes: int


class SystemRead(BaseModel):
    """State of the machine and this process."""

    version: str
    python: str
    platform: str
    pid: int
    uptime_s: int
    cpu_count: int
    cpu_percent: float
    process_memory_mib: int
    open_files: int
    devices: list[DeviceRead]
    disk: DiskRead
    database: str = Field(description="Dialect: `sqlite` or `postgresql`.")
    cache: str = Field(description="`memory` or `redis`.")


class HistorySeries(BaseModel):
    """One thing that was measured, over time."""

    name: str = Field(
        description="`cpu_percent`, `memory_used_mib`, `memory_total_mib`, `utilization_percent`, "
        "`process_memory_mib`, `disk_used_mib`, `disk_total_mib`, `requests_in_flight` or `jobs`."
    )
    of: str | None = Field(
        description="Which device (`cpu` is the machine's memory), or which state of jobs; null = there is but one."
    )
    unit: Unit
    values: list[float | None] = Field(
        description="The mean of each span; null where this process did not look: before it started, say."
    )


class SystemHistory(BaseModel):
    """How the machine and the answering process were, by looks every few seconds."""

    model_config = ConfigDict(populate_by_name=True)

    object: Literal["system.history"] = "system.history"
    from_: datetime = Field(
        serialization_alias="from", validation_alias="from", description="When the first span begins."
    )
    to: datetime = Field(description="When the last span ends; it may not be over yet.")
    step_s: int = Field(description="Length of each span.")
    every_s: int = Field(description="From one look to the next.")
    series: list[HistorySeries]


class SettingRead(BaseModel):
    """One setting as it is in force."""

    name: str = Field(description="As in `roundhouse.toml`: `server.port`.")
    env: str = Field(description="Its environment variable; empty where it has none.")
    description: str
    value: Any = Field(description="As JSON; secrets are masked.")
    default: str = Field(description="As it would be written in the environment; empty = unset.")
    source: Literal["argument", "environment", "env_file", "file", "default"] = Field(
        description="Where it came from: the command line, the environment, `.env`, `roundhouse.toml`, or nowhere."
    )


class SettingList(BaseModel):
    """Every setting."""

    object: Literal["list"] = "list"
    data: list[SettingRead]
    has_more: Literal[False] = False
    next_cursor: None = None
