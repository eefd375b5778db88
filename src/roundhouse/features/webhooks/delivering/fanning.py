"""From events to deliveries: which webhooks are told of an event. Without any input or output."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.events import EVENTS
from roundhouse.core.ids import new_id
from roundhouse.features.webhooks.choosing import types_of
from roundhouse.features.webhooks.model import Topic, Webhook
from roundhouse.features.webhooks.store.deliveries import NewDelivery
from roundhouse.infra.events.store import Event


class Plan:
    """Who is told of what.

    Args:
        webhooks: All that are enabled, of all tenants.
    """

    def __init__(self, webhooks: Sequence[Webhook]) -> None:
        self._webhooks = {one.id: one for one in webhooks}
        self._types = {one.id: types_of(one.events, one.scopes) for one in webhooks}
        self._of_site: dict[str, list[Webhook]] = {}
        for one in webhooks:
            self._of_site.setdefault(one.site_id, []).append(one)

    @property
    def types(self) -> set[str]:
        """All types that somebody is told of."""
        return {kind for types in self._types.values() for kind in types}

    @property
    def begins_at(self) -> int | None:
        """Nobody is told of an event up to this number; None = there is nobody."""
        return min((one.after_seq for one in self._webhooks.values()), default=None)

    def deliveries(self, events: Sequence[Event], followers: Sequence[Topic]) -> list[NewDelivery]:
        """What is to be delivered of these events."""
        following: dict[str, list[Topic]] = {}
        for one in followers:
            following.setdefault(one.topic, []).append(one)
        made: dict[tuple[str, str], NewDelivery] = {}
        for event in events:
            for webhook in self._of_site.get(event.site_id, ()):
                if event.type in self._types[webhook.id]:
                    self._add(made, event, webhook, None)
            for topic in following.get(event.topic, ()):
                follower = self._webhooks.get(topic.webhook_id)
                if follower is None or topic.site_id != event.site_id:
                    continue
                if any(kind.type == event.type for one in topic.events for kind in EVENTS.matching(one)):
                    self._add(made, event, follower, topic.url)
        return list(made.values())

    @staticmethod
    def _add(
        made: dict[tuple[str, str], NewDelivery], event: Event, webhook: Webhook, url: str | None
    ) -> None:
        if event.seq <= webhook.after_seq or (webhook.id, event.id) in made:
            return
        made[webhook.id, event.id] = new_delivery(event, webhook.id, url)


def new_delivery(event: Event, webhook_id: str, url: str | None = None) -> NewDelivery:
    """Of this event to this webhook."""
    return NewDelivery(
        new_id("del"), event.site_id, webhook_id, event.id, event.seq, event.type, event.topic, url
    )
