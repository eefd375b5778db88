"""Reads new events of a SQLite file.

`PRAGMA data_version` moves when another connection has committed; a look costs some µs and reads no page of the
file, waking up for it costs more. It is done in a thread of its own, with the rows read there as well: measured, that
costs less than a timer on the event loop, and a disk that hangs stops this thread and no request. Where nothing
happens it looks half as often: 0.3 % of a core at 20 ms.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from roundhouse.infra.events.reading import PAGE, Receiver, event_of
from roundhouse.infra.events.store import LAST_NUMBER_SQLITE

_ROWS = "SELECT seq, id, site_id, topic, type, data, at_s FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
_NEWEST = "SELECT max(seq) FROM events"
_BUSY = frozenset({5, 6})  # SQLITE_BUSY, SQLITE_LOCKED
_PATIENCE_S = 1.0
_RETRY_S = 0.2
_IDENTIFY_S = 1.0
_JOIN_S = 5.0
_SHORT_S = 0.1
_REST_AFTER_S = 2.0
_REST_FACTOR = 2

_log = structlog.get_logger(__name__)

Identity = tuple[int, int, int]


class SqliteReader:
    """See `Reader`.

    Args:
        path: The database file.
        poll_s: Pause between two looks; twice as long when there was no event for two seconds.
    """

    def __init__(self, path: Path, poll_s: float) -> None:
        self._path = path
        self._poll_s = poll_s
        self._after_seq = 0
        self._skipped_seq = 0
        self._version = -1
        self._connection: sqlite3.Connection | None = None
        self._identity: Identity | None = None
        self._identify_at_s = 0.0
        self._rest_at_s = 0.0
        self._failing_since_s: float | None = None
        self._told = False
        self._stop = threading.Event()
        self._taken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._receiver: Receiver
        self._loop: asyncio.AbstractEventLoop

    def start(self, after_seq: int, receiver: Receiver) -> None:
        """Begin behind `after_seq`."""
        self._after_seq = after_seq
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def skip(self, seq: int) -> None:
        """See `Reader`."""
        self._skipped_seq = seq

    async def close(self) -> None:
        """End; a thread that hangs in the file system is left behind after five seconds."""
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _JOIN_S)

    # From here on all runs in the thread.

    def _run(self) -> None:
        pause_s = 0.0
        while not self._paused(pause_s):
            try:
                self._look()
            except (sqlite3.Error, OSError) as error:
                self._failed(error)
                pause_s = max(self._poll_s, _RETRY_S)
            else:
                self._mended()
                resting = time.monotonic() >= self._rest_at_s
                pause_s = self._poll_s * _REST_FACTOR if resting else self._poll_s
        self._drop()

    def _paused(self, pause_s: float) -> bool:
        """Wait; returns whether to stop."""
        if pause_s > _SHORT_S:
            return self._stop.wait(pause_s)
        # Half the price of waiting for the event; a stop is seen soon enough.
        time.sleep(pause_s)
        return self._stop.is_set()

    def _look(self) -> None:
        self._after_seq = max(self._after_seq, self._skipped_seq)
        if time.monotonic() >= self._identify_at_s:
            self._identify()
        connection = self._connection or self._open()
        (version,) = connection.execute("PRAGMA data_version").fetchall()[0]
        if version != self._version:
            self._read(connection)
            self._version = version

    def _read(self, connection: sqlite3.Connection) -> None:
        while not self._stop.is_set():
            # The whole page at once: a statement left open would keep the write-ahead log from being emptied.
            found = [event_of(row) for row in connection.execute(_ROWS, (self._after_seq, PAGE)).fetchall()]
            if found:
                self._after_seq = found[-1].seq
                self._rest_at_s = time.monotonic() + _REST_AFTER_S
                self._post(lambda: self._receiver.hand_over(found))  # noqa: B023 - called before the next turn
            if len(found) < PAGE:
                return

    def _open(self) -> sqlite3.Connection:
        file = self._path.stat()
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=0, isolation_level=None
        )
        try:
            last = connection.execute(LAST_NUMBER_SQLITE).fetchall()
            if (last[0][0] if last else 0) < self._after_seq:
                self._start_anew(connection)
        except BaseException:
            connection.close()
            raise
        self._identity = (file.st_dev, file.st_ino, self._shared_memory())
        self._identify_at_s = time.monotonic() + _IDENTIFY_S
        self._version = -1
        self._connection = connection
        return connection

    def _start_anew(self, connection: sqlite3.Connection) -> None:
        newest = connection.execute(_NEWEST).fetchall()[0][0] or 0
        _log.warning("events_start_anew", after_seq=self._after_seq, newest_seq=newest)
        self._after_seq = newest
        self._post(lambda: self._receiver.start_anew(newest))

    def _identify(self) -> None:
        """Give the connection up when its file is not the one at this path any more: it would see nothing new."""
        self._identify_at_s = time.monotonic() + _IDENTIFY_S
        if self._connection is not None:
            file = self._path.stat()
            if self._identity != (file.st_dev, file.st_ino, self._shared_memory()):
                _log.warning("events_file_replaced")
                self._drop()

    def _shared_memory(self) -> int:
        try:
            return self._path.with_name(f"{self._path.name}-shm").stat().st_ino
        except FileNotFoundError:
            return 0

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, act: Callable[[], None]) -> None:
        """Have it done on the event loop, and wait for it: a loop that is behind must not pile up events."""
        self._taken.clear()
        try:
            self._loop.call_soon_threadsafe(self._act, act)
        except RuntimeError:
            # The loop was closed without us.
            self._stop.set()
        while not self._taken.wait(_RETRY_S) and not self._stop.is_set():
            pass

    def _act(self, act: Callable[[], None]) -> None:
        try:
            if not self._stop.is_set():
                act()
        finally:
            self._taken.set()

    def _failed(self, error: sqlite3.Error | OSError) -> None:
        busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY
        if not busy:
            self._drop()
        now_s = time.monotonic()
        since_s = self._failing_since_s = self._failing_since_s or now_s
        if not self._told and (not busy or now_s - since_s >= _PATIENCE_S):
            self._told = True
            _log.warning("events_unreadable", error=type(error).__name__, detail=str(error))

    def _mended(self) -> None:
        if self._told:
            _log.info("events_readable_again")
        self._told = False
        self._failing_since_s = None
