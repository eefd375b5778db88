"""Wire shapes of quota plans and of whom they are assigned to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from roundhouse.features.access.schemas import Count, Name, PlanStanding, TenantId

Template = Literal["free", "pro"]
OnExceed = Annotated[
    str,
    Field(
        max_length=220,
        pattern=r"^(reject|queue|degrade_to_flow:[A-Za-z0-9][A-Za-z0-9._-]{0,199})$",
        description="`reject` = 429; `queue` = accepted, and begun when there is room; `degrade_to_flow:<name>` = that "
        "flow does it instead, uncounted.",
    ),
]
Units = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PlanCreate(_Input):
    """A plan to make. What is left out is the template's, or without limit."""

    name: Name
    template: Template | None = Field(None, description="Limits where none are given.")
    shared: bool = Field(False, description="Of no site: for admins, to assign to any.")
    requests_per_minute: Count | None = Field(None, description="Tasks asked for in one minute of the clock.")
    concurrent_tasks: Count | None = Field(None, description="Tasks that run at a time.")
    tasks_per_day: Count | None = Field(None, description="Calendar day, UTC.")
    cost_units_per_month: Units | None = Field(None, description="Calendar month, UTC.")
    max_input_bytes: Count | None = None
    on_exceed: OnExceed | None = Field(None, description="Unset = the template's, or `reject`.")


class PlanPatch(_Input):
    """Changes of a plan, in force with the next task; null takes a limit away."""

    name: Name | None = None
    requests_per_minute: Count | None = None
    concurrent_tasks: Count | None = None
    tasks_per_day: Count | None = None
    cost_units_per_month: Units | None = None
    max_input_bytes: Count | None = None
    on_exceed: OnExceed | None = None


class PlanRead(BaseModel):
    """A plan."""

    object: Literal["quota_plan"] = "quota_plan"
    id: str
    site_id: str | None = Field(description="null = shared, assigned by admins to any site.")
    name: str
    requests_per_minute: int | None
    concurrent_tasks: int | None
    tasks_per_day: int | None
    cost_units_per_month: float | None
    max_input_bytes: int | None
    on_exceed: str
    created_at: datetime
    updated_at: datetime


class PlanList(BaseModel):
    """Plans, newest first."""

    object: Literal["list"] = "list"
    data: list[PlanRead]
    has_more: bool
    next_cursor: str | None


class AssignmentPut(_Input):
    """Whom a plan is for. Without user and app it is the whole site's, which only admins set."""

    plan_id: str = Field(max_length=40, pattern=r"^[A-Za-z0-9_]+$")
    site_id: TenantId | None = Field(None, description="Other than your own for admins only.")
    user_id: TenantId | None = None
    app_id: TenantId | None = None


class AssignmentRead(BaseModel):
    """One plan in force. All that fit a task count it, each for itself."""

    object: Literal["quota_assignment"] = "quota_assignment"
    id: str
    plan_id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    created_at: datetime


class AssignmentList(BaseModel):
    """Assignments, newest first."""

    object: Literal["list"] = "list"
    data: list[AssignmentRead]
    has_more: bool
    next_cursor: str | None


class AssignmentStanding(PlanStanding):
    """One plan in force, and what is left of it in the windows of now."""

    object: Literal["quota_standing"] = "quota_standing"
    site_id: str
    user_id: str | None
    app_id: str | None


class StandingList(BaseModel):
    """Plans in force, newest first."""

    object: Literal["list"] = "list"
    data: list[AssignmentStanding]
    has_more: bool
    next_cursor: str | None
