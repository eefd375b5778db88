"""Times as clients write them and as they are shown: RFC 3339 outside, Unix seconds inside."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_HALF_MICROSECOND_S = 0.5e-6
# Beyond these a second has no place for microseconds, or a calendar no day.
_FIRST_S, _LAST_S = 0.0, 2.0**33

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ]|$)")


def _written(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise ValueError("must be a time of RFC 3339, such as 2030-01-31T12:00:00Z")


Moment = Annotated[datetime, Field(strict=False), BeforeValidator(_written)]
"""A time as RFC 3339 has it, or a date; a number is none, for nobody could tell its unit."""


def unix_s(moment: datetime | None) -> float | None:
    """Unix seconds of a time; one without an offset is UTC."""
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def begins_s(asked: datetime | None) -> float | None:
    """The least Unix seconds that are shown as this time, so as to compare stored ones with it.

    What is stored is finer than the microseconds that are shown: a row that is shown at a time begins not before it,
    and of two spans that meet there it lies in one.
    """
    at_s = unix_s(asked)
    if at_s is None or not _FIRST_S < at_s < _LAST_S:
        return at_s
    shown = moment(at_s)
    at_s -= _HALF_MICROSECOND_S
    while moment(at_s) >= shown:
        at_s = math.nextafter(at_s, -math.inf)
    while moment(at_s) < shown:
        at_s = math.nextafter(at_s, math.inf)
    return at_s


def moment(at_s: float) -> datetime:
    """The time of Unix seconds."""
    return datetime.fromtimestamp(at_s, UTC)


def moment_or_none(at_s: float | None) -> datetime | None:
    """The time of Unix seconds, None for None."""
    return None if at_s is None else moment(at_s)
