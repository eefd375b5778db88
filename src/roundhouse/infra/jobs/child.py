"""Heavy work in a child process, the parent's side: start it, hear it, end it.

A native library cannot be stopped from within its process, and a fault in it must not take the executor along. The
child (`child_main`) ends with whoever waits for it, however that ends: by cancellation, by an error, or by kill -9.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from roundhouse.core.errors import ChildFailed, RoundhouseError, TooLarge
from roundhouse.infra.jobs import child_wire as wire
from roundhouse.infra.jobs.child_output import ChildOutput

_PACKAGES = ("roundhouse",)
_MODULE = "roundhouse.infra.jobs.child_main"
_PATIENCE_S = 3.0
_POLL_S = 0.02

_log = structlog.get_logger(__name__)
_decoder = msgspec.json.Decoder(wire.Message)

OnProgress = Callable[[float, str], None]


async def run_in_child(
    function: str,
    argument: Any,
    *,
    on_progress: OnProgress,
    folder: Path,
    packages: Sequence[str] = _PACKAGES,
) -> Any:
    """Run `module:function` in a process of its own; it takes `(argument, tell)`, both it and its result JSON values.

    Cancel it, and the child and every program it started are asked to end and two seconds later killed; it returns
    when they are gone. What the child prints is logged, the first lines of it.

    Args:
        function: In one of `packages`, or named by a plugin under the entry points `roundhouse.children`. Written by
            our own code, never by a user.
        argument: Up to 64 MiB of JSON.
        on_progress: Called with a fraction from 0 to 1 and a line of text.
        folder: Its working directory; must be there.
        packages: Packages in which functions are looked for.

    Raises:
        RoundhouseError: What the function raised, of the same class.
        ChildFailed: It raised something else, or the process died.
        TooLarge: The argument or the result is larger than 64 MiB.
    """
    content = msgspec.json.encode(argument)
    if len(content) > wire.MOST_BYTES:
        raise TooLarge("What is given to a child process is larger than 64 MiB; give it a file.")
    command = (sys.executable, "-P", "-m", _MODULE, function, *packages)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        raise ChildFailed(f"The child process could not be started: {error.strerror}.") from error
    child = _Child(process, function)
    ends_by_itself = False
    try:
        last = await child.follow(content, on_progress)
        ends_by_itself = True
    finally:
        await _to_the_end(child.end(hurry=not ends_by_itself))
    if isinstance(last, wire.Result):
        return msgspec.json.decode(last.value)
    raise child.death() if last is None else _error(last, function)


class _Child:
    """One process that was started."""

    def __init__(self, process: asyncio.subprocess.Process, function: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._function = function
        self._group = 0
        self._output = ChildOutput(process.stderr, function)

    async def follow(self, argument: bytes, on_progress: OnProgress) -> wire.Result | wire.Failure | None:
        """Give it its argument and hear it to its last frame; None = it ended without one."""
        with suppress(ConnectionError):
            self._stdin.write(wire.frame(argument))
            await self._stdin.drain()
        try:
            await self._stdout.readuntil(wire.MARK)
            while True:
                (size,) = wire.HEAD.unpack(await self._stdout.readexactly(wire.HEAD.size))
                message = _decoder.decode(await self._stdout.readexactly(size))
                if isinstance(message, wire.Result | wire.Failure):
                    return message
                if isinstance(message, wire.Progress):
                    on_progress(message.fraction or 0.0, message.message)
                else:
                    self._group = message.group
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None

    async def end(self, *, hurry: bool) -> None:
        """Return when it is gone, with everything it started.

        Args:
            hurry: It is not about to end by itself.
        """
        if not hurry and await self._gone(wire.GRACE_S):
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        if not await self._gone(wire.GRACE_S + _PATIENCE_S):
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._gone()

    async def _gone(self, timeout_s: float = math.inf) -> bool:
        if not await self._exited(timeout_s):
            return False
        self._stdin.close()
        if sys.platform != "win32" and self._group and (self._process.returncode or 0) < 0:
            # Its keeper was killed and could not end what it kept.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)
        await self._output.close()
        return True

    async def _exited(self, timeout_s: float) -> bool:
        """`wait` alone would also wait for whoever still holds the child's output open."""
        waiting = asyncio.ensure_future(self._process.wait())
        try:
            while self._process.returncode is None and timeout_s > 0:
                await asyncio.wait({waiting}, timeout=_POLL_S)
                timeout_s -= _POLL_S
            return self._process.returncode is not None
        finally:
            waiting.cancel()

    def death(self) -> ChildFailed:
        """The error of a process that ended without a last word."""
        code = self._process.returncode or 0
        number = -code if code < 0 else code - 128
        told = f"exit code {code}"
        if number in {one.value for one in signal.Signals}:
            told = signal.Signals(number).name
        _log.error("child_died", function=self._function, ended_by=told, output=self._output.tail)
        if told == "SIGKILL":
            told = "SIGKILL, as the system does when memory runs out"
        return ChildFailed(f"The child process ended by {told}.")


def _error(failure: wire.Failure, function: str) -> RoundhouseError:
    """What the function raised, as our class nearest to its own."""
    error = wire.error_of(failure)
    if error is None:
        _log.error("child_failed", function=function, error=failure.name, trace=failure.trace)
        return ChildFailed(f"The child process failed: {failure.name}.")
    return error


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for it also when cancelled meanwhile: nobody may believe that a device is free while the child has it."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
