"""Routes of the operator's view."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from roundhouse.core.types import Caller
from roundhouse.features.ops.schemas.system import (
    Alive,
    Health,
    Readiness,
    SettingList,
    SystemHistory,
    SystemRead,
)
from roundhouse.features.ops.service.history import LONGEST_MINUTES, HistoryService
from roundhouse.features.ops.service.system import OpsService
from roundhouse.infra.auth import require
from roundhouse.infra.telemetry.metrics import Metrics

Minutes = Annotated[int, Query(ge=1, le=LONGEST_MINUTES, description="How far back.")]


def router(service: OpsService, metrics: Metrics, history: HistoryService) -> APIRouter:
    """The room's routes."""
    routes = APIRouter(tags=["ops"])

    @routes.get("/livez", operation_id="livez")
    async def livez() -> Alive:
        """Whether the process answers."""
        return Alive()

    @routes.get("/readyz", operation_id="readyz", responses={503: {"model": Readiness}})
    async def readyz(response: Response) -> Readiness:
        """Whether new requests should be sent here: database, disk, not stopping."""
        readiness = await service.readiness()
        if readiness.status != "ready":
            response.status_code = 503
        return readiness

    @routes.get("/health", operation_id="health", responses={503: {"model": Health}})
    async def health(response: Response) -> Health:
        """One line about everything."""
        state = await service.health()
        if state.status == "unavailable":
            response.status_code = 503
        return state

    @routes.get("/metrics", operation_id="metrics", response_class=Response)
    async def read_metrics() -> Response:
        """Prometheus metrics in the text format."""
        await metrics.prepare()
        body, kind = metrics.render()
        return Response(body, headers={"content-type": kind})

    @routes.get("/v1/system", operation_id="system")
    async def system(caller: Annotated[Caller, Depends(require("ops"))]) -> SystemRead:
        """State of the machine and this process."""
        return await asyncio.to_thread(service.system_blocking)

    @routes.get("/v1/system/history", operation_id="system_history")
    async def system_history(
        caller: Annotated[Caller, Depends(require("ops"))], minutes: Minutes = 60
    ) -> SystemHistory:
        """How busy and how full the machine was lately, as the answering process saw it."""
        return await history.history(caller, minutes)

    @routes.get("/v1/settings", operation_id="list_settings")
    async def list_settings(caller: Annotated[Caller, Depends(require("admin"))]) -> SettingList:
        """Settings in force and where each came from; secrets are masked."""
        return service.settings()

    return routes
