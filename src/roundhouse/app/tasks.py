"""The task gateway of an API process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI

from roundhouse.app.mcp import McpRoom
from roundhouse.app.modules import ModuleRoom
from roundhouse.app.task_flows import FlowRoom
from roundhouse.app.task_running import TaskRunning
from roundhouse.core.ports import Gatekeeper
from roundhouse.core.webhooks import Webhooks
from roundhouse.features.tasks.capabilities.routes import capability_routes, run_routes
from roundhouse.features.tasks.capabilities.trying import Trials
from roundhouse.infra.db import Tx
from roundhouse.infra.rooms import gathered

if TYPE_CHECKING:
    from roundhouse.app.parts import Parts


class TaskRoom:
    """Capabilities, tasks, flows and the inbox of people, as an API process serves them.

    Args:
        parts: The shared parts of the process.
        gatekeeper: Whether a caller may ask now.
        hooks: Webhooks of single tasks.
    """

    def __init__(self, parts: Parts, gatekeeper: Gatekeeper, hooks: Webhooks[Tx]) -> None:
        self._mine = parts.tasks
        self._trials = Trials(self._mine.capabilities, self._mine.calling, gatekeeper)
        self._running = TaskRunning(parts, gatekeeper, hooks)
        self._watcher = parts.watcher
        self._modules = ModuleRoom(
            self._mine.imported,
            parts.db,
            self._mine.capabilities,
            self._mine.registry,
            self._running.runner,
            parts.clock,
        )
        self._mcp = McpRoom(
            self._mine.mcp,
            self._mine.registry,
            self._mine.calling,
            self._running.runner,
            self._running.service,
            parts.settings.server.max_body_bytes,
        )
        self._flows = FlowRoom(parts)

    async def start(self) -> None:
        """Follow what is registered, and take tasks from now on; raises StorageUnavailable."""
        self._mcp.start(self._watcher)
        await self._modules.start(self._watcher)
        await self._running.start()
        await self._flows.start()

    def drain(self) -> None:
        """End the streams that would never end by themselves."""
        self._mcp.drain()

    async def close(self) -> None:
        """Let the calls that are being made end for a while, then leave them to others."""
        await self._mcp.close()
        await self._running.close()
        await self._flows.close()

    def router(self) -> APIRouter:
        """All routes of the room."""
        return gathered(
            capability_routes(self._mine.capabilities, self._trials),
            run_routes(self._mine.registry, self._running.runner),
            self._running.router(),
            self._modules.router(),
            self._mcp.router(),
            self._flows.router(),
        )

    def attach(self, rooms: FastAPI, besides: Iterable[str]) -> None:
        """Add what stands behind all routes; see `ModuleRoom.attach`."""
        self._modules.attach(rooms, besides)
