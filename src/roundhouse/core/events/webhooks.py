"""Events of webhooks themselves."""

from __future__ import annotations

from roundhouse.core.events.model import EventKind, Schema, fields, nullable, text

_WEBHOOK: Schema = fields(
    "webhook_id",
    webhook_id=text("The webhook."),
    url=nullable(text("Where it leads; null = each thing that it tells of has an address of its own.")),
)
_DISABLED: Schema = fields(
    "webhook_id reason",
    webhook_id=text("The webhook."),
    url=nullable(text("Where it leads.")),
    reason={
        "type": "string",
        "enum": ["gone", "failing"],
        "description": "`gone`: its receiver answered 410. `failing`: nothing was taken for days.",
    },
)
_REPLAYED: Schema = fields(
    "webhook_id since queued",
    webhook_id=text("The webhook."),
    since={"type": "string", "format": "date-time"},
    queued={"type": "integer", "minimum": 0, "description": "Events that are sent once more."},
)
_RESENT: Schema = fields(
    "webhook_id delivery_id event_id",
    webhook_id=text("The webhook."),
    delivery_id=text("Its delivery."),
    event_id=text("The event that is sent once more; the same `webhook-id`."),
)


def _webhook(what: str, about: str, data: Schema = _WEBHOOK) -> EventKind:
    return EventKind(f"webhook.{what}", about, "the webhook", "webhooks", data)


WEBHOOKS = (
    _webhook("created", "A webhook was made."),
    _webhook("updated", "A webhook was changed, or its secret was."),
    _webhook("deleted", "A webhook was deleted."),
    _webhook(
        "disabled",
        "A webhook was switched off because its receiver does not take what it is sent.",
        _DISABLED,
    ),
    _webhook("replayed", "Events of the past are sent to a webhook once more.", _REPLAYED),
    EventKind(
        "webhook.resent",
        "One delivery begins anew, asked for by hand.",
        "the webhook",
        "webhooks",
        _RESENT,
        "named",
    ),
    EventKind(
        "webhook.test",
        "A try, asked for by hand; sent to that webhook alone, whatever it wants to be told.",
        "the webhook",
        "webhooks",
        _WEBHOOK,
        "named",
    ),
)
