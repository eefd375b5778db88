"""Keeps one child process alive: the executor beside the API process.

The child holds a lifeline (`infra.lifeline`): when this process dies, however it dies, the child puts its jobs back
and ends. It is in a session of its own, so that Ctrl-C reaches it only through here: once, as a request to drain.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import structlog

from roundhouse.core.ports import Clock

_SHORT_LIFE_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 10.0
_STDERR = 2

_log = structlog.get_logger(__name__)


class ChildState(msgspec.Struct):
    """How the child is.

    Attributes:
        pid: Its process; None = it does not run just now.
        started_at_s: Unix time of its last start.
        restarts: How often it was started again.
        last_exit: How it ended the last time: `exit 1`, `signal 9`, `not started: …`.
    """

    pid: int | None = None
    started_at_s: float | None = None
    restarts: int = 0
    last_exit: str | None = None


class Supervisor:
    """Starts a child, and starts it again whenever it dies; never two at a time.

    Args:
        command: Program and arguments; others can see them, so no secret.
        drain_s: Time that the child needs for its drain.
        clock: Time.
        patience_s: A child that has not ended so long after its drain has its lifeline cut; so long after that it is
            killed.

    Attributes:
        state: How the child is now.
    """

    def __init__(
        self, command: Sequence[str], *, drain_s: float, clock: Clock, patience_s: float = 3.0
    ) -> None:
        self.state = ChildState()
        self._command = list(command)
        self._drain_s = drain_s
        self._patience_s = patience_s
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._line: int | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the child, and keep it alive until `drain` or `close`."""
        if self._task is None and not self._stopping.is_set():
            self._task = asyncio.create_task(self._keep_alive(), name="executor supervisor")

    def drain(self) -> None:
        """Ask the child to end, in its own time; it is not started again."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._ask_to_drain()

    async def close(self, *, hurry: bool = False) -> None:
        """End the child and wait for it; one that does not end in time is killed.

        Args:
            hurry: Without a drain: its jobs go back to their queues at once.
        """
        self.drain()
        if self._task is None:
            return
        try:
            if not hurry:
                await asyncio.wait({self._task}, timeout=self._drain_s + self._patience_s)
        finally:
            # Whoever does not wait for it leaves it to the lifeline.
            self._cut()
        _, alive = await asyncio.wait({self._task}, timeout=self._patience_s)
        if alive:
            self._kill()
        await self._task

    async def _keep_alive(self) -> None:
        pause_s = 0.0
        for restarts in itertools.count():
            if self._stopping.is_set():
                return
            self.state.restarts = restarts
            began_s = self._clock.monotonic_s()
            await self._live()
            if self._stopping.is_set():
                return
            lived_s = self._clock.monotonic_s() - began_s
            pause_s = _next_pause_s(pause_s) if lived_s < _SHORT_LIFE_S else 0.0
            _log.warning(
                "executor_died", exit=self.state.last_exit, lived_s=round(lived_s, 1), again_in_s=pause_s
            )
            await self._pause(pause_s)

    async def _live(self) -> None:
        """One life of the child, from start to end."""
        try:
            process = await self._start()
        except OSError as error:
            self.state.last_exit = f"not started: {error.strerror or type(error).__name__}"
            return
        self._process = process
        self.state.pid, self.state.started_at_s = process.pid, self._clock.now_s()
        _log.info("executor_started", pid=process.pid)
        if self._stopping.is_set():
            self._ask_to_drain()
        code = await process.wait()
        self._process = None
        self.state.pid = None
        self.state.last_exit = f"signal {-code}" if code < 0 else f"exit {code}"
        self._cut()

    async def _start(self) -> asyncio.subprocess.Process:
        theirs, self._line = os.pipe()
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=theirs,
                # It prints nothing; what a library of its own prints must not look like our data.
                stdout=_STDERR,
                start_new_session=True,
            )
        except OSError:
            self._cut()
            raise
        finally:
            os.close(theirs)

    async def _pause(self, pause_s: float) -> None:
        if pause_s:
            waits = {
                asyncio.ensure_future(self._clock.sleep(pause_s)),
                asyncio.ensure_future(self._stopping.wait()),
            }
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waits:
                    one.cancel()

    def _ask_to_drain(self) -> None:
        if self._process is None:
            return
        if sys.platform == "win32":
            # There a signal would kill it; this way its jobs go back to their queues.
            self._cut()
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def _cut(self) -> None:
        if self._line is not None:
            os.close(self._line)
            self._line = None

    def _kill(self) -> None:
        if self._process is not None:
            _log.error("executor_killed", pid=self._process.pid)
            with suppress(ProcessLookupError):
                self._process.kill()


def _next_pause_s(pause_s: float) -> float:
    return min(pause_s * 2, _LONGEST_PAUSE_S) if pause_s else _FIRST_PAUSE_S
