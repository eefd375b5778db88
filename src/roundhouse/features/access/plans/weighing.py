"""What a plan says to a task, by its limits and by what is counted already. No input, no output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

MINUTE_S = 60
DAY_S = 86_400
WARN_SHARE = 0.8
"""From this share of a limit on it is told that it will be reached."""

Metric = Literal["requests_per_minute", "tasks_per_day", "cost_units_per_month"]
METRICS: tuple[Metric, ...] = ("requests_per_minute", "tasks_per_day", "cost_units_per_month")
_UNITS: dict[Metric, str] = {
    "requests_per_minute": "requests in a minute",
    "tasks_per_day": "tasks in a day",
    "cost_units_per_month": "cost units in a month",
}
_HORIZON_S = 62 * DAY_S
_MOST_LOOKS = 500
_ROUNDING = 1e-9


class PlanLimits(msgspec.Struct, frozen=True):
    """Limits of a plan; None = no limit.

    Attributes:
        requests_per_minute: Tasks asked for in one minute of the clock.
        concurrent_tasks: Tasks that run at a time.
        tasks_per_day: Tasks of one calendar day (UTC).
        cost_units_per_month: Cost units of one calendar month (UTC).
        max_input_bytes: Largest input of a task.
    """

    requests_per_minute: int | None = None
    concurrent_tasks: int | None = None
    tasks_per_day: int | None = None
    cost_units_per_month: float | None = None
    max_input_bytes: int | None = None

    def of(self, metric: Metric) -> float | None:
        """The limit of something that is counted by time."""
        limit: float | None = getattr(self, metric)
        return limit


Counted = Mapping[tuple[Metric, int], float]
"""What is used, by metric and first second of its window."""


class Full(msgspec.Struct, frozen=True):
    """There is no room.

    Attributes:
        metric: Of which.
        start_s: First second of the window that is full.
        end_s: Unix time at which the next one begins; None = one task is more than a whole window has.
    """

    metric: Metric
    start_s: int
    end_s: int | None


def window(metric: Metric, at_s: float) -> tuple[int, int]:
    """First second of the window that a moment lies in, and of the next one; Unix seconds."""
    if metric == "cost_units_per_month":
        first = datetime.fromtimestamp(at_s, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        after = (first + timedelta(days=32)).replace(day=1)
        return int(first.timestamp()), int(after.timestamp())
    length_s = MINUTE_S if metric == "requests_per_minute" else DAY_S
    start_s = int(at_s // length_s) * length_s
    return start_s, start_s + length_s


def wanted(metric: Metric, cost_units: float) -> float:
    """How much one task takes of something."""
    return cost_units if metric == "cost_units_per_month" else 1.0


def blocked(limits: PlanLimits, used: Counted, cost_units: float, at_s: float) -> Full | None:
    """What has no room for a task at a moment; None = everything has."""
    for metric in METRICS:
        limit = limits.of(metric)
        if limit is None:
            continue
        start_s, end_s = window(metric, at_s)
        wants = wanted(metric, cost_units)
        if used.get((metric, start_s), 0.0) + wants > limit + _ROUNDING:
            return Full(metric, start_s, None if wants > limit + _ROUNDING else end_s)
    return None


def first_room(
    counting: Sequence[tuple[PlanLimits, Counted]], cost_units: float, now_s: float
) -> float | None:
    """The first moment from now on at which all of these have room for a task; None = none within two months.

    Args:
        counting: Limits, and what is used of them.
        cost_units: Of the task.
        now_s: Unix time.
    """
    at_s = now_s
    for _ in range(_MOST_LOOKS):
        full = next(
            filter(None, (blocked(limits, used, cost_units, at_s) for limits, used in counting)), None
        )
        if full is None:
            return at_s
        if full.end_s is None or full.end_s - now_s > _HORIZON_S:
            return None
        at_s = float(full.end_s)
    return None


def refusal(limits: PlanLimits, full: Full) -> str:
    """Why, for people."""
    return f"The plan allows {limits.of(full.metric):g} {_UNITS[full.metric]}."


def rate_limit_headers(
    rows: Iterable[tuple[str, PlanLimits, Counted]], now_s: float
) -> tuple[tuple[str, str], ...]:
    """`RateLimit-Policy` and `RateLimit` of plans in force.

    Args:
        rows: Of each plan the word that sets its policies apart (empty = there is only one), limits, what is used.
        now_s: Unix time.

    Source:
        draft-ietf-httpapi-ratelimit-headers-10 (2025): `q` quota, `w` window in seconds, `r` remaining, `t` seconds
        until the window ends.
    """
    policies, states = [], []
    for word, limits, used in rows:
        for metric in METRICS:
            limit = limits.of(metric)
            if limit is None:
                continue
            start_s, end_s = window(metric, now_s)
            left = max(0, int(limit - used.get((metric, start_s), 0.0) + _ROUNDING))
            name = f'"{word}{metric}"'
            policies.append(f"{name};q={int(limit)};w={end_s - start_s}")
            states.append(f"{name};r={left};t={max(0, int(end_s - now_s))}")
    if not policies:
        return ()
    return (("ratelimit-policy", ", ".join(policies)), ("ratelimit", ", ".join(states)))
