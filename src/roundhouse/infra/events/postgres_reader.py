"""Reads new events of a PostgreSQL database over a connection of its own that listens to `store.CHANNEL`.

A notification says only that there is something; a slow look goes on beside it, for a pooler in between may not
pass notifications on.
"""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import structlog
from sqlalchemy.engine import URL

from roundhouse.core.ports import Clock
from roundhouse.infra.events.reading import PAGE, Receiver, event_of
from roundhouse.infra.events.store import CHANNEL, LAST_NUMBER_POSTGRES

APPLICATION = "roundhouse events"
"""Name of the connection in the server's list."""

_ROWS = (
    "SELECT seq, id, site_id, topic, type, data::text, at_s FROM events WHERE seq > %s ORDER BY seq LIMIT %s"
)
_NEWEST = "SELECT max(seq) FROM events"
_POLL_S = 1.5
_CONNECT_S = 5
_ANSWER_S = 10.0
_SHORTEST_RETRY_S = 0.1
_LONGEST_RETRY_S = 2.0
# Many commits in a row are read together: no more than 100 looks in a second.
_GATHER_S = 0.01

_log = structlog.get_logger(__name__)

_Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class PostgresReader:
    """See `Reader`.

    Args:
        url: Of the database.
        clock: Time.
    """

    def __init__(self, url: URL, clock: Clock) -> None:
        dialect = url.get_dialect()()
        self._options: dict[str, Any] = {
            "connect_timeout": _CONNECT_S,
            "tcp_user_timeout": int(_ANSWER_S * 1000),
            **dialect.create_connect_args(url)[1],
            "application_name": APPLICATION,
        }
        self._clock = clock
        self._after_seq = 0
        self._skipped_seq = 0
        self._retry_s = _SHORTEST_RETRY_S
        self._told = False
        self._task: asyncio.Task[None] | None = None
        self._receiver: Receiver

    def start(self, after_seq: int, receiver: Receiver) -> None:
        """Begin behind `after_seq`."""
        self._after_seq = after_seq
        self._receiver = receiver
        self._task = asyncio.create_task(self._run(), name="events")

    def skip(self, seq: int) -> None:
        """See `Reader`."""
        self._skipped_seq = seq

    async def close(self) -> None:
        """End; reading may be cut off anywhere."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(autocommit=True, **self._options)
                try:
                    await self._listen(connection)
                finally:
                    await connection.close()
            except (psycopg.Error, OSError, TimeoutError) as error:
                self._failed(error)
            await self._clock.sleep(self._retry_s)
            self._retry_s = min(2 * self._retry_s, _LONGEST_RETRY_S)

    async def _listen(self, connection: _Connection) -> None:
        await self._ask(connection, f"LISTEN {CHANNEL}")
        self._after_seq = max(self._after_seq, self._skipped_seq)
        await self._check_numbers(connection)
        while True:
            # Listening comes before reading: what is committed after the page was read is notified.
            await self._read(connection)
            self._mended()
            gathered = asyncio.get_running_loop().time() + _GATHER_S
            async for _ in connection.notifies(timeout=_POLL_S, stop_after=1):
                pass
            await asyncio.sleep(max(0.0, gathered - asyncio.get_running_loop().time()))
            self._after_seq = max(self._after_seq, self._skipped_seq)

    async def _read(self, connection: _Connection) -> None:
        while True:
            rows = await self._ask(connection, _ROWS, self._after_seq, PAGE)
            if rows:
                found = [event_of(row) for row in rows]
                self._after_seq = found[-1].seq
                self._receiver.hand_over(found)
            if len(rows) < PAGE:
                return

    async def _check_numbers(self, connection: _Connection) -> None:
        """A server that was restored, or took over with less than the old one had, gives numbers again."""
        ((last,),) = await self._ask(connection, LAST_NUMBER_POSTGRES)
        if (last or 0) < self._after_seq:
            ((newest,),) = await self._ask(connection, _NEWEST)
            _log.warning("events_start_anew", after_seq=self._after_seq, newest_seq=newest or 0)
            self._after_seq = newest or 0
            self._receiver.start_anew(self._after_seq)

    @staticmethod
    async def _ask(connection: _Connection, statement: str, *values: int) -> list[tuple[Any, ...]]:
        async with asyncio.timeout(_ANSWER_S):
            cursor = await connection.execute(statement, values or None)
            return await cursor.fetchall() if cursor.description else []

    def _failed(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            _log.warning("events_unreadable", error=type(error).__name__)

    def _mended(self) -> None:
        self._retry_s = _SHORTEST_RETRY_S
        if self._told:
            self._told = False
            _log.info("events_readable_again")
