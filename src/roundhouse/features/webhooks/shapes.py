"""Rows as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roundhouse.features.webhooks.model import Delivery, Webhook
from roundhouse.features.webhooks.schemas import DeliveryRead, TryRead, WebhookRead
from roundhouse.infra.moments import moment, moment_or_none


def shown(
    webhook: Webhook, header_names: list[str], counts: Mapping[tuple[str, str], int], now_s: float
) -> dict[str, Any]:
    """The fields of a webhook.

    Args:
        webhook: It.
        header_names: Of the headers that go with it.
        counts: Deliveries by webhook and state.
        now_s: Unix time.
    """
    until_s = webhook.old_secret_until_s
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "description": webhook.description,
        "enabled": webhook.enabled,
        "thin": webhook.thin,
        "header_names": header_names,
        "disabled_reason": webhook.disabled_reason,
        "failing_since": moment_or_none(webhook.failing_since_s),
        "old_secret_until": None if until_s is None or until_s <= now_s else moment(until_s),
        "pending": counts.get((webhook.id, "pending"), 0),
        "failed": counts.get((webhook.id, "failed"), 0),
        "created_at": moment(webhook.created_at_s),
        "updated_at": moment(webhook.updated_at_s),
    }


def read_webhook(
    webhook: Webhook, header_names: list[str], counts: Mapping[tuple[str, str], int], now_s: float
) -> WebhookRead:
    """A webhook as the API shows it."""
    return WebhookRead(**shown(webhook, header_names, counts, now_s))


def read_delivery(delivery: Delivery) -> DeliveryRead:
    """A delivery as the API shows it."""
    return DeliveryRead(
        id=delivery.id,
        webhook_id=delivery.webhook_id,
        event_id=delivery.event_id,
        event_seq=delivery.event_seq,
        event_type=delivery.event_type,
        subject=delivery.topic,
        url=delivery.url,
        state=delivery.state,
        attempts=delivery.attempts,
        tries=[
            TryRead(
                at=moment(one["at_s"]),
                ms=one["ms"],
                status=one["status"],
                head=one["head"],
                error=one["error"],
                detail=one["detail"],
            )
            for one in delivery.tries
        ],
        next_at=moment_or_none(delivery.next_at_s),
        created_at=moment(delivery.created_at_s),
        ended_at=moment_or_none(delivery.ended_at_s),
    )
