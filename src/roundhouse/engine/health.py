"""Whether a target may be called now: circuit breaker, cool-down after 429, slots for requests in flight."""

from __future__ import annotations

import asyncio

from roundhouse.core.errors import BackendBusy, BackendDown, BackendFailed, Busy, RoundhouseError
from roundhouse.core.ports import Clock


class Breaker:
    """Opens after failures in a row, lets one trial through after a while, closes when it succeeds.

    A 429 with `Retry-After` does not count as a failure: it cools the target down until that time.

    Args:
        failures: Failures in a row that open it.
        open_s: Seconds until a trial.
        clock: Time.
    """

    __slots__ = ("_clock", "_cool_until_s", "_failed", "_failures", "_open_s", "_open_until_s", "_trial")

    def __init__(self, failures: int, open_s: float, clock: Clock) -> None:
        self._failures = failures
        self._open_s = open_s
        self._clock = clock
        self._failed = 0
        self._open_until_s: float | None = None
        self._cool_until_s = 0.0
        self._trial = False

    @property
    def is_open(self) -> bool:
        """Whether calls are refused (a trial may be due)."""
        return self._open_until_s is not None

    def enter(self) -> None:
        """Ask leave for one call; follow with exactly one of `succeeded`, `failed`, `abandoned`.

        Raises:
            BackendDown: The circuit is open.
            BackendBusy: The target asked to wait.
        """
        if self._open_until_s is None and not self._cool_until_s:
            return
        now_s = self._clock.monotonic_s()
        if self._cool_until_s:
            if now_s < self._cool_until_s:
                raise BackendBusy("The model server asked to wait.", retry_after_s=self._cool_until_s - now_s)
            self._cool_until_s = 0.0
        if self._open_until_s is not None:
            if now_s < self._open_until_s or self._trial:
                wait_s = max(self._open_until_s - now_s, 1.0)
                raise BackendDown(
                    "The model server failed repeatedly; its circuit is open.", retry_after_s=wait_s
                )
            self._trial = True

    def began(self) -> None:
        """A stream gives its first events: after a trial others may follow, and one more failure opens it again."""
        if self._trial:
            self._trial = False
            self._open_until_s = None
            self._failed = self._failures - 1

    def succeeded(self) -> None:
        """The call ended well, or with an error that is the request's own fault."""
        self._failed = 0
        self._open_until_s = None
        self._trial = False

    def failed(self, error: RoundhouseError) -> None:
        """The call failed by the target's fault."""
        self._trial = False
        if isinstance(error, BackendBusy):
            if error.retry_after_s:
                self._cool_until_s = self._clock.monotonic_s() + error.retry_after_s
            return
        self._failed += 1
        if self._failed >= self._failures or self._open_until_s is not None:
            self._open_until_s = self._clock.monotonic_s() + self._open_s

    def abandoned(self) -> None:
        """The call was cancelled by the client: nothing is known of the target."""
        self._trial = False

    def judge(self, error: BaseException | None) -> None:
        """Report the end of a call by what it raised, None = it ended well."""
        if error is None:
            self.succeeded()
        elif not isinstance(error, RoundhouseError):
            self.abandoned()
        elif isinstance(error, BackendFailed) and error.retryable:
            self.failed(error)
        else:
            self.succeeded()


class Slots:
    """Requests in flight at one provider; more wait in order, too many are refused.

    Args:
        concurrent: Requests in flight.
        waiting: Requests that may wait.
    """

    __slots__ = ("_average_s", "_concurrent", "_semaphore", "_waiting", "in_flight", "waiting")

    def __init__(self, concurrent: int, waiting: int) -> None:
        self._semaphore = asyncio.Semaphore(concurrent)
        self._concurrent = concurrent
        self._waiting = waiting
        self._average_s = 1.0
        self.waiting = 0
        self.in_flight = 0

    async def take(self) -> None:
        """Take a slot, waiting in order; give it back with `give`.

        Raises:
            Busy: As many wait already as may.
        """
        if self._semaphore.locked():
            if self.waiting >= self._waiting:
                wait_s = self._average_s * (self.waiting + 1) / self._concurrent
                raise Busy(
                    f"{self.waiting} requests wait for this model server already.",
                    retry_after_s=max(1.0, wait_s),
                )
            self.waiting += 1
            try:
                await self._semaphore.acquire()
            finally:
                self.waiting -= 1
        else:
            await self._semaphore.acquire()
        self.in_flight += 1

    def give(self, held_s: float) -> None:
        """Give the slot back after `held_s` seconds."""
        self.in_flight -= 1
        self._average_s += (held_s - self._average_s) * 0.1
        self._semaphore.release()
