"""Routes of imports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.schemas import CapabilityRead
from roundhouse.features.tasks.importing.drifting import DriftService
from roundhouse.features.tasks.importing.postman.service import CollectionService
from roundhouse.features.tasks.importing.schemas import (
    DriftCheck,
    DriftRead,
    ImportRead,
    OpenApiImport,
    PostmanImport,
    SourceDeleted,
    SourceList,
)
from roundhouse.features.tasks.importing.service import ImportService
from roundhouse.infra.auth import require

User = Annotated[Caller, Depends(require("tasks"))]
Manager = Annotated[Caller, Depends(require("capabilities"))]
Name = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]
SourceId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Most rows in one page.")]


def router(imports: ImportService, drift: DriftService, collections: CollectionService) -> APIRouter:
    """All routes of imports.

    Args:
        imports: Takes over.
        drift: Looks again.
        collections: Writes Postman collections.
    """
    routes = APIRouter(tags=["capabilities"])
    _import_routes(routes, imports, collections)
    _drift_routes(routes, imports, drift)
    return routes


def _import_routes(routes: APIRouter, imports: ImportService, collections: CollectionService) -> None:
    @routes.post("/v1/capabilities/import/openapi", operation_id="import_openapi")
    async def import_openapi(caller: Manager, asked: OpenApiImport) -> ImportRead:
        """Make capabilities of an OpenAPI document; without `apply` it only tells what would change."""
        return await imports.openapi(caller, asked)

    @routes.post("/v1/capabilities/import/postman", operation_id="import_postman")
    async def import_postman(caller: Manager, asked: PostmanImport) -> ImportRead:
        """The same of a Postman collection."""
        return await imports.postman(caller, asked)

    @routes.get("/v1/capabilities/export/postman", operation_id="export_postman")
    async def export_postman(
        caller: User,
        prefix: Annotated[str, Query(max_length=128, description="Only names that begin so.")] = "",
    ) -> dict[str, object]:
        """Your capabilities as a Postman collection: a request for each example."""
        return await collections.export(caller, prefix)

    @routes.get("/v1/capabilities/import/sources", operation_id="list_capability_sources")
    async def list_capability_sources(
        caller: Manager, cursor: Cursor = None, limit: Limit = 100
    ) -> SourceList:
        """Where capabilities came from, the oldest first."""
        return await imports.sources(caller, cursor, limit)

    @routes.delete("/v1/capabilities/import/sources/{source_id}", operation_id="delete_capability_source")
    async def delete_capability_source(caller: Manager, source_id: SourceId) -> SourceDeleted:
        """Look at it no more; its capabilities stay as they are."""
        return await imports.forget_source(caller, source_id)


def _drift_routes(routes: APIRouter, imports: ImportService, drift: DriftService) -> None:
    @routes.post("/v1/capabilities/import/check", operation_id="check_capability_sources")
    async def check_capability_sources(caller: Manager) -> DriftCheck:
        """Look now whether the sources still say what was approved, as each night."""
        return await drift.check(caller.site_id)

    @routes.get("/v1/capabilities/{name}/drift", operation_id="get_capability_drift")
    async def get_capability_drift(caller: Manager, name: Name) -> DriftRead:
        """What the source of a drifted capability says now; the approved schemas stay in force."""
        return await imports.drift(caller, name)

    @routes.post("/v1/capabilities/{name}/approve", operation_id="approve_capability")
    async def approve_capability(caller: Manager, name: Name) -> CapabilityRead:
        """Take over what was found, as it was found."""
        return await imports.approve(caller, name)
