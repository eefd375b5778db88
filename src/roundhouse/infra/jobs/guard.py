"""The end of an executor that cannot tell any more that it lives.

Others take its jobs over once its lease has run out, so it must be gone before: also when its event loop is blocked,
and when it wakes from being frozen and believes that no time has passed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import structlog

from roundhouse.core.ports import Clock

ENDED_ITSELF = 75
"""Exit code: try again later (EX_TEMPFAIL of sysexits.h)."""

_SHARE = 0.9
_LOOKS = 20
_LOG_WAIT_S = 0.1

_log = structlog.get_logger(__name__)


class LeaseGuard:
    """A thread that ends the process when the lease was not renewed in time.

    Args:
        lease_s: Others take the executor for dead after this time; it ends itself after nine tenths of it.
        clock: Time; its monotonic seconds are read in a thread.
        end: Ends the process with an exit code.
    """

    def __init__(self, lease_s: float, clock: Clock, end: Callable[[int], object] = os._exit) -> None:
        self._lease_s = lease_s
        self._clock = clock
        self._end = end
        self._renewed_s = clock.monotonic_s()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to watch, perhaps once more; the lease counts from now."""
        self._renewed_s = self._clock.monotonic_s()
        self._stopped.clear()
        threading.Thread(target=self._watch, name="lease guard", daemon=True).start()

    def renewed(self, at_s: float) -> None:
        """The lease was renewed, by a statement that began at this monotonic time."""
        self._renewed_s = at_s

    @property
    def expired(self) -> bool:
        """Whether it is too late to do anything: others may have taken over."""
        return self._clock.monotonic_s() - self._renewed_s > self._lease_s * _SHARE

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()

    def end(self, why: str) -> None:
        """Write a last line and end the process at once."""
        self._stopped.set()
        # In a thread of its own: whoever was frozen may hold the lock of the log.
        silent_s = round(self._clock.monotonic_s() - self._renewed_s, 1)
        line = threading.Thread(
            target=_log.critical,
            args=("executor_ends_itself",),
            kwargs={"why": why, "silent_s": silent_s},
            daemon=True,
        )
        line.start()
        line.join(_LOG_WAIT_S)
        self._end(ENDED_ITSELF)

    def _watch(self) -> None:
        while not self._stopped.wait(self._lease_s / _LOOKS):
            if self.expired:
                self.end("lease_expired")
                return
