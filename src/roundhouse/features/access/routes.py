"""Routes of keys, usage, quotas and audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from roundhouse.core.types import Caller
from roundhouse.features.access.reports import ReportService, Span
from roundhouse.features.access.schemas import (
    AuditList,
    AuditVerification,
    BudgetUseList,
    KeyCreate,
    KeyCreated,
    KeyList,
    KeyPatch,
    KeyRead,
    KeyRotate,
    QuotasRead,
    UsageList,
    UsageRecordList,
    UsageSeries,
)
from roundhouse.features.access.service import KeyService
from roundhouse.features.access.store import GroupBy
from roundhouse.infra.audit import AuditFilter
from roundhouse.infra.auth import require
from roundhouse.infra.moments import Moment, begins_s

KeyKeeper = Annotated[Caller, Depends(require("keys"))]
UsageReader = Annotated[Caller, Depends(require("usage:read"))]
Auditor = Annotated[Caller, Depends(require("audit:read"))]
Anybody = Annotated[Caller, Depends(require(None))]

KeyId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most rows in one page.")]
OneSite = Annotated[str | None, Query(max_length=200, pattern=r"^[\x20-\x7e]+$", description="For admins.")]
OneKey = Annotated[str | None, Query(max_length=40, pattern=r"^[A-Za-z0-9_]+$", description="Only this key.")]
From = Annotated[Moment | None, Query(alias="from", description="First moment; unset = 30 days before `to`.")]
To = Annotated[Moment | None, Query(description="Moment after the last; unset = now.")]

Action = Annotated[
    str | None,
    Query(
        max_length=100,
        pattern=r"^[a-z_]+(\.[a-z_]+)?$",
        description="An action, `key.create`, or its first word, `key`.",
    ),
]
Target = Annotated[str | None, Query(max_length=300, description="Id or name of what was changed.")]
Since = Annotated[Moment | None, Query(alias="from", description="First moment; unset = from the beginning.")]
Step = Annotated[
    int | None,
    Query(ge=1, le=31 * 86_400, description="Seconds in one span of time; unset = about 120 spans in all."),
]


def router(keys: KeyService, reports: ReportService) -> APIRouter:
    """The room's routes."""
    routes = APIRouter()
    _key_routes(routes, keys)
    _report_routes(routes, reports)
    _audit_routes(routes, reports)
    return routes


def _key_routes(routes: APIRouter, keys: KeyService) -> None:
    @routes.post("/v1/keys", status_code=201, operation_id="create_key", tags=["keys"])
    async def create_key(caller: KeyKeeper, body: KeyCreate) -> KeyCreated:
        """Make a key, never wider than yours; its text is shown this once."""
        return await keys.create(caller, body)

    @routes.get("/v1/keys", operation_id="list_keys", tags=["keys"])
    async def list_keys(
        caller: KeyKeeper, site_id: OneSite = None, cursor: Cursor = None, limit: Limit = 50
    ) -> KeyList:
        """Keys of your site, newest first."""
        return await keys.list(caller, site_id=site_id, cursor=cursor, limit=limit)

    @routes.get("/v1/keys/{key_id}", operation_id="get_key", tags=["keys"])
    async def get_key(caller: KeyKeeper, key_id: KeyId) -> KeyRead:
        """One key, without its secret."""
        return await keys.get(caller, key_id)

    @routes.patch("/v1/keys/{key_id}", operation_id="update_key", tags=["keys"])
    async def update_key(caller: KeyKeeper, key_id: KeyId, body: KeyPatch) -> KeyRead:
        """Change a key; in force everywhere within a second."""
        return await keys.update(caller, key_id, body)

    @routes.delete("/v1/keys/{key_id}", operation_id="revoke_key", tags=["keys"])
    async def revoke_key(caller: KeyKeeper, key_id: KeyId) -> KeyRead:
        """Revoke a key for good; in force everywhere within a second."""
        return await keys.revoke(caller, key_id)

    @routes.post("/v1/keys/{key_id}/rotate", status_code=201, operation_id="rotate_key", tags=["keys"])
    async def rotate_key(caller: KeyKeeper, key_id: KeyId, body: KeyRotate | None = None) -> KeyCreated:
        """Replace a key by one with the same rights; the old one works for `overlap_s` more seconds."""
        return await keys.rotate(caller, key_id, body or KeyRotate())


def _report_routes(routes: APIRouter, reports: ReportService) -> None:
    @routes.get("/v1/usage", operation_id="usage", tags=["usage"])
    async def usage(
        caller: UsageReader,
        group_by: GroupBy = "key",
        start: From = None,
        to: To = None,
        site_id: OneSite = None,
        key_id: OneKey = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> UsageList:
        """Requests, tokens, seconds of sound and cost by key, model, site, user, app or day."""
        return await reports.usage(
            caller, group_by, Span(start, to, site_id, key_id), cursor=cursor, limit=limit
        )

    @routes.get("/v1/usage/series", operation_id="usage_series", tags=["usage"])
    async def usage_series(
        caller: UsageReader,
        start: From = None,
        to: To = None,
        step_s: Step = None,
        site_id: OneSite = None,
        key_id: OneKey = None,
    ) -> UsageSeries:
        """Requests, errors, tokens, cost and how long answers took, over time."""
        return await reports.series(caller, Span(start, to, site_id, key_id), step_s)

    @routes.get("/v1/usage/budgets", operation_id="usage_budgets", tags=["usage"])
    async def usage_budgets(
        caller: UsageReader, site_id: OneSite = None, cursor: Cursor = None, limit: Limit = 50
    ) -> BudgetUseList:
        """Keys with a budget, and what is used of it in the period that goes on."""
        return await reports.budgets(caller, site_id, cursor=cursor, limit=limit)

    @routes.get("/v1/usage/records", operation_id="list_usage_records", tags=["usage"])
    async def list_usage_records(
        caller: UsageReader,
        start: From = None,
        to: To = None,
        site_id: OneSite = None,
        key_id: OneKey = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> UsageRecordList:
        """Single requests, newest first."""
        return await reports.records(caller, Span(start, to, site_id, key_id), cursor=cursor, limit=limit)

    @routes.get("/v1/quotas/me", operation_id="my_quotas", tags=["usage"])
    async def my_quotas(caller: Anybody) -> QuotasRead:
        """Who you are, and what you may still use."""
        return await reports.quotas(caller)


def _audit_routes(routes: APIRouter, reports: ReportService) -> None:
    @routes.get("/v1/audit", operation_id="list_audit", tags=["audit"])
    async def list_audit(
        caller: Auditor,
        action: Action = None,
        target: Target = None,
        start: Since = None,
        to: To = None,
        site_id: OneSite = None,
        key_id: OneKey = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> AuditList:
        """Who changed what, newest first."""
        wanted = AuditFilter(action, key_id, target, site_id, begins_s(start), begins_s(to))
        return await reports.audit(caller, wanted, cursor=cursor, limit=limit)

    @routes.get("/v1/audit/verification", operation_id="verify_audit", tags=["audit"])
    async def verify_audit(caller: Auditor) -> AuditVerification:
        """Whether the log is as it was written."""
        return await reports.verify_audit(caller)
