"""Wire shapes of keys, usage, quotas and audit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from roundhouse.infra.moments import Moment

Scope = Literal[
    "inference",
    "models:read",
    "models:write",
    "providers",
    "jobs:read",
    "jobs:write",
    "files:read",
    "files:write",
    "knowledge:read",
    "knowledge:write",
    "chats:read",
    "chats:write",
    "audio:read",
    "audio:write",
    "tasks",
    "capabilities",
    "flows",
    "human",
    "webhooks",
    "mcp",
    "usage:read",
    "keys",
    "audit:read",
    "ops",
    "admin",
]
Period = Literal["day", "month", "total"]
Pattern = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[\x20-\x7e]+$")]
TenantId = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$")
]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Count = Annotated[int, Field(ge=1, le=10**12)]
Usd = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class KeyCreate(_Input):
    """A key to make. What is left out is bounded by the key that asks."""

    name: Name
    scopes: list[Scope] = Field(["inference"], max_length=20)
    models: list[Pattern] = Field(
        [], max_length=200, description="Models it may use, with `*`; empty = all of yours."
    )
    routes: list[Pattern] = Field(
        [], max_length=200, description="Paths it may call, without `/api`, with `*`; empty = all of yours."
    )
    site_id: TenantId | None = Field(None, description="Tenant; other than your own for admins only.")
    user_id: TenantId | None = None
    app_id: TenantId | None = None
    expires_at: Moment | None = Field(None, description="RFC 3339; without an offset it is UTC.")
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent_requests: Count | None = Field(None, description="Requests in flight in one process.")
    budget_usd: Usd | None = None
    budget_tokens: Count | None = None
    budget_period: Period | None = Field(None, description="Calendar period in UTC; unset = month, or yours.")


class KeyPatch(_Input):
    """Changes of a key; null takes a limit away, as far as your own allow it."""

    name: Name | None = None
    scopes: list[Scope] | None = Field(None, max_length=20)
    models: list[Pattern] | None = Field(None, max_length=200)
    routes: list[Pattern] | None = Field(None, max_length=200)
    expires_at: Moment | None = None
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent_requests: Count | None = None
    budget_usd: Usd | None = None
    budget_tokens: Count | None = None
    budget_period: Period | None = None


class KeyRotate(_Input):
    """How to replace a key."""

    overlap_s: int = Field(3600, ge=0, le=30 * 86_400, description="The old key works this much longer.")


class KeyRead(BaseModel):
    """A key, without its secret."""

    object: Literal["key"] = "key"
    id: str
    name: str
    status: Literal["active", "expired", "revoked"]
    site_id: str
    user_id: str | None
    app_id: str | None
    scopes: list[str]
    models: list[str]
    routes: list[str]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_requests: int | None
    budget_usd: float | None
    budget_tokens: int | None
    budget_period: Period
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    rotated_from: str | None


class KeyCreated(KeyRead):
    """A new key; `key` is shown this once."""

    key: str


class KeyList(BaseModel):
    """Keys, newest first."""

    object: Literal["list"] = "list"
    data: list[KeyRead]
    has_more: bool
    next_cursor: str | None


class UsageGroup(BaseModel):
    """Sums of one group."""

    object: Literal["usage.group"] = "usage.group"
    group: str = Field(
        description="Key id, `provider/model`, site, user or app (empty = none) or day (YYYY-MM-DD)."
    )
    requests: int
    errors: int
    cache_hits: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    audio_s: float = Field(description="Seconds of sound that were heard.")
    cost_usd: float


class UsageList(BaseModel):
    """Sums by group, in the order of the groups."""

    model_config = ConfigDict(populate_by_name=True)

    object: Literal["list"] = "list"
    group_by: Literal["key", "model", "site", "user", "app", "day"]
    from_: datetime = Field(serialization_alias="from", validation_alias="from")
    to: datetime
    data: list[UsageGroup]
    has_more: bool
    next_cursor: str | None


class UsagePoint(BaseModel):
    """What was used in one span of time. Times are of good answers, by nearest rank; null = there were none."""

    at: datetime = Field(description="When the span begins.")
    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    audio_s: float
    cost_usd: float
    duration_p50_ms: int | None = Field(description="Half of the answers took no longer.")
    duration_p95_ms: int | None
    first_byte_p50_ms: int | None = Field(description="To the first piece of a stream.")
    first_byte_p95_ms: int | None


class UsageSeries(BaseModel):
    """Usage over time, span after span without a gap."""

    model_config = ConfigDict(populate_by_name=True)

    object: Literal["usage.series"] = "usage.series"
    from_: datetime = Field(serialization_alias="from", validation_alias="from")
    to: datetime
    step_s: int
    data: list[UsagePoint]


class BudgetUse(BaseModel):
    """A key with a budget, and what is used of it in the period that goes on."""

    object: Literal["budget"] = "budget"
    key_id: str
    name: str
    site_id: str
    user_id: str | None
    app_id: str | None
    period: Period
    budget_usd: float | None
    used_usd: float
    budget_tokens: int | None
    used_tokens: int
    resets_at: datetime | None = Field(description="When the period ends; null = never.")


class BudgetUseList(BaseModel):
    """Budgets of keys that are in force, the newest keys first."""

    object: Literal["list"] = "list"
    data: list[BudgetUse]
    has_more: bool
    next_cursor: str | None


class UsageRead(BaseModel):
    """One request."""

    object: Literal["usage.record"] = "usage.record"
    request_id: str
    at: datetime
    key_id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    operation: str
    requested_model: str
    target: str
    reason: str
    attempts: int
    cache: str
    status: int
    error_code: str | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    first_byte_ms: int
    duration_ms: int
    stream: bool
    audio_s: float = Field(description="Seconds of sound that were heard.")


class UsageRecordList(BaseModel):
    """Requests, newest first."""

    object: Literal["list"] = "list"
    data: list[UsageRead]
    has_more: bool
    next_cursor: str | None


class QuotaRead(BaseModel):
    """One limit and what is left of it."""

    name: Literal[
        "requests_per_minute", "tokens_per_minute", "concurrent_requests", "budget_usd", "budget_tokens"
    ]
    limit: float
    remaining: float
    reset_s: float | None = Field(
        description="Seconds until it is whole again; null = it does not refill by itself."
    )


class PlanUse(BaseModel):
    """One limit of a quota plan and what is left of it."""

    name: Literal["requests_per_minute", "concurrent_tasks", "tasks_per_day", "cost_units_per_month"]
    limit: float
    remaining: float
    resets_at: datetime | None = Field(description="null = when a task ends.")


class PlanStanding(BaseModel):
    """A quota plan that counts your tasks."""

    plan_id: str
    name: str
    assignment_id: str
    applies_to: str = Field(description="`site`, `user`, `app` or `user-app`.")
    on_exceed: str
    max_input_bytes: int | None
    limits: list[PlanUse]


class QuotasRead(BaseModel):
    """Who you are and what you may still use."""

    object: Literal["quotas"] = "quotas"
    key_id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    scopes: list[str]
    models: list[str]
    routes: list[str]
    expires_at: datetime | None
    budget_period: Period
    quotas: list[QuotaRead]
    plans: list[PlanStanding] = Field(description="Quota plans of tasks; each that is here counts each task.")


class AuditRead(BaseModel):
    """One row of the audit log."""

    object: Literal["audit.entry"] = "audit.entry"
    id: str
    at: datetime
    site_id: str
    key_id: str
    action: str
    target: str = Field(description="Id or name of what was changed.")
    detail: dict[str, Any]
    prev_hash: str
    hash: str


class AuditList(BaseModel):
    """Rows of the audit log, newest first."""

    object: Literal["list"] = "list"
    data: list[AuditRead]
    has_more: bool
    next_cursor: str | None


class AuditVerification(BaseModel):
    """Whether the audit log is as it was written."""

    object: Literal["audit.verification"] = "audit.verification"
    intact: bool
    first_bad_id: str | None = Field(description="First row that does not fit the chain.")
