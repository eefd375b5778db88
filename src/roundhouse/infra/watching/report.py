"""How the watched folders stand: for the command line, and for Prometheus."""

from __future__ import annotations

from typing import Any

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ports import Clock
from roundhouse.infra.db import Database
from roundhouse.infra.moments import moment_or_none
from roundhouse.infra.telemetry.metrics import WATCHED_FILES, Metrics
from roundhouse.infra.watching import store

_STATES = ("taken", "refused", "done", "failed", "removed")
# Anybody may scrape; the database is not asked for each.
_OLDEST_S = 1.0


async def report(db: Database, now_s: float) -> list[dict[str, Any]]:
    """All folders that were ever watched.

    Args:
        db: The database.
        now_s: Unix time.

    Returns:
        Of each `kind`, `path`, `site_id`, `is_watched` now, `looked_at`, `error`, and numbers of files: `waiting`
        (they may still be changing, or have no room), `taken` (worked on), `refused`, `done`, `failed`, `removed`.
    """
    async with db.read() as tx:
        folders = await store.folders(tx)
        counts = await store.counts(tx)
    return [
        {
            "kind": one["kind"],
            "path": one["path"],
            "site_id": one["site_id"],
            "is_watched": one["held_until_s"] >= now_s,
            "looked_at": moment_or_none(one["looked_at_s"]),
            "error": one["error"],
            "waiting": one["files_waiting"],
            **{state: counts.get((one["id"], state), 0) for state in _STATES},
        }
        for one in folders
    ]


class WatchMetrics:
    """Counts files of watched folders.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._files: dict[tuple[str, ...], float] = {}
        self._looked_s: float | None = None

    def attach(self, metrics: Metrics) -> None:
        """Be scraped from now on."""
        metrics.before_scrape(self.look)
        metrics.watch(WATCHED_FILES, lambda: self._files)

    async def look(self) -> None:
        """Read what is there now; without a database nothing is told, rather than what was true once."""
        now_s = self._clock.monotonic_s()
        if self._looked_s is not None and now_s - self._looked_s < _OLDEST_S:
            return
        self._looked_s = now_s
        try:
            folders = await report(self._db, self._clock.now_s())
        except StorageUnavailable:
            self._files = {}
            return
        self._files = {(state,): float(sum(one[state] for one in folders)) for state in ("waiting", *_STATES)}
