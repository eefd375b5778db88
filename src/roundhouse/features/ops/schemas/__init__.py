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

__all__ = [
    "Alive",
    "CheckRead",
    "ChildRead",
    "DeviceRead",
    "DiskRead",
    "ExecutorRead",
    "Health",
    "JobCreate",
    "JobList",
    "JobStats",
    "QueueStats",
    "Readiness",
    "SystemRead",
]
