"""Who delivers webhooks in an executor, and the way out to them."""

from __future__ import annotations

from roundhouse.app.parts import Parts
from roundhouse.core.settings import Settings
from roundhouse.features.webhooks.delivering.deliverer import Deliverer
from roundhouse.features.webhooks.delivering.sending import Sender
from roundhouse.infra.egress.posting import GuardedPoster
from roundhouse.infra.egress.resolving import Lookup


def deliverer(parts: Parts, lookup: Lookup, executor_id: str) -> Deliverer:
    """The one of an executor who delivers, or could."""
    settings = parts.settings
    sender = Sender(guarded_poster(settings, lookup), parts.vault, parts.clock, settings.webhooks.timeout_s)
    keep_days = settings.events.keep_days
    return Deliverer(parts.db, parts.tail, sender, settings.webhooks, keep_days, parts.clock, executor_id)


def guarded_poster(settings: Settings, lookup: Lookup) -> GuardedPoster:
    """The way out to webhooks: public addresses, and what the operator allows."""
    return GuardedPoster(settings.outbound, lookup, loopback=settings.server.open)
