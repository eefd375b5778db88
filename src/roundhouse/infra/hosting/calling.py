"""A call of a model's process: what is said and heard over one line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec
import structlog

from roundhouse.core.errors import BackendDown, BackendFailed, BackendTimeout, RoundhouseError
from roundhouse.infra.hosting import wire
from roundhouse.infra.jobs.child_wire import Failure, error_of
from roundhouse.infra.rendezvous import Line

_log = structlog.get_logger(__name__)
_decode = msgspec.json.Decoder(wire.Told).decode


class Call:
    """One line, as its own `Ears`.

    Args:
        name: Of the process.
        line: To it.
    """

    def __init__(self, name: str, line: Line) -> None:
        self.name = name
        self._line = line
        self._heard: asyncio.Queue[wire.Told | None] = asyncio.Queue()
        self._is_lost = False

    def heard(self, frame: bytes) -> None:
        """A frame came."""
        self._heard.put_nowait(_decode(frame))

    def lost(self) -> None:
        """The process has hung up, or is gone."""
        self._is_lost = True
        self._heard.put_nowait(None)

    def say(self, message: wire.Asked) -> None:
        """Ask for something."""
        self._line.send(msgspec.json.encode(message))

    async def next(self) -> wire.Told:
        """What it says next.

        Raises:
            BackendDown: It is gone.
            RoundhouseError: It tells a failure, which is raised as it was there.
        """
        if self._is_lost and self._heard.empty():
            raise self._gone()
        message = await self._heard.get()
        if message is None:
            raise self._gone()
        if isinstance(message, Failure):
            raise self._failed(message)
        return message

    async def until_gone(self, timeout_s: float) -> bool:
        """Wait until the process is gone; False = it is still there."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._is_lost:
                    await self._heard.get()
        except TimeoutError:
            return False
        return True

    def hang_up(self) -> None:
        """Leave; work that was asked for is taken back."""
        self._line.close(at_once=True)

    def _gone(self) -> BackendDown:
        return BackendDown(f"The process of the model {self.name} ended.")

    def _failed(self, failure: Failure) -> RoundhouseError:
        error = error_of(failure)
        if error is None:
            _log.error("hosted_model_failed", name=self.name, error=failure.name, trace=failure.trace)
            return BackendFailed(f"The model {self.name} failed: {failure.name}.")
        return error


class Work:
    """`core.hosting.HostedWork` over a call that has brought it.

    Args:
        call: To the process.
        idle_s: Longest time between two partial results.
        stuck: Ends the process.
    """

    def __init__(self, call: Call, idle_s: float, stuck: Callable[[], Awaitable[None]]) -> None:
        self.result: Any = None
        self._call = call
        self._idle_s = idle_s
        self._stuck = stuck

    async def __aiter__(self) -> AsyncGenerator[Any, None]:
        limit_s: float | None = None
        try:
            while True:
                async with asyncio.timeout(limit_s):
                    message = await self._call.next()
                limit_s = self._idle_s
                if isinstance(message, wire.Piece):
                    yield msgspec.json.decode(message.value)
                elif isinstance(message, wire.Result):
                    self.result = msgspec.json.decode(message.value)
                    return
        except TimeoutError:
            await self._stuck()
            raise BackendTimeout(
                f"The model {self._call.name} told nothing for {self._idle_s:g} s; its process was ended."
            ) from None
        finally:
            self._call.hang_up()

    async def aclose(self) -> None:
        """Let it stop."""
        self._call.hang_up()
