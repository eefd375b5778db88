"""Routes of the room."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.features.ops.routes import jobs as job_routes
from roundhouse.features.ops.routes import system as system_routes
from roundhouse.features.ops.routes import upkeep as upkeep_routes
from roundhouse.features.ops.service import HistoryService, JobService, OpsService, UpkeepService
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.rooms import gathered
from roundhouse.infra.telemetry.metrics import Metrics


def router(
    service: OpsService,
    metrics: Metrics,
    jobs: JobService,
    tail: EventTail,
    upkeep: UpkeepService,
    history: HistoryService,
) -> APIRouter:
    """The room's routes."""
    return gathered(
        system_routes.router(service, metrics, history),
        upkeep_routes.router(upkeep),
        job_routes.router(jobs, tail),
    )
