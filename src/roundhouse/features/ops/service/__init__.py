"""The verbs of the room."""

from roundhouse.features.ops.service.jobs import JobService
from roundhouse.features.ops.service.system import OpsService

__all__ = ["JobService", "OpsService"]
