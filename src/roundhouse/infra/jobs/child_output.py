"""What a child process prints: the first lines go to the log, the last ones are kept, the rest is thrown away."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

_MOST_LINES = 100
_KEPT_LINES = 20
_MOST_CHARS = 500
_PIECE_BYTES = 65536
_LATE_S = 0.5

_log = structlog.get_logger(__name__)


class ChildOutput:
    """Reads from its making until the end of the stream.

    Args:
        stream: Standard output and error of the child.
        function: Named in the log.

    Attributes:
        tail: The last lines, for the log when the child died.
    """

    def __init__(self, stream: asyncio.StreamReader, function: str) -> None:
        self.tail: deque[str] = deque(maxlen=_KEPT_LINES)
        self._stream = stream
        self._function = function
        self._lines = 0
        self._task = asyncio.create_task(self._read(), name="output of a child")

    async def close(self) -> None:
        """Read what is left; a stream that somebody still holds open is left after half a second."""
        await asyncio.wait({self._task}, timeout=_LATE_S)
        self._task.cancel()
        if self._lines > _MOST_LINES:
            _log.info("child_output_cut", function=self._function, lines=self._lines)

    async def _read(self) -> None:
        rest = b""
        while piece := await self._stream.read(_PIECE_BYTES):
            # Bars of progress overwrite their line.
            *lines, rest = (rest + piece).replace(b"\r", b"\n").split(b"\n")
            self._note(lines)
            rest = rest[:_PIECE_BYTES]
        self._note([rest])

    def _note(self, lines: list[bytes]) -> None:
        lines = [line for line in lines if line.strip()]
        logged = max(0, min(len(lines), _MOST_LINES - self._lines))
        self._lines += len(lines)
        for line in lines[:logged]:
            _log.info("child_output", function=self._function, line=_readable(line))
        self.tail.extend(_readable(line) for line in lines[-_KEPT_LINES:])


def _readable(line: bytes) -> str:
    return line[: 4 * _MOST_CHARS].decode("utf-8", "replace").strip()[:_MOST_CHARS]
