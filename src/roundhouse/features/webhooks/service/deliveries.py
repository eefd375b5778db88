"""The verbs of deliveries: look, try by hand, send once more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from roundhouse.core.errors import BadInput, Conflict, NotFound
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.webhooks.choosing import types_of
from roundhouse.features.webhooks.delivering.fanning import new_delivery
from roundhouse.features.webhooks.model import TEST, Delivery, DeliveryState, Webhook
from roundhouse.features.webhooks.schemas import DeliveryList, DeliveryRead, ReplayRead
from roundhouse.features.webhooks.service.webhooks import refuse_narrow
from roundhouse.features.webhooks.shapes import read_delivery
from roundhouse.features.webhooks.store import deliveries, endpoints
from roundhouse.features.webhooks.store import events as kept
from roundhouse.infra import audit
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import NewEvent, append
from roundhouse.infra.moments import moment, unix_s
from roundhouse.infra.paging import decode_cursor, encode_cursor

MOST_REPLAYED = 1000
"""Events of one replay."""

_LOOK_S = 0.1


class DeliveryService:
    """Deliveries as users see them.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def page(
        self,
        caller: Caller,
        webhook_id: str,
        *,
        state: DeliveryState | None,
        event_type: str | None,
        subject: str | None,
        cursor: str | None,
        limit: int,
    ) -> DeliveryList:
        """A page of deliveries, newest first; raises NotFound, BadInput for the cursor."""
        refuse_narrow(caller)
        before_seq = decode_cursor(cursor, int)
        async with self._db.read() as tx:
            await endpoints.get(tx, caller.site_id, webhook_id)
            found = await deliveries.page(
                tx,
                webhook_id,
                state=state,
                event_type=event_type,
                topic=subject,
                before_seq=before_seq,
                limit=limit + 1,
            )
        shown, more = found[:limit], len(found) > limit
        return DeliveryList(
            data=[read_delivery(one) for one in shown],
            has_more=more,
            next_cursor=encode_cursor(shown[-1].seq) if more else None,
        )

    async def test(self, caller: Caller, webhook_id: str, wait_s: float) -> DeliveryRead:
        """Send one event to a webhook, once, also to one that is switched off.

        Args:
            caller: Who asks.
            webhook_id: Which.
            wait_s: How long the try is waited for.

        Raises:
            NotFound: There is no such webhook.
            BadInput: It has no address of its own.
        """
        refuse_narrow(caller)
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            webhook = await endpoints.get(tx, caller.site_id, webhook_id, lock=True)
            if webhook.url is None:
                raise BadInput("This webhook has no address of its own.")
            await audit.append(tx, caller, action="webhook.test", object_id=webhook.id, detail={}, at_s=now_s)
            data = {"webhook_id": webhook.id, "url": webhook.url}
            (event,) = await append(tx, NewEvent(webhook.site_id, webhook.id, TEST, data, now_s))
            new = new_delivery(event, webhook.id)
            await deliveries.add(tx, [new], now_s)
        ends_s = self._clock.monotonic_s() + wait_s
        while True:
            found = await self._found(webhook.id, event.id)
            if found.state != "pending" or self._clock.monotonic_s() >= ends_s:
                return read_delivery(found)
            await self._clock.sleep(_LOOK_S)

    async def replay(
        self, caller: Caller, webhook_id: str, since: datetime, *, delivered: bool
    ) -> ReplayRead:
        """Send what happened since a time and was not taken, or was never sent; all of it with `delivered`.

        Args:
            caller: Who asks.
            webhook_id: To which.
            since: From when on.
            delivered: Also what was taken.

        Raises:
            NotFound: There is no such webhook.
            BadInput: It has no events of its own.
        """
        refuse_narrow(caller)
        now_s, since_s = self._clock.now_s(), unix_s(since) or 0.0
        async with self._db.read() as tx:
            # Apart, for it may look at many rows while others want to write.
            webhook = await endpoints.get(tx, caller.site_id, webhook_id)
            types = self._types(webhook)
            found = await kept.since(tx, webhook.site_id, types, since_s, MOST_REPLAYED + 1)
        async with self._db.begin() as tx:
            webhook = await endpoints.get(tx, caller.site_id, webhook_id, lock=True)
            sent, more = found[:MOST_REPLAYED], len(found) > MOST_REPLAYED
            ids = [one.id for one in sent]
            queued = await deliveries.begin_anew(tx, webhook.id, ids, now_s, all_of=delivered)
            queued += await deliveries.add(tx, [new_delivery(one, webhook.id) for one in sent], now_s)
            if not webhook.enabled:
                await deliveries.park(tx, webhook.id)
            detail: dict[str, Any] = {"since": moment(since_s).isoformat(), "queued": queued}
            await audit.append(
                tx, caller, action="webhook.replay", object_id=webhook.id, detail=detail, at_s=now_s
            )
            data = {"webhook_id": webhook.id, **detail}
            await append(tx, NewEvent(webhook.site_id, webhook.id, "webhook.replayed", data, now_s))
        return ReplayRead(
            webhook_id=webhook.id,
            queued=queued,
            has_more=more,
            next_since=moment(found[MOST_REPLAYED].at_s) if more else None,
        )

    async def resend(self, caller: Caller, webhook_id: str, delivery_id: str) -> DeliveryRead:
        """Have one delivery begin anew, however it ended; one that waits is tried at once.

        Where the webhook is off it waits with the rest. Tries that were made stay to be seen.

        Raises:
            NotFound: There is no such webhook, or no such delivery to it.
            Conflict: Its event is deleted, so there is nothing to send.
        """
        refuse_narrow(caller)
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            webhook = await endpoints.get(tx, caller.site_id, webhook_id, lock=True)
            found = await deliveries.by_id(tx, webhook.id, delivery_id, lock=True)
            if found is None:
                raise NotFound(f"No delivery {delivery_id!r}.")
            if not await kept.is_kept(tx, found.event_id, found.event_seq):
                raise Conflict("Its event is deleted: there is nothing to send.")
            anew: dict[str, Any] = (
                {} if found.state == "pending" else {"state": "pending", "attempts": 0, "ended_at_s": None}
            )
            await deliveries.change(tx, found.seq, {**anew, "next_at_s": now_s})
            if not webhook.enabled:
                await deliveries.park(tx, webhook.id)
            detail = {"delivery_id": found.id, "event_id": found.event_id}
            await audit.append(
                tx, caller, action="webhook.resend", object_id=webhook.id, detail=detail, at_s=now_s
            )
            data = {"webhook_id": webhook.id, **detail}
            await append(tx, NewEvent(webhook.site_id, webhook.id, "webhook.resent", data, now_s))
        return read_delivery(await self._found(webhook.id, found.event_id))

    @staticmethod
    def _types(webhook: Webhook) -> set[str]:
        if webhook.url is None:
            raise BadInput("This webhook has no events of its own: tasks name theirs.")
        return types_of(webhook.events, webhook.scopes)

    async def _found(self, webhook_id: str, event_id: str) -> Delivery:
        async with self._db.read() as tx:
            found = await deliveries.get(tx, webhook_id, event_id)
        if found is None:
            raise NotFound("The webhook was deleted meanwhile.")
        return found
