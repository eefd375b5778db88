"""What a child process tells its parent: frames of JSON, each behind its length, after one mark.

Before the mark the child's standard output is still the interpreter's: what somebody prints at start is no frame.
"""

from __future__ import annotations

import struct
import traceback

import msgspec

from roundhouse.core.errors import RoundhouseError, tree

MARK = b"\x00roundhouse child\x00"
HEAD = struct.Struct(">I")
"""Bytes of the frame that follows."""

GRACE_S = 2.0
"""A child that was asked to end has this long, then it is killed."""

_MOST_TRACE = 20_000

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


def failure_of(error: Exception) -> Failure:
    """What is told of an error."""
    failure = Failure(type(error).__name__, "".join(traceback.format_exception(error))[-_MOST_TRACE:])
    if isinstance(error, RoundhouseError):
        kinds = [kind for kind in type(error).__mro__ if issubclass(kind, RoundhouseError)]
        failure.codes = [kind.code for kind in kinds]
        failure.detail, failure.param = error.detail, error.param
        failure.retry_after_s, failure.status = error.retry_after_s, error.status
    return failure


def error_of(failure: Failure) -> RoundhouseError | None:
    """The error that was told, as our class nearest to its own; None = it is none of our tree's."""
    kinds = {kind.code: kind for kind in tree()}
    known = next((kinds[code] for code in failure.codes if code in kinds), None)
    if known is None:
        return None
    error = known(failure.detail, param=failure.param, retry_after_s=failure.retry_after_s)
    error.status = failure.status
    return error


Message = Started | Progress | Result | Failure


def frame(content: bytes) -> bytes:
    """Put the length before it."""
    return HEAD.pack(len(content)) + content
