"""The verbs of looking: usage, quotas, audit. A caller without `admin` sees its own tenant only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.access import periods, store
from roundhouse.features.access.limits import LimitGatekeeper
from roundhouse.features.access.plans.service import PlanService
from roundhouse.features.access.schemas import (
    AuditList,
    AuditRead,
    AuditVerification,
    BudgetUse,
    BudgetUseList,
    QuotaRead,
    QuotasRead,
    UsageGroup,
    UsageList,
    UsagePoint,
    UsageRead,
    UsageRecordList,
    UsageSeries,
)
from roundhouse.infra import audit
from roundhouse.infra.db import Database
from roundhouse.infra.paging import decode_cursor, encode_cursor

_DEFAULT_SPAN = timedelta(days=30)
_STEPS_S = (10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_USUAL_POINTS = 120
MOST_POINTS = 1000
"""Spans in one answer."""


class Span(msgspec.Struct, frozen=True):
    """Which usage is asked for.

    Attributes:
        start: First moment, None = 30 days before the end.
        end: Moment after the last, None = now.
        site_id: Tenant, for admins; None = all that the caller may see.
        key_id: Key, None = all.
    """

    start: datetime | None = None
    end: datetime | None = None
    site_id: str | None = None
    key_id: str | None = None


class ReportService:
    """Usage, quotas and the audit log.

    Args:
        db: The database.
        gatekeeper: Knows what is left.
        plans: Know what is left of tasks.
        clock: Time.
    """

    def __init__(self, db: Database, gatekeeper: LimitGatekeeper, plans: PlanService, clock: Clock) -> None:
        self._db = db
        self._gatekeeper = gatekeeper
        self._plans = plans
        self._clock = clock

    async def usage(
        self, caller: Caller, group_by: store.GroupBy, span: Span, *, cursor: str | None, limit: int
    ) -> UsageList:
        """Sums of usage by group; what was used in the last half second may be missing.

        Raises:
            BadInput: The span is empty, or the cursor is not one of this list.
        """
        start, end, wanted = self._filter(caller, span)
        after = decode_cursor(cursor, int) if group_by == "day" else decode_cursor(cursor, str)
        async with self._db.read() as tx:
            rows = await store.usage_by(tx, group_by, wanted, after=after, limit=limit + 1)
        page = rows[:limit]
        more = len(rows) > limit
        return UsageList(
            group_by=group_by,
            from_=start,
            to=end,
            data=[_group(row) for row in page],
            has_more=more,
            next_cursor=encode_cursor(page[-1]["group"]) if more else None,
        )

    async def series(self, caller: Caller, span: Span, step_s: int | None) -> UsageSeries:
        """Usage over time; what was used in the last half second may be missing.

        Args:
            caller: Who asks.
            span: Which usage.
            step_s: Length of each span of time, that begins at a multiple of it; None = about 120 of them.

        Raises:
            BadInput: The span is empty, or has more than `MOST_POINTS` steps.
        """
        start, end, wanted = self._filter(caller, span)
        step_s = step_s or _usual_step_s(wanted.to_s - wanted.from_s)
        numbers = range(int(wanted.from_s // step_s), int(-(-wanted.to_s // step_s)))
        if len(numbers) > MOST_POINTS:
            raise BadInput(f"At most {MOST_POINTS} steps are told at once.", param="step_s")
        async with self._db.read() as tx:
            sums = await store.usage_over_time(tx, wanted, step_s)
            durations = await store.times_over_time(tx, wanted, step_s, "duration_ms")
            first_bytes = await store.times_over_time(tx, wanted, step_s, "first_byte_ms")
        return UsageSeries(
            from_=start,
            to=end,
            step_s=step_s,
            data=[
                _point(
                    _time(number * step_s), sums.get(number), durations.get(number), first_bytes.get(number)
                )
                for number in numbers
            ],
        )

    async def records(self, caller: Caller, span: Span, *, cursor: str | None, limit: int) -> UsageRecordList:
        """Single requests, newest first.

        Raises:
            BadInput: The span is empty, or the cursor is not one of this list.
        """
        _, _, wanted = self._filter(caller, span)
        async with self._db.read() as tx:
            rows = await store.list_usage(tx, wanted, before_id=decode_cursor(cursor, int), limit=limit + 1)
        page = rows[:limit]
        more = len(rows) > limit
        found = []
        for _, record in page:
            values = msgspec.structs.asdict(record)
            found.append(UsageRead(at=_time(values.pop("at_s")), **values))
        return UsageRecordList(
            data=found, has_more=more, next_cursor=encode_cursor(page[-1][0]) if more else None
        )

    async def quotas(self, caller: Caller) -> QuotasRead:
        """Who the caller is and what it may still use."""
        quotas = await self._gatekeeper.quotas(caller)
        ends_s = caller.expires_at_s
        return QuotasRead(
            key_id=caller.key_id,
            site_id=caller.site_id,
            user_id=caller.user_id,
            app_id=caller.app_id,
            scopes=sorted(caller.scopes),
            models=list(caller.models),
            routes=list(caller.routes),
            expires_at=None if ends_s is None else _time(ends_s),
            budget_period=caller.limits.budget_period,
            quotas=[QuotaRead.model_validate(msgspec.structs.asdict(quota)) for quota in quotas],
            plans=list(await self._plans.standing(caller)),
        )

    async def budgets(
        self, caller: Caller, site_id: str | None, *, cursor: str | None, limit: int
    ) -> BudgetUseList:
        """Keys with a budget, and what is used of it; what was used in the last half second may be missing.

        Raises:
            BadInput: The cursor is not one of this list.
        """
        now_s = self._clock.now_s()
        async with self._db.read() as tx:
            rows = await store.list_budgets(
                tx,
                site_id=_site(caller) or site_id,
                now_s=now_s,
                before_id=decode_cursor(cursor, str),
                limit=limit + 1,
            )
            page = rows[:limit]
            used: dict[str, tuple[float, int]] = {}
            for period in {row.limits["budget_period"] for row in page}:
                roots = [row.root_id for row in page if row.limits["budget_period"] == period]
                sums = await store.spent(tx, roots, since_day=periods.since_day(period, now_s))
                used |= {f"{period} {root}": spent for root, spent in sums.items()}
        more = len(rows) > limit
        return BudgetUseList(
            data=[
                _budget(row, used.get(f"{row.limits['budget_period']} {row.root_id}", (0.0, 0)), now_s)
                for row in page
            ],
            has_more=more,
            next_cursor=encode_cursor(page[-1].id) if more else None,
        )

    async def audit(
        self, caller: Caller, wanted: audit.AuditFilter, *, cursor: str | None, limit: int
    ) -> AuditList:
        """Rows of the audit log, newest first; raises BadInput for a wrong cursor."""
        async with self._db.read() as tx:
            rows = await audit.entries(
                tx,
                site_id=_site(caller),
                before_seq=decode_cursor(cursor, int),
                limit=limit + 1,
                wanted=wanted,
            )
        page = rows[:limit]
        more = len(rows) > limit
        return AuditList(
            data=[_audit(row) for row in page],
            has_more=more,
            next_cursor=encode_cursor(page[-1].seq) if more else None,
        )

    async def verify_audit(self, caller: Caller) -> AuditVerification:
        """Recompute the chain of the whole log, whatever the caller's tenant: it is one chain."""
        async with self._db.read() as tx:
            bad_id = await audit.verify_chain(tx)
        return AuditVerification(
            intact=bad_id is None, first_bad_id=bad_id if _site(caller) is None else None
        )

    def _filter(self, caller: Caller, span: Span) -> tuple[datetime, datetime, store.UsageFilter]:
        end = _aware(span.end) if span.end else _time(self._clock.now_s())
        try:
            start = _aware(span.start) if span.start else end - _DEFAULT_SPAN
        except OverflowError:
            raise BadInput("'to' is too early.", param="to") from None
        if start >= end:
            raise BadInput("'from' must be before 'to'.", param="from")
        wanted = store.UsageFilter(
            from_s=start.timestamp(),
            to_s=end.timestamp(),
            site_id=_site(caller) or span.site_id,
            key_id=span.key_id,
        )
        return start, end, wanted


def _site(caller: Caller) -> str | None:
    """The tenant whose rows a caller sees, None = all."""
    return None if "admin" in caller.scopes else caller.site_id


def _group(row: dict[str, Any]) -> UsageGroup:
    group = row["group"]
    prompt, completion = int(row["prompt_tokens"]), int(row["completion_tokens"])
    return UsageGroup(
        group=_time(group * store.DAY_S).date().isoformat() if isinstance(group, int) else group,
        requests=row["requests"],
        errors=row["errors"],
        cache_hits=row["cache_hits"],
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        audio_s=round(row["audio_s"], 3),
        cost_usd=row["cost_usd"],
    )


def _usual_step_s(span_s: float) -> int:
    """The least handy step of which no more than the usual number are in a span; days where none is."""
    return next((step for step in _STEPS_S if span_s <= step * _USUAL_POINTS), _STEPS_S[-1])


def _point(
    at: datetime,
    sums: dict[str, Any] | None,
    durations: tuple[int, int] | None,
    first_bytes: tuple[int, int] | None,
) -> UsagePoint:
    found = sums or {}
    duration_p50, duration_p95 = durations or (None, None)
    first_byte_p50, first_byte_p95 = first_bytes or (None, None)
    return UsagePoint(
        at=at,
        requests=found.get("requests", 0),
        errors=found.get("errors", 0),
        prompt_tokens=int(found.get("prompt_tokens", 0)),
        completion_tokens=int(found.get("completion_tokens", 0)),
        audio_s=round(found.get("audio_s", 0.0), 3),
        cost_usd=found.get("cost_usd", 0.0),
        duration_p50_ms=duration_p50,
        duration_p95_ms=duration_p95,
        first_byte_p50_ms=first_byte_p50,
        first_byte_p95_ms=first_byte_p95,
    )


def _budget(row: store.KeyRow, used: tuple[float, int], now_s: float) -> BudgetUse:
    period = row.limits["budget_period"]
    ends_at_s = periods.ends_at_s(period, now_s)
    return BudgetUse(
        key_id=row.id,
        name=row.name,
        site_id=row.site_id,
        user_id=row.user_id,
        app_id=row.app_id,
        period=period,
        budget_usd=row.limits["budget_usd"],
        used_usd=used[0],
        budget_tokens=row.limits["budget_tokens"],
        used_tokens=used[1],
        resets_at=None if ends_at_s is None else _time(ends_at_s),
    )


def _audit(row: audit.AuditEntry) -> AuditRead:
    return AuditRead(
        id=row.id,
        at=_time(row.at_s),
        site_id=row.site_id,
        key_id=row.key_id,
        action=row.action,
        target=row.object,
        detail=row.detail,
        prev_hash=row.prev_hash,
        hash=row.hash,
    )


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _time(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
