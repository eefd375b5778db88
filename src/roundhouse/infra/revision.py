"""The configuration's revision: one counter that every change of keys, providers and aliases raises.

Each process polls it (a point read every 0.4 s) and drops what it remembers when it moved: a key revoked in
one process fails in all of them within a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import sqlalchemy as sa
import structlog

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.infra.background import stop
from roundhouse.infra.db import Database, Tx, metadata

config_revision = sa.Table(
    "config_revision",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
"""One row, id 1."""

_log = structlog.get_logger(__name__)

Callback = Callable[[], Awaitable[None]]


async def bump(tx: Tx) -> None:
    """Tell every process that the configuration changed; call it inside the transaction of the change."""
    await tx.execute(sa.update(config_revision).values(revision=config_revision.c.revision + 1))


async def read_revision(tx: Tx) -> int:
    """The counter as it stands."""
    return int((await tx.execute(sa.select(config_revision.c.revision))).scalar_one())


class RevisionWatcher:
    """Polls the counter and calls back when it moved.

    Args:
        db: The database.
        poll_s: Pause between two looks.
        clock: Time.
    """

    def __init__(self, db: Database, poll_s: float, clock: Clock) -> None:
        self._db = db
        self._poll_s = poll_s
        self._clock = clock
        self._callbacks: list[Callback] = []
        self._seen: int | None = None
        self._looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.last_ok_monotonic_s = clock.monotonic_s()
        """When the database last told the revision and every callback had run."""

    def on_change(self, callback: Callback) -> None:
        """Call `callback` after every change; one that raises is called again at the next look."""
        self._callbacks.append(callback)

    async def start(self) -> None:
        """Read the revision and begin to poll.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        async with self._db.read() as tx:
            self._seen = await read_revision(tx)
        self.last_ok_monotonic_s = self._clock.monotonic_s()
        self._task = asyncio.create_task(self._poll(), name="config revision")

    async def check_now(self) -> None:
        """Look now: after a change made in this process, so that it is in force before the answer leaves.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        async with self._looking:
            async with self._db.read() as tx:
                revision = await read_revision(tx)
            if revision != self._seen:
                for callback in self._callbacks:
                    await callback()
                self._seen = revision
            self.last_ok_monotonic_s = self._clock.monotonic_s()

    async def close(self) -> None:
        """Stop polling."""
        await stop(self._task, self._looking)
        self._task = None

    async def _poll(self) -> None:
        failing = False
        while True:
            await self._clock.sleep(self._poll_s)
            try:
                await self.check_now()
            except (RoundhouseError, sa.exc.SQLAlchemyError) as error:
                # Must go on: a poll that stopped would let revoked keys live until the offline grace is over.
                if not failing:
                    _log.warning("config_revision_unreadable", error=type(error).__name__)
                failing = True
            else:
                failing = False
