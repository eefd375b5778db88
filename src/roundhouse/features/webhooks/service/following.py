"""`core.webhooks.Webhooks`: who is told of single things."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.errors import BadInput
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.webhooks.model import Topic
from roundhouse.features.webhooks.service.webhooks import Addresses, WebhookService
from roundhouse.features.webhooks.store import endpoints
from roundhouse.infra.db import Database, Tx

_ID = "whk_"


class Following:
    """Has webhooks told of single things.

    Args:
        db: The database.
        webhooks: The verbs of webhooks.
        addresses: Judges addresses.
        clock: Time.
    """

    def __init__(self, db: Database, webhooks: WebhookService, addresses: Addresses, clock: Clock) -> None:
        self._db = db
        self._webhooks = webhooks
        self._addresses = addresses
        self._clock = clock

    async def check(self, caller: Caller, target: str) -> None:
        """See `core.webhooks.Webhooks`."""
        if target.startswith(_ID):
            async with self._db.read() as tx:
                await endpoints.get(tx, caller.site_id, target)
            return
        if "://" not in target:
            raise BadInput("A webhook is an http(s) address, or the id of a webhook.", param="webhook")
        await self._addresses.check(target)

    async def follow(self, tx: Tx, caller: Caller, target: str, topic: str, events: Sequence[str]) -> None:
        """See `core.webhooks.Webhooks`."""
        if target.startswith(_ID):
            webhook, url = await endpoints.get(tx, caller.site_id, target), None
        else:
            webhook, url = await self._webhooks.for_topics(tx, caller), target
        now_s = self._clock.now_s()
        await endpoints.follow(tx, Topic(caller.site_id, topic, webhook.id, url, list(events), now_s))
