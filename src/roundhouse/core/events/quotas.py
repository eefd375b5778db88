"""Events of quota plans."""

from __future__ import annotations

from roundhouse.core.events.model import EventKind, Schema, fields, text

_QUOTA: Schema = fields(
    "plan_id plan applies_to user_id app_id metric limit",
    plan_id=text("The plan."),
    plan=text("Its name."),
    applies_to=text("Whom it counts: `site`, `user`, `app` or `user-app`."),
    user_id={"type": ["string", "null"]},
    app_id={"type": ["string", "null"]},
    metric=text(
        "The limit: `requests_per_minute`, `concurrent_tasks`, `tasks_per_day`, `cost_units_per_month`."
    ),
    limit={"type": "number"},
    used={"type": "number", "description": "Of limits that are counted by time."},
    resets_at={"type": "string", "format": "date-time", "description": "When the next window begins."},
)


def _quota(what: str, about: str) -> EventKind:
    return EventKind(f"quota.{what}", about, "the assignment", "usage:read", _QUOTA)


QUOTAS = (
    _quota("warning", "80 % of a limit of a quota plan are used; once in each window."),
    _quota(
        "exceeded",
        "A limit of a quota plan turned a task away, put it off or degraded it; once in each window.",
    ),
)
