"""What a child process tells its parent: frames of JSON, each behind its length, after one mark.

Before the mark the child's standard output is still the interpreter's: what somebody prints at start is no frame.
"""

from __future__ import annotations

import struct

import msgspec

MARK = b"\x00roundhouse child\x00"
HEAD = struct.Struct(">I")
"""Bytes of the frame that follows."""

GRACE_S = 2.0
"""A child that was asked to end has this long, then it is killed."""

MOST_BYTES = 64 * 1024 * 1024
"""Largest argument and largest result; what is larger goes into a file."""


class Started(msgspec.Struct, tag="started"):
    """First frame: `group` is the process group of the function and of what it starts."""

    group: int


class Progress(msgspec.Struct, tag="progress"):
    """How far it is, 0 to 1; None = it does not know."""

    fraction: float | None
    message: str


class Result(msgspec.Struct, tag="result"):
    """Last frame: what the function returned, in JSON."""

    value: msgspec.Raw


class Failure(msgspec.Struct, tag="failure"):
    """Last frame: what the function raised.

    Attributes:
        name: The error's class.
        trace: For the log.
        codes: Of our error tree, from the error's own class to the root; empty = none of ours.
        detail: For users, if it is one of ours.
        param: See `RoundhouseError`.
        retry_after_s: See `RoundhouseError`.
        status: HTTP status.
    """

    name: str
    trace: str
    codes: list[str] = []
    detail: str = ""
    param: str | None = None
    retry_after_s: float | None = None
    status: int = 500


Message = Started | Progress | Result | Failure


def frame(content: bytes) -> bytes:
    """Put the length before it."""
    return HEAD.pack(len(content)) + content
