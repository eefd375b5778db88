"""Routes of quota plans."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from roundhouse.core.types import Caller
from roundhouse.features.access.plans.schemas import (
    AssignmentList,
    AssignmentPut,
    AssignmentRead,
    PlanCreate,
    PlanList,
    PlanPatch,
    PlanRead,
    StandingList,
)
from roundhouse.features.access.plans.service import PlanService
from roundhouse.infra.auth import require

Keeper = Annotated[Caller, Depends(require("keys"))]
Id = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most rows in one page.")]

OnePlan = Annotated[
    str | None, Query(max_length=40, pattern=r"^[A-Za-z0-9_]+$", description="Only this plan.")
]
One = Annotated[str | None, Query(max_length=200, pattern=r"^[\x20-\x7e]+$", description="Only of this one.")]


def router(plans: PlanService) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    _plan_routes(routes, plans)
    _assignment_routes(routes, plans)
    return routes


def _plan_routes(routes: APIRouter, plans: PlanService) -> None:
    @routes.post("/v1/quota-plans", status_code=201, operation_id="create_quota_plan", tags=["quotas"])
    async def create_quota_plan(caller: Keeper, body: PlanCreate) -> PlanRead:
        """Make a quota plan, from a template or from nothing."""
        return await plans.create(caller, body)

    @routes.get("/v1/quota-plans", operation_id="list_quota_plans", tags=["quotas"])
    async def list_quota_plans(caller: Keeper, cursor: Cursor = None, limit: Limit = 50) -> PlanList:
        """Quota plans of your site and shared ones, newest first."""
        return await plans.list(caller, cursor=cursor, limit=limit)

    @routes.get("/v1/quota-plans/{plan_id}", operation_id="get_quota_plan", tags=["quotas"])
    async def get_quota_plan(caller: Keeper, plan_id: Id) -> PlanRead:
        """One quota plan."""
        return await plans.get(caller, plan_id)

    @routes.patch("/v1/quota-plans/{plan_id}", operation_id="update_quota_plan", tags=["quotas"])
    async def update_quota_plan(caller: Keeper, plan_id: Id, body: PlanPatch) -> PlanRead:
        """Change a quota plan, in force with the next task."""
        return await plans.update(caller, plan_id, body)

    @routes.delete("/v1/quota-plans/{plan_id}", operation_id="delete_quota_plan", tags=["quotas"])
    async def delete_quota_plan(caller: Keeper, plan_id: Id) -> PlanRead:
        """Delete a quota plan that nobody has."""
        return await plans.delete(caller, plan_id)


def _assignment_routes(routes: APIRouter, plans: PlanService) -> None:
    @routes.put("/v1/quota-assignments", operation_id="assign_quota_plan", tags=["quotas"])
    async def assign_quota_plan(caller: Keeper, body: AssignmentPut) -> AssignmentRead:
        """Put a quota plan in force for a site, a user or an app, in place of the one they had."""
        return await plans.assign(caller, body)

    @routes.get("/v1/quota-assignments", operation_id="list_quota_assignments", tags=["quotas"])
    async def list_quota_assignments(
        caller: Keeper, cursor: Cursor = None, limit: Limit = 50
    ) -> AssignmentList:
        """Who has which quota plan, newest first."""
        return await plans.assignments(caller, cursor=cursor, limit=limit)

    @routes.get("/v1/quota-assignments/standing", operation_id="list_quota_standings", tags=["quotas"])
    async def list_quota_standings(
        caller: Keeper,
        plan_id: OnePlan = None,
        site_id: One = None,
        user_id: One = None,
        app_id: One = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> StandingList:
        """How the plans that are in force stand: what is left of each limit, and when it is whole again."""
        only = {"plan_id": plan_id, "site_id": site_id, "user_id": user_id, "app_id": app_id}
        return await plans.standings(caller, only=only, cursor=cursor, limit=limit)

    @routes.delete(
        "/v1/quota-assignments/{assignment_id}", operation_id="unassign_quota_plan", tags=["quotas"]
    )
    async def unassign_quota_plan(caller: Keeper, assignment_id: Id) -> AssignmentRead:
        """Put a quota plan out of force; what was counted is forgotten."""
        return await plans.unassign(caller, assignment_id)
