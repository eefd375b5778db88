"""Cursors of lists: opaque to clients, the sort key of the last row inside."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from roundhouse.core.errors import BadInput

T = TypeVar("T", int, str)

_MAX_INT = 2**63 - 1


def encode_cursor(last: int | str) -> str:
    """A cursor behind the row whose sort key is `last`."""
    return base64.urlsafe_b64encode(msgspec.json.encode(last)).decode().rstrip("=")


def decode_cursor(cursor: str | None, kind: type[T]) -> T | None:
    """The sort key inside a cursor, None for the first page.

    Raises:
        BadInput: It is not a cursor of this list.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        value = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise BadInput("The cursor is not one of this list.", param="cursor") from None
    too_large = isinstance(value, int) and abs(value) > _MAX_INT
    if too_large or (isinstance(value, str) and "\x00" in value):
        raise BadInput("The cursor is not one of this list.", param="cursor")
    return value
