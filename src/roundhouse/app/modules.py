"""Modules of other people: what every process has of their imports, and what an API process serves of them."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from roundhouse.app.imports import ImportParts
from roundhouse.core.ports import Clock
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.importing.describing import routes as document_routes
from roundhouse.features.tasks.importing.describing.document import TenantDocuments
from roundhouse.features.tasks.importing.gateway import routes as gateway_routes
from roundhouse.features.tasks.importing.gateway.service import RegistrationService
from roundhouse.features.tasks.importing.gateway.serving import ServedPaths
from roundhouse.features.tasks.importing.gateway.shadows import lies_over
from roundhouse.features.tasks.importing.gateway.table import ServedTable
from roundhouse.features.tasks.importing.postman.service import CollectionService
from roundhouse.features.tasks.importing.routes import router as import_routes
from roundhouse.features.tasks.model import Registry, Runner
from roundhouse.infra.db import Database
from roundhouse.infra.revision import RevisionWatcher
from roundhouse.infra.rooms import gathered


class ModuleRoom:
    """What an API process serves of modules.

    Args:
        parts: Of every process.
        db: The database.
        capabilities: Registers what modules can do.
        registry: Knows it.
        runner: Runs it.
        clock: Time.
    """

    def __init__(
        self,
        parts: ImportParts,
        db: Database,
        capabilities: CapabilityService,
        registry: Registry,
        runner: Runner,
        clock: Clock,
    ) -> None:
        self._parts = parts
        self._registry = registry
        self._ours: list[str] = []
        self._table = ServedTable(db)
        self._served = ServedPaths(self._table, registry, runner)
        self._registrations = RegistrationService(
            db, capabilities, parts.fetcher, lambda path: lies_over(path, self._ours), clock
        )

    def router(self) -> APIRouter:
        """Their routes."""
        collections = CollectionService(self._registry)
        return gathered(
            import_routes(self._parts.imports, self._parts.drift, collections),
            gateway_routes.router(self._registrations, self._parts.modules),
        )

    def attach(self, rooms: FastAPI, besides: Iterable[str]) -> None:
        """Serve registered paths behind all routes there are, and the document of whoever asks.

        Args:
            rooms: The framework's application, complete.
            besides: Paths that are served before it.
        """
        documents = TenantDocuments(rooms.openapi, self._registry, self._table)
        rooms.router.routes.extend(document_routes.router(documents).routes)
        self._ours = [*besides, *(_template(one) for one in rooms.router.routes)]
        rooms.router.routes.append(self._served)

    async def start(self, watcher: RevisionWatcher) -> None:
        """Read which paths are served, and follow their changes.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        watcher.on_change(self._table.refresh)
        await self._table.refresh()


def _template(route: BaseRoute) -> str:
    path = str(getattr(route, "path", ""))
    # What is mounted takes all that is below it.
    return path if hasattr(route, "methods") else f"{path}/{{rest:path}}"
