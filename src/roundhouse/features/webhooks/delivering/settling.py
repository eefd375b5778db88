"""What becomes of a delivery after a try, and of its webhook; without any input or output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.features.webhooks.delivering.schedule import pause_s
from roundhouse.features.webhooks.delivering.sending import GONE
from roundhouse.features.webhooks.model import TEST, Delivery, Try, Webhook

_MOST_TRIES_KEPT = 20


class Tried(msgspec.Struct, frozen=True):
    """A delivery that was tried; `made` None = its event is not there any more."""

    delivery: Delivery
    made: Try | None


def after(tried: Tried, now_s: float, chance: float) -> dict[str, Any]:
    """New values of the delivery's columns."""
    delivery, made = tried.delivery, tried.made
    if made is None:
        return {"state": "gone", "next_at_s": None, "ended_at_s": now_s}
    attempts = delivery.attempts + 1
    tries = [*delivery.tries, msgspec.structs.asdict(made)][-_MOST_TRIES_KEPT:]
    changes: dict[str, Any] = {"attempts": attempts, "tries": tries}
    if made.error is None:
        return {**changes, "state": "delivered", "next_at_s": None, "ended_at_s": now_s}
    single = delivery.event_type == TEST or (made.status == GONE and delivery.url is not None)
    wait_s = None if single else pause_s(attempts, chance)
    if wait_s is None:
        return {**changes, "state": "failed", "next_at_s": None, "ended_at_s": now_s}
    return {**changes, "next_at_s": now_s + wait_s}


def health(webhook: Webhook, tried: Sequence[Tried], now_s: float, patience_s: float) -> dict[str, Any]:
    """New values of the columns of a webhook, of which some deliveries were tried; often none.

    A webhook without an address of its own is never switched off: one address says nothing about the next. Tries by
    hand say nothing either, unless they succeed.
    """
    if webhook.url is None or not webhook.enabled:
        return {}
    tries = sorted(
        ((one.made, one.delivery) for one in tried if one.made is not None), key=lambda pair: pair[0].at_s
    )
    since_s = webhook.failing_since_s
    for made, delivery in tries:
        if made.status == GONE:
            return {"enabled": False, "disabled_reason": "gone", "failing_since_s": None}
        if made.error is None:
            since_s = None
        elif since_s is None and delivery.event_type != TEST:
            since_s = made.at_s
    if since_s is not None and now_s - since_s >= patience_s:
        return {"enabled": False, "disabled_reason": "failing", "failing_since_s": None}
    return {} if since_s == webhook.failing_since_s else {"failing_since_s": since_s}
