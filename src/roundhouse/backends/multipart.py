"""A form with one file on its way to a server, read from the disk as it is sent.

Source:
    RFC 7578 (2015).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

_PIECE_BYTES = 256 * 1024


def new_boundary() -> str:
    """A line that no file holds."""
    return f"roundhouse-{secrets.token_hex(24)}"


class FileForm:
    """`core.ports.Upload`.

    Args:
        boundary: Named in the request's content type.
        fields: Names and values.
        path: Of the file, which goes into the field `file`.
        filename: Told to the server; a plain name.
    """

    def __init__(self, boundary: str, fields: Sequence[tuple[str, str]], path: Path, filename: str) -> None:
        line = f"--{boundary}\r\n".encode()
        before = b"".join(
            line + f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields
        )
        told = f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        self._before = before + line + told.encode() + b"Content-Type: audio/wav\r\n\r\n"
        self._after = f"\r\n--{boundary}--\r\n".encode()
        self._path = path
        self._file_bytes = path.stat().st_size
        self.size_bytes = len(self._before) + self._file_bytes + len(self._after)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All of it; a file that has become longer is cut."""
        yield self._before
        left = self._file_bytes
        with await asyncio.to_thread(self._path.open, "rb") as file:
            while left and (piece := await asyncio.to_thread(file.read, min(left, _PIECE_BYTES))):
                left -= len(piece)
                yield piece
        if left:
            raise OSError(f"{self._path} has become shorter while it was sent.")
        yield self._after
