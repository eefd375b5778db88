"""What a person changed of a draft."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

_MOST = 100
_DEPTH = 12


def changes(before: Any, after: Any) -> list[dict[str, Any]]:
    """The first hundred places that differ: JSON pointer, the value before, the value after (null = not there)."""
    return list(islice(_changes("", before, after, 0), _MOST))


def _changes(place: str, before: Any, after: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(before, dict) and isinstance(after, dict) and depth < _DEPTH:
        for name in [*before, *(one for one in after if one not in before)]:
            pointer = f"{place}/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield from _changes(pointer, before.get(name), after.get(name), depth + 1)
    elif (
        isinstance(before, list) and isinstance(after, list) and len(before) == len(after) and depth < _DEPTH
    ):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changes(f"{place}/{number}", old, new, depth + 1)
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield {"pointer": place, "before": before, "after": after}
