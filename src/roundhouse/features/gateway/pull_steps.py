"""The progress of a download in one line of text, and back."""

from __future__ import annotations

import re

from roundhouse.core.types import PullProgress

_UNITS = {"TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1.0}
_SIZES = re.compile(r"(?P<status>.+) [0-9.]+ of (?P<total>[0-9.]+) (?P<unit>[TGMk]?B)")


def said(step: PullProgress) -> str:
    """What a job says of a step: `pulling 1.24 of 4.66 GB`, or the server's own words where it tells no size."""
    first = step.status.partition(" ")[0]
    if not step.total_bytes or first != "pulling":
        return step.status
    unit = next(name for name, size in _UNITS.items() if step.total_bytes >= size)
    digits = 0 if unit == "B" else 2
    done, total = step.completed_bytes / _UNITS[unit], step.total_bytes / _UNITS[unit]
    return f"{first} {done:.{digits}f} of {total:.{digits}f} {unit}"


def share(step: PullProgress) -> float:
    """How far a step is, 0 to 1."""
    return step.completed_bytes / step.total_bytes if step.total_bytes else 0.0


def read_back(message: str, progress: float) -> PullProgress:
    """The step of which `said` made this message; its sizes as exact as message and progress are."""
    match = _SIZES.fullmatch(message)
    if match is None:
        return PullProgress(message)
    total_bytes = round(float(match["total"]) * _UNITS[match["unit"]])
    return PullProgress(match["status"], round(progress * total_bytes), total_bytes)
