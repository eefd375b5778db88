"""Wire shapes of the room."""

from roundhouse.features.ops.schemas.jobs import (
    ChildRead,
    ExecutorRead,
    JobCreate,
    JobList,
    JobStats,
    QueueStats,
)
from roundhouse.features.ops.schemas.system import (
    Alive,
    CheckRead,
    DeviceRead,
    DiskRead,
    Health,
    Readiness,
    SystemRead,
)
from roundhouse.features.ops.schemas.upkeep import (
    CleanRead,
    DiskReport,
    DiskUse,
    Kept,
    Kind,
    Part,
    PartUse,
    Removal,
)

__all__ = [
    "Alive",
    "CheckRead",
    "ChildRead",
    "CleanRead",
    "DeviceRead",
    "DiskRead",
    "DiskReport",
    "DiskUse",
    "ExecutorRead",
    "Health",
    "JobCreate",
    "JobList",
    "JobStats",
    "Kept",
    "Kind",
    "Part",
    "PartUse",
    "QueueStats",
    "Readiness",
    "Removal",
    "SystemRead",
]
