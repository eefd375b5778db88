"""Windows of the clock, and the first moment that has room."""

from datetime import UTC, datetime

import pytest

from roundhouse.features.access.plans.weighing import (
    Full,
    PlanLimits,
    blocked,
    first_room,
    rate_limit_headers,
    window,
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("metric", "moment", "start", "end"),
    [
        ("requests_per_minute", "2026-02-28T23:59:59", "2026-02-28T23:59:00", "2026-03-01T00:00:00"),
        ("tasks_per_day", "2026-02-28T23:59:59", "2026-02-28", "2026-03-01"),
        ("cost_units_per_month", "2026-02-28T23:59:59", "2026-02-01", "2026-03-01"),
        ("cost_units_per_month", "2028-12-31T00:00:00", "2028-12-01", "2029-01-01"),
    ],
)
def test_windows_are_those_of_the_calendar(metric, moment, start, end):
    assert window(metric, at(moment) + 0.9) == (at(start), at(end))


def test_the_last_of_a_limit_may_be_had():
    limits, now = PlanLimits(tasks_per_day=3), at("2026-11-22T12:00:00")
    today = at("2026-11-22")
    assert blocked(limits, {("tasks_per_day", today): 2}, 1, now) is None
    assert blocked(limits, {("tasks_per_day", today): 3}, 1, now) == Full(
        "tasks_per_day", today, today + 86_400
    )


def test_what_waits_begins_where_all_limits_have_room():
    now = at("2026-11-30T23:59:30")
    limits = PlanLimits(requests_per_minute=1, tasks_per_day=2, cost_units_per_month=10)
    used = {
        ("requests_per_minute", at("2026-11-30T23:59:00")): 1,
        ("tasks_per_day", at("2026-12-01")): 2,
        ("cost_units_per_month", at("2026-12-01")): 1,
    }
    assert first_room([(limits, used)], 5, now) == at("2026-12-02")
    other = (PlanLimits(requests_per_minute=1), {("requests_per_minute", at("2026-12-02")): 1})
    assert first_room([(limits, used), other], 5, now) == at("2026-12-02T00:01:00")


def test_what_is_more_than_a_whole_window_never_begins():
    now = at("2026-11-22")
    assert first_room([(PlanLimits(cost_units_per_month=10), {})], 11, now) is None
    years = {("cost_units_per_month", at(f"2026-{month:02}-01")): 10 for month in (11, 12)}
    years |= {("cost_units_per_month", at("2027-01-01")): 10}
    assert first_room([(PlanLimits(cost_units_per_month=10), years)], 1, now) is None


def test_headers_are_those_of_the_draft():
    now = at("2026-11-22T12:00:15")
    limits = PlanLimits(requests_per_minute=20, tasks_per_day=200)
    used = {("tasks_per_day", at("2026-11-22")): 250}
    assert rate_limit_headers([("", limits, used)], now) == (
        ("ratelimit-policy", '"requests_per_minute";q=20;w=60, "tasks_per_day";q=200;w=86400'),
        ("ratelimit", '"requests_per_minute";r=20;t=45, "tasks_per_day";r=0;t=43185'),
    )
    assert rate_limit_headers([("", PlanLimits(concurrent_tasks=1), {})], now) == ()
