"""The verbs of vector stores."""

from __future__ import annotations

from roundhouse.features.knowledge.stores.service.adding import Adding
from roundhouse.features.knowledge.stores.service.batches import BatchService
from roundhouse.features.knowledge.stores.service.files import StoreFileService
from roundhouse.features.knowledge.stores.service.stores import StoreService
from roundhouse.features.knowledge.stores.service.uses import StoreUse

__all__ = ["Adding", "BatchService", "StoreFileService", "StoreService", "StoreUse"]
