"""The verbs of the room."""

from roundhouse.features.ops.service.cleaning import Area, CleaningService
from roundhouse.features.ops.service.disk import DiskService, PartPlace
from roundhouse.features.ops.service.history import HistoryService
from roundhouse.features.ops.service.jobs import JobService
from roundhouse.features.ops.service.system import OpsService
from roundhouse.features.ops.service.upkeep import UpkeepService

__all__ = [
    "Area",
    "CleaningService",
    "DiskService",
    "HistoryService",
    "JobService",
    "OpsService",
    "PartPlace",
    "UpkeepService",
]
