"""How long the stages of a search take."""

from __future__ import annotations

from roundhouse.core.ports import Clock


class Timing:
    """A watch.

    Args:
        clock: Time.

    Attributes:
        marks_ms: Of each stage so far.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_s = clock.monotonic_s()
        self.marks_ms: dict[str, float] = {}

    def mark(self, stage: str) -> None:
        """A stage ended."""
        now_s = self._clock.monotonic_s()
        self.marks_ms[stage] = round(1000 * (now_s - self._last_s), 3)
        self._last_s = now_s
