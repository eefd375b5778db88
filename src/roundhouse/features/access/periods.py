"""Calendar periods of budgets, in UTC: when the one that goes on began, and when it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

DAY_S = 86_400


def since_day(period: str, now_s: float) -> int:
    """The first day of a `day`, a `month` or the `total` that goes on at a Unix time, in days since 1970."""
    if period == "total":
        return 0
    today = int(now_s // DAY_S)
    if period == "day":
        return today
    return today - datetime.fromtimestamp(today * DAY_S, UTC).day + 1


def ends_at_s(period: str, now_s: float) -> float | None:
    """The Unix time at which it ends; None = it never does."""
    if period == "total":
        return None
    today = datetime.fromtimestamp(now_s // DAY_S * DAY_S, UTC)
    if period == "day":
        return (today + timedelta(days=1)).timestamp()
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1).timestamp()
