"""A deliverer with everything around it that it needs, and a receiver that does as it is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.settings import EventSettings, WebhookSettings
from roundhouse.core.types import Caller
from roundhouse.features.webhooks.delivering.deliverer import Deliverer
from roundhouse.features.webhooks.delivering.sending import Sender
from roundhouse.features.webhooks.schemas import DeliveryRead, WebhookCreate, WebhookMade
from roundhouse.features.webhooks.service.deliveries import DeliveryService
from roundhouse.features.webhooks.service.following import Following
from roundhouse.features.webhooks.service.webhooks import WebhookService
from roundhouse.infra.db import Database
from roundhouse.infra.egress.posting import Posted
from roundhouse.infra.events.store import Event, NewEvent, append
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.jobs import executors
from roundhouse.infra.vault import Vault

CALLER = Caller("key_1", "s1", scopes=frozenset({"webhooks", "jobs:read", "files:read"}))
JOB = {"job_id": "job_1", "kind": "evidence.plain", "state": "completed"}


class Post(msgspec.Struct, frozen=True):
    """One message as it was received."""

    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


class Receiver:
    """Takes everything with 200, unless `answers` has something else for it: a status or an error."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.answers: list[int | RoundhouseError] = []
        self.status = 200
        self.hold: asyncio.Event | None = None
        self.inside = self.most_inside = 0

    async def post(self, url: str, headers: dict[str, str], body: bytes, limit_s: float) -> Posted:
        self.posts.append(Post(url, dict(headers), body))
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            if self.hold is not None:
                await self.hold.wait()
        finally:
            self.inside -= 1
        answer = self.answers.pop(0) if self.answers else self.status
        if isinstance(answer, RoundhouseError):
            raise answer
        return Posted(answer, b'{"ok": "\xff"}')

    async def check(self, url: str) -> None:
        """Every address will do."""

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.posts]

    @property
    def types(self) -> list[str]:
        return [one.event["type"] for one in self.posts]


class Desk:
    """The room over one database, with one executor `exe_a` that lives."""

    def __init__(self, db: Database, folder: Path, clock: Any, **limits: Any) -> None:
        self.db = db
        self.clock = clock
        self.vault = Vault(folder)
        self.tail = EventTail(db, EventSettings(), clock)
        self.receiver = Receiver()
        self.settings = WebhookSettings(**limits)
        self.webhooks = WebhookService(db, self.vault, self.receiver, self.settings, clock)
        self.deliveries = DeliveryService(db, clock)
        self.following = Following(db, self.webhooks, self.receiver, clock)
        self.deliverer = self.another("exe_a")

    def another(self, executor_id: str) -> Deliverer:
        """What an executor has."""
        sender = Sender(self.receiver, self.vault, self.clock, 15.0)
        return Deliverer(
            self.db, self.tail, sender, self.settings, 7.0, self.clock, executor_id, chance=lambda: 0.5
        )

    async def join(self, executor_id: str) -> None:
        async with self.db.begin() as tx:
            await executors.insert(
                tx,
                {
                    "id": executor_id,
                    "machine_id": "m",
                    "host": "h",
                    "pid": 1,
                    "lock_path": "/nowhere",
                    "queues": [],
                    "pipelines": [],
                    "version": "1",
                    "renewed_monotonic_s": 0.0,
                    "lease_s": 30.0,
                },
            )

    async def bury(self, executor_id: str) -> None:
        async with self.db.begin() as tx:
            await executors.delete(tx, executor_id)

    async def make(self, **wanted: Any) -> WebhookMade:
        body = {"url": "https://example.org/hook", "events": ["job.*"], **wanted}
        return await self.webhooks.create(CALLER, WebhookCreate(**body))

    async def happen(
        self, *kinds: str, site_id: str = "s1", topic: str = "job_1", data: dict[str, Any] | None = None
    ) -> list[Event]:
        async with self.db.begin() as tx:
            told = [
                NewEvent(site_id, topic, kind, JOB if data is None else data, self.clock.now_s())
                for kind in kinds
            ]
            return await append(tx, *told)

    async def deliver(self, deliverer: Deliverer | None = None) -> float:
        """Beat until nothing is on its way; the pause that the last beat asks for."""
        one = self.deliverer if deliverer is None else deliverer
        pause_s = 0.0
        for _ in range(20):
            pause_s = await one.beat()
            await asyncio.sleep(0)
            if not one.busy:
                return await one.beat()
        return pause_s

    async def list(self, webhook_id: str, **wanted: Any) -> list[DeliveryRead]:
        """All deliveries, oldest first."""
        asked: dict[str, Any] = {"state": None, "event_type": None, "subject": None, "cursor": None, **wanted}
        return (await self.deliveries.page(CALLER, webhook_id, limit=200, **asked)).data[::-1]
