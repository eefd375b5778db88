"""The real time."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The machine's clocks: Unix time in seconds, and seconds that never go back.

    Both are the interpreter's own functions, without a frame of ours around them: they are read several times
    in every request.
    """

    now_s = staticmethod(time.time)
    monotonic_s = staticmethod(time.monotonic)

    async def sleep(self, delay_s: float) -> None:
        """Wait."""
        await asyncio.sleep(delay_s)
