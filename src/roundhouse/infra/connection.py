"""What every connection of the listening server knows of its client, whatever is spoken over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from roundhouse.core.settings import ServerSettings


class ClientWatch(asyncio.Protocol):
    """Notices that a client is gone, or takes nothing; a base of connections that stands before uvicorn's class."""

    loop: asyncio.AbstractEventLoop
    _limits: ServerSettings
    _on_lost: Callable[[], None] | None = None
    _is_lost = False
    _write_paused_at_s: float | None = None

    def watch(self, lost: Callable[[], None] | None) -> None:
        """Have `lost` called when the client's connection ends; None = no longer."""
        self._on_lost = lost
        if lost is not None and self._is_lost:
            self.loop.call_soon(lost)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application."""
        self._is_lost = True
        super().connection_lost(exc)
        lost, self._on_lost = self._on_lost, None
        if lost is not None:
            lost()

    def pause_writing(self) -> None:
        """The client takes what it is sent more slowly than it comes."""
        self._write_paused_at_s = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self._write_paused_at_s = None
        super().resume_writing()

    def _is_stuck(self, now_s: float) -> bool:
        """Whether it has taken nothing for as long as it may."""
        paused_at_s = self._write_paused_at_s
        return paused_at_s is not None and now_s - paused_at_s >= self._limits.body_timeout_s
