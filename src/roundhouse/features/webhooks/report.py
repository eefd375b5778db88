"""Deliveries as Prometheus sees them: by the database, so every process tells the same."""

from __future__ import annotations

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ports import Clock
from roundhouse.features.webhooks.store import deliveries, outbox
from roundhouse.infra.db import Database
from roundhouse.infra.telemetry.metrics import WEBHOOK_BACKLOG, WEBHOOK_TRIES, Metrics

# Anybody may scrape; the database is not asked for each.
_OLDEST_S = 1.0


class WebhookMetrics:
    """Counts deliveries.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._tries: dict[tuple[str, ...], float] = {}
        self._backlog: dict[tuple[str, ...], float] = {}
        self._looked_s: float | None = None

    def attach(self, metrics: Metrics) -> None:
        """Be scraped from now on."""
        metrics.before_scrape(self.look)
        metrics.watch(WEBHOOK_TRIES, lambda: self._tries)
        metrics.watch(WEBHOOK_BACKLOG, lambda: self._backlog)

    async def look(self) -> None:
        """Read what is there now; without a database nothing is told, rather than what was true once."""
        now_s = self._clock.monotonic_s()
        if self._looked_s is not None and now_s - self._looked_s < _OLDEST_S:
            return
        self._looked_s = now_s
        try:
            async with self._db.read() as tx:
                tally, waiting = await outbox.tally(tx), await deliveries.backlog(tx)
        except StorageUnavailable:
            self._tries, self._backlog = {}, {}
            return
        counts = {"taken": tally.taken, "refused": tally.refused, "given_up": tally.given_up}
        self._tries = {(name,): float(number) for name, number in counts.items()}
        self._backlog = {(): float(waiting)}
