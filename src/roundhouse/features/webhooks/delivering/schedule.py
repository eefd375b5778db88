"""When is tried again.

Source:
    Svix, retry schedule (2025): at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h.
"""

from __future__ import annotations

PAUSES_S = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
"""Pause after the first failed try, the second …"""

MOST_TRIES = len(PAUSES_S) + 1
_JITTER = 0.2


def pause_s(attempts: int, chance: float) -> float | None:
    """How long to wait after so many tries, None = none is left.

    Args:
        attempts: Tries that failed, from 1.
        chance: From 0 up to 1; up to a fifth is added by it, so that what failed together does not come back together.
    """
    if attempts >= MOST_TRIES:
        return None
    return PAUSES_S[attempts - 1] * (1.0 + _JITTER * chance)
