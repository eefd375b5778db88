"""Usage on its way to the database: kept in memory for half a second, written in batches.

What was recorded before the last flush survives kill -9; the last half second may be lost. While the database
is away or full, records wait in bounded memory; beyond that they are dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from roundhouse.core.errors import BadInput, RoundhouseError, StorageFull, StorageUnavailable
from roundhouse.core.ports import Clock
from roundhouse.core.settings import AccessSettings
from roundhouse.core.types import UsageRecord
from roundhouse.features.access import store
from roundhouse.infra.db import Database

_BATCH = 2_000
_PRUNE_EVERY_S = 3_600.0
_PRUNE_BATCH = 5_000
_MAX_TEXT_CHARS = 500

_log = structlog.get_logger(__name__)


class Spent(msgspec.Struct):
    """What a key used: US dollars, prompt plus completion tokens, requests."""

    usd: float = 0.0
    tokens: int = 0
    requests: int = 0


class UsageWriter:
    """Collects records and writes them (core.ports.UsageSink).

    Args:
        db: The database.
        settings: How often to write, how long to keep.
        clock: Time.
        max_waiting: Records kept while the database is away.
    """

    def __init__(
        self, db: Database, settings: AccessSettings, clock: Clock, max_waiting: int = 100_000
    ) -> None:
        self._db = db
        self._flush_s = settings.usage_flush_s
        self._keep_s = settings.usage_keep_days * store.DAY_S
        self._clock = clock
        self._max_waiting = max_waiting
        self._waiting: list[UsageRecord] = []
        self._writing: Sequence[UsageRecord] = ()
        self._writing_lock = asyncio.Lock()
        self._next_prune_s = clock.monotonic_s()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """Records lost for want of memory, or because the database cannot hold them."""

    def record(self, record: UsageRecord) -> None:
        """Keep one record; never blocks and never fails."""
        if len(self._waiting) >= self._max_waiting:
            self.dropped += 1
            return
        self._waiting.append(record)

    def pending(self) -> dict[str, Spent]:
        """What is not in the database yet, by key."""
        found: dict[str, Spent] = {}
        for record in (*self._writing, *self._waiting):
            _add(found.setdefault(record.key_id, Spent()), record)
        return found

    def start(self) -> None:
        """Begin to write in the background."""
        self._task = asyncio.create_task(self._run(), name="usage writer")

    async def flush(self) -> None:
        """Write all that waits.

        Raises:
            StorageUnavailable: The database does not answer; the records still wait.
            StorageFull: No space left; the records still wait.
        """
        async with self._writing_lock:
            while self._waiting:
                self._writing, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                try:
                    await self._write(self._writing)
                except BaseException:
                    self._waiting = [*self._writing, *self._waiting]
                    raise
                finally:
                    self._writing = ()

    async def prune(self) -> int:
        """Delete records older than `access.usage_keep_days`; returns how many. Sums per day stay."""
        before_s = self._clock.now_s() - self._keep_s
        total = 0
        while True:
            async with self._writing_lock, self._db.begin() as tx:
                deleted = await store.prune_usage(tx, before_s=before_s, at_most=_PRUNE_BATCH)
            total += deleted
            if deleted < _PRUNE_BATCH:
                return total

    async def close(self) -> None:
        """Stop, and write what waits; what cannot be written is dropped and told in the log."""
        if self._task is not None:
            # Not in the middle of a batch: cut off during the commit, it would be written a second time
            # below.
            async with self._writing_lock:
                self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        try:
            await self.flush()
        except (StorageUnavailable, StorageFull) as error:
            self.dropped += len(self._waiting)
            _log.error("usage_lost", records=len(self._waiting), error=error.detail)
            self._waiting = []

    async def _run(self) -> None:
        failing = False
        while True:
            await self._clock.sleep(self._flush_s)
            try:
                await self.flush()
                await self._prune_now_and_then()
            except RoundhouseError as error:
                if not failing:
                    _log.warning("usage_waits", error=error.detail, dropped=self.dropped)
                failing = True
            else:
                failing = False

    async def _prune_now_and_then(self) -> None:
        if self._clock.monotonic_s() >= self._next_prune_s:
            self._next_prune_s = self._clock.monotonic_s() + _PRUNE_EVERY_S
            await self.prune()

    async def _write(self, records: Sequence[UsageRecord]) -> None:
        """Write a batch; when one record cannot be stored, halve until it is found and leave it out."""
        try:
            await self._insert(records)
        except BadInput:
            if len(records) == 1:
                self.dropped += 1
                _log.error("usage_record_refused", request_id=records[0].request_id)
                return
            middle = len(records) // 2
            await self._write(records[:middle])
            await self._write(records[middle:])

    async def _insert(self, records: Sequence[UsageRecord]) -> None:
        async with self._db.begin() as tx:
            await store.insert_usage(tx, [_fit(record) for record in records])
            await store.add_spending(tx, _sums(records))
            used_at_s: dict[str, float] = {}
            for record in records:
                used_at_s[record.key_id] = max(record.at_s, used_at_s.get(record.key_id, 0.0))
            await store.touch_keys(tx, used_at_s)


def _fit(record: UsageRecord) -> UsageRecord:
    """Cut what a client may have made endless, and take out what PostgreSQL cannot keep."""
    texts = (record.requested_model, record.target, record.reason)
    if all(len(text) <= _MAX_TEXT_CHARS and "\x00" not in text for text in texts):
        return record
    model, target, reason = (text[:_MAX_TEXT_CHARS].replace("\x00", "\ufffd") for text in texts)
    return msgspec.structs.replace(record, requested_model=model, target=target, reason=reason)


def _add(spent: Spent, record: UsageRecord) -> None:
    spent.usd += record.cost_usd
    spent.tokens += record.prompt_tokens + record.completion_tokens
    spent.requests += 1


def _sums(records: Sequence[UsageRecord]) -> list[dict[str, Any]]:
    found: dict[tuple[str, int], Spent] = {}
    for record in records:
        _add(found.setdefault((record.key_id, int(record.at_s // store.DAY_S)), Spent()), record)
    return [
        {"key_id": key_id, "day": day, "requests": sum_.requests, "tokens": sum_.tokens, "cost_usd": sum_.usd}
        for (key_id, day), sum_ in found.items()
    ]
