"""Routes of the disk and of cleaning."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from roundhouse.core.types import Caller
from roundhouse.features.ops.schemas import PARTS, CleanAsk, CleanPlan, DiskReport, Part
from roundhouse.features.ops.service import UpkeepService
from roundhouse.infra.auth import require
from roundhouse.infra.jobs.shapes import JobRead

Operator = Annotated[Caller, Depends(require("ops"))]
# It tells of, and deletes, recordings of all tenants.
Admin = Annotated[Caller, Depends(require("admin"))]
Parts = Annotated[
    list[Part] | None, Query(alias="part", max_length=len(PARTS), description="Only these; unset = all.")
]
Days = Annotated[
    float | None,
    Query(ge=0, le=36_500, description="Older than so many days; unset = as each part's setting says."),
]


def router(upkeep: UpkeepService) -> APIRouter:
    """Routes of the disk and of cleaning."""
    routes = APIRouter(tags=["ops"])

    @routes.get("/v1/system/disk", operation_id="disk_use")
    async def disk_use(caller: Operator) -> DiskReport:
        """How full the disks are, and what each part of the service takes."""
        return await upkeep.disk_use(caller)

    @routes.get("/v1/system/cleanup", operation_id="plan_cleanup")
    async def plan_cleanup(caller: Admin, parts: Parts = None, days: Days = None) -> CleanPlan:
        """What a clean-up would delete now, by kind; deletes nothing."""
        return await upkeep.plan(caller, CleanAsk(parts=parts or list(PARTS), days=days))

    @routes.post("/v1/system/cleanup", operation_id="begin_cleanup", status_code=202)
    async def begin_cleanup(caller: Admin, asked: CleanAsk, response: Response) -> JobRead:
        """Delete old logs, recordings and leftovers, as a job of the kind `disk.clean`."""
        job = await upkeep.begin(caller, asked)
        response.headers["location"] = f"/v1/jobs/{job.id}"
        return job

    return routes
