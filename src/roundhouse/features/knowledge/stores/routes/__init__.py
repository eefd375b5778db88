"""Routes of vector stores."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.features.knowledge.stores.routes.files import batch_routes, file_routes
from roundhouse.features.knowledge.stores.routes.stores import store_routes
from roundhouse.features.knowledge.stores.service import BatchService, StoreFileService, StoreService
from roundhouse.infra.rooms import gathered


def router(stores: StoreService, files: StoreFileService, batches: BatchService) -> APIRouter:
    """All routes of vector stores."""
    return gathered(store_routes(stores), file_routes(files), batch_routes(batches))
