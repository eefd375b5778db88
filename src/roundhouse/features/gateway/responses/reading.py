"""Reads the inner parts of a request, naming the place of what is wrong."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from roundhouse.core.errors import BadInput

T = TypeVar("T")

ABSENT = msgspec.Raw(b"null")
"""Default of a raw member. msgspec 0.22 decodes nothing but null as `Raw | None`."""


def opened(raw: msgspec.Raw, kind: type[T], place: str) -> T:
    """One part as `kind`.

    Args:
        raw: Its bytes.
        kind: A msgspec struct.
        place: Where it stands, as `input[2].content[0]`.

    Raises:
        BadInput: It is something else.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except RecursionError:
        raise BadInput(f"{place} is nested too deep.", param=place) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{place}: {error}", param=place) from None
