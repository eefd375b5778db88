"""The one who delivers. Every executor has one; of those that live, one at a time works.

What is to be delivered is written down in the transaction that moves the mark in the table of events, so an event is
neither left out nor written down twice. A try is written down after it was made: who is killed in between lets another
one try again, with the same `webhook-id`. Whoever is not the one any more changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import structlog

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.core.events import EVENTS
from roundhouse.core.ports import Clock
from roundhouse.core.settings import WebhookSettings
from roundhouse.features.webhooks.delivering.fanning import Plan
from roundhouse.features.webhooks.delivering.sending import Sender
from roundhouse.features.webhooks.delivering.settling import Tried, after, health
from roundhouse.features.webhooks.model import Delivery, Try, Webhook
from roundhouse.features.webhooks.store import deliveries, endpoints, outbox
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event, NewEvent, append, newest_seq
from roundhouse.infra.events.tail import EventTail

LOOK_S = 2.0
"""So often it is looked whether the one who delivers is still there."""

_IDLE_S = 5.0
_AWAY_S = 1.0
_GATHER_S = 0.05
_NOBODY_S = 1.0
_DRAIN_S = 3.0
_MOST_IN_FLIGHT = 64
# To the addresses of single things, which are many.
_MOST_TO_MANY = 32
_PAGE = 500
_LAZY_SEQS = 10_000
_CLEAN_S = 3600.0
_DAY_S = 86_400.0
_LEAST_KEEP_DAYS = 2.0
_TOPICS_KEEP_S = 90 * _DAY_S
_BATCH = 1000

_log = structlog.get_logger(__name__)


class _Flight(NamedTuple):
    """One try on its way: to which webhook, how many of those at a time, and the try."""

    webhook_id: str
    limit: int
    task: asyncio.Task[Try]


class _NotTheOneError(Exception):
    """Another executor delivers."""


class Deliverer:
    """Delivers while it is the one who does.

    Args:
        db: The database.
        tail: Tells of events.
        sender: Tries.
        settings: Limits.
        keep_days: How long deliveries are kept; two days at least.
        clock: Time.
        me: Id of this executor.
        chance: Numbers from 0 up to 1.
    """

    def __init__(
        self,
        db: Database,
        tail: EventTail,
        sender: Sender,
        settings: WebhookSettings,
        keep_days: float,
        clock: Clock,
        me: str,
        chance: Callable[[], float] = random.random,  # noqa: S311 - it spreads tries
    ) -> None:
        self._db = db
        self._tail = tail
        self._sender = sender
        self._settings = settings
        self._keep_s = max(keep_days, _LEAST_KEEP_DAYS) * _DAY_S
        self._clock = clock
        self._me = me
        self._chance = chance
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._nobody = False
        # Up to here all is written down, and up to there that is written down as well; None = somebody else delivers.
        self._seq: int | None = None
        self._written_seq = 0
        self._flying: dict[str, _Flight] = {}
        self._ended: list[Tried] = []
        self._cleaned_s: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        """Whether it is the one who delivers."""
        return self._seq is not None

    @property
    def busy(self) -> bool:
        """Whether a try is on its way, or not written down yet."""
        return bool(self._flying)

    def start(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; what is on its way then gets a moment."""
        self._tail.on_event(
            self._heard, {"executor.joined", "executor.left", *(one.type for one in EVENTS.sent())}
        )
        self._task = asyncio.create_task(self._run(stop), name="webhooks")

    async def close(self) -> None:
        """End, also where `stop` was not set."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _heard(self, event: Event) -> None:
        self._wake.set()
        if event.type.partition(".")[0] in ("webhook", "executor"):
            self._urgent.set()

    async def _run(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(self._wake_at(stop))
        try:
            while not stop.is_set():
                self._wake.clear()
                await self._pause(await self.beat())
            await self._drain()
        finally:
            stopping.cancel()
            self._drop()

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()
        self._urgent.set()

    async def _pause(self, wait_s: float) -> None:
        """Wait until there is something to do, and a little longer: what comes meanwhile shares the look."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_NOBODY_S if self._nobody else _GATHER_S):
                await self._urgent.wait()
        self._urgent.clear()

    async def beat(self) -> float:
        """Everything once that there is to do now; how many seconds nothing will be, unless something happens."""
        try:
            if self._seq is None and not await self._lead():
                return LOOK_S
            await self._settle()
            await self._write_down()
            await self._clean()
            return await self._start_due()
        except _NotTheOneError:
            _log.warning("webhooks_delivered_elsewhere", executor=self._me)
            self._drop()
            return LOOK_S
        except (StorageUnavailable, StorageFull) as error:
            _log.warning("webhook_storage_away", error=error.code)
            return _AWAY_S

    async def _lead(self) -> bool:
        async with self._db.read() as tx:
            if not await outbox.is_vacant(tx, self._me):
                return False
        async with self._db.begin() as tx:
            self._seq = await outbox.lead(tx, self._me)
        if self._seq is None:
            return False
        self._written_seq = self._seq
        _log.info("webhooks_delivered_here", executor=self._me, after=self._seq)
        return True

    async def _hold(self, tx: Tx) -> None:
        if not await outbox.hold(tx, self._me):
            raise _NotTheOneError

    def _drop(self) -> None:
        """Forget what is on its way; whoever delivers next tries it again."""
        self._seq = None
        for flight in self._flying.values():
            flight.task.cancel()
        self._flying.clear()
        self._ended.clear()

    # From events to deliveries

    async def _write_down(self) -> None:
        more = True
        while more:
            more = await self._write_page()

    async def _write_page(self) -> bool:
        """Write down the deliveries of the next events; whether there may be more."""
        seq = self._seq or 0
        async with self._db.read() as tx:
            # In this order: who comes in later is told of what happens later.
            newest = await newest_seq(tx)
            plan = Plan(await endpoints.every(tx))
            self._nobody = plan.begins_at is None
            if plan.begins_at is None:
                self._seq = max(seq, newest)
                return False
            begin = max(seq, plan.begins_at)
            found = await outbox.events_between(tx, begin, newest, plan.types, _PAGE)
            followers = await endpoints.followers(tx, sorted({one.topic for one in found}))
        new = plan.deliveries(found, followers)
        full = len(found) == _PAGE
        last = found[-1].seq if full else max(seq, newest)
        if new or last - self._written_seq > _LAZY_SEQS:
            async with self._db.begin() as tx:
                await self._hold(tx)
                there = await endpoints.some(tx, sorted({one.webhook_id for one in new}), lock=True)
                wanted = [one for one in new if one.webhook_id in there and there[one.webhook_id].enabled]
                await deliveries.add(tx, wanted, self._clock.now_s())
                await outbox.move(tx, last)
            self._written_seq = last
        self._seq = last
        return full

    # From deliveries to tries

    async def _start_due(self) -> float:
        """Begin what is due as far as there is room; how long nothing else will be due."""
        now_s = self._clock.now_s()
        while (room := _MOST_IN_FLIGHT - len(self._flying)) > 0:
            busy = self._busy()
            async with self._db.read() as tx:
                found = await deliveries.due(tx, now_s, self._flying.keys(), busy, room)
                webhooks = await endpoints.some(tx, sorted({one.webhook_id for one, _ in found}))
            begun = [self._begin(webhooks.get(one.webhook_id), one, event) for one, event in found]
            if not any(begun):
                break
        if self._ended:
            return 0.0
        async with self._db.read() as tx:
            next_s = await deliveries.next_due_s(tx, now_s)
        return _IDLE_S if next_s is None else min(max(next_s - self._clock.now_s(), 0.01), _IDLE_S)

    def _busy(self) -> set[str]:
        flights = [one for one in self._flying.values() if not one.task.done()]
        counts = Counter(one.webhook_id for one in flights)
        return {one.webhook_id for one in flights if counts[one.webhook_id] >= one.limit}

    def _begin(self, webhook: Webhook | None, delivery: Delivery, event: Event | None) -> bool:
        if webhook is None or delivery.webhook_id in self._busy():
            return False
        if event is None:
            task = asyncio.create_task(_nothing())
            self._ended.append(Tried(delivery, None))
        else:
            task = asyncio.create_task(self._sender.send(webhook, delivery, event))
            task.add_done_callback(lambda done: self._landed(delivery, done))
        limit = _MOST_TO_MANY if webhook.url is None else self._settings.in_flight
        self._flying[delivery.id] = _Flight(webhook.id, limit, task)
        return True

    def _landed(self, delivery: Delivery, task: asyncio.Task[Try]) -> None:
        if task.cancelled() or delivery.id not in self._flying:
            return
        fault = task.exception()
        if fault is None:
            made = task.result()
        else:
            _log.error("webhook_not_sent", delivery=delivery.id, exc_info=fault)
            made = Try(self._clock.now_s(), 0, None, "", "internal_error", type(fault).__name__)
        self._ended.append(Tried(delivery, made))
        self._wake.set()

    # From tries to what becomes of them

    async def _settle(self) -> None:
        ended = list(self._ended)
        if not ended:
            return
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            await self._hold(tx)
            ids = sorted({one.delivery.webhook_id for one in ended})
            webhooks = await endpoints.some(tx, ids, lock=True)
            given_up = 0
            for one in ended:
                changes = after(one, now_s, self._chance())
                given_up += changes.get("state") == "failed"
                await deliveries.change(tx, one.delivery.seq, changes)
            made = [one.made for one in ended if one.made is not None]
            taken = sum(one.error is None for one in made)
            await outbox.count(tx, outbox.Tally(taken, len(made) - taken, given_up))
            told = [await self._judge(tx, one, ended, now_s) for one in webhooks.values()]
            await append(tx, *(one for one in told if one is not None))
        for one in ended:
            self._flying.pop(one.delivery.id, None)
        self._ended = self._ended[len(ended) :]

    async def _judge(self, tx: Tx, webhook: Webhook, ended: list[Tried], now_s: float) -> NewEvent | None:
        """Write down whether a webhook works; the event that tells that it was switched off."""
        tried = [one for one in ended if one.delivery.webhook_id == webhook.id]
        changes = health(webhook, tried, now_s, self._settings.disable_after_days * _DAY_S)
        if changes:
            await endpoints.change(tx, webhook.id, {**changes, "updated_at_s": now_s})
        if changes.get("enabled", webhook.enabled):
            return None
        # It may have been switched off by hand while this was on its way.
        await deliveries.park(tx, webhook.id)
        if "disabled_reason" not in changes:
            return None
        reason = changes["disabled_reason"]
        _log.warning("webhook_disabled", webhook=webhook.id, reason=reason)
        data = {"webhook_id": webhook.id, "url": webhook.url, "reason": reason}
        return NewEvent(webhook.site_id, webhook.id, "webhook.disabled", data, now_s)

    # The end

    async def _drain(self) -> None:
        if self._seq is None:
            return
        tasks = [one.task for one in self._flying.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=_DRAIN_S)
            # What landed is told to the callbacks in the next turn.
            await asyncio.sleep(0)
        with contextlib.suppress(StorageUnavailable, StorageFull, _NotTheOneError):
            await self._settle()
            async with self._db.begin() as tx:
                await outbox.leave(tx, self._me)

    async def _clean(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._cleaned_s is not None and now_s - self._cleaned_s < _CLEAN_S:
            return
        self._cleaned_s = now_s
        before_s = self._clock.now_s() - self._keep_s
        gone = _BATCH
        while gone == _BATCH:
            async with self._db.begin() as tx:
                await self._hold(tx)
                gone = await deliveries.delete_before(tx, before_s, _BATCH)
        async with self._db.begin() as tx:
            await endpoints.forget_topics(tx, self._clock.now_s() - _TOPICS_KEEP_S, _BATCH)


async def _nothing() -> Try:
    return Try(0.0, 0)
