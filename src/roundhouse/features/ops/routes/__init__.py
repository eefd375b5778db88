"""Routes of the room."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.features.ops.routes import jobs as job_routes
from roundhouse.features.ops.routes import system as system_routes
from roundhouse.features.ops.service import JobService, OpsService
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.telemetry.metrics import Metrics


def router(service: OpsService, metrics: Metrics, jobs: JobService, tail: EventTail) -> APIRouter:
    """The room's routes."""
    routes = APIRouter()
    routes.include_router(system_routes.router(service, metrics))
    routes.include_router(job_routes.router(jobs, tail))
    return routes
