"""Routes of vector stores."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.features.knowledge.stores.routes.files import batch_routes, file_routes
from roundhouse.features.knowledge.stores.routes.stores import store_routes
from roundhouse.features.knowledge.stores.service import BatchService, StoreFileService, StoreService


def router(stores: StoreService, files: StoreFileService, batches: BatchService) -> APIRouter:
    """All routes of vector stores."""
    routes = APIRouter(tags=["vector stores"])
    routes.include_router(store_routes(stores))
    routes.include_router(file_routes(files))
    routes.include_router(batch_routes(batches))
    return routes
