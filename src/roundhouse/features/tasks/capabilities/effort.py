"""How much work checking by a schema can be, so that no schema and no input keeps a process busy.

A schema may apply several others to one value, and each of those its own to one member of it: the work then grows by a
power of the depth. Regular expressions are linear in the engine that is used, so they do not count here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

_SAME_ONE = ("not", "if", "then", "else")
_SAME_MANY = ("allOf", "anyOf", "oneOf")
_SAME_BY_NAME = ("dependentSchemas",)
_INNER_ONE = (
    *("additionalProperties", "items", "contains", "propertyNames"),
    *("unevaluatedItems", "unevaluatedProperties", "additionalItems"),
)
_INNER_MANY = ("prefixItems",)
_INNER_BY_NAME = ("properties", "patternProperties")
_NAMED = ("$defs", "definitions")

MOST_AT_ONE_PLACE = 10_000


class Effort(msgspec.Struct, frozen=True):
    """What one schema costs.

    Attributes:
        at_one_place: Most schemas that are applied to one value.
        branching: Most schemas that are applied to one member of a value for each that is applied to the value.
    """

    at_one_place: int = 1
    branching: int = 1

    def steps(self, values_by_depth: list[int]) -> float:
        """Upper bound of schemas applied to an input, by how many values lie at each depth of it."""
        total, factor = 0.0, float(self.at_one_place)
        for count in values_by_depth:
            total += count * factor
            factor = min(factor * self.branching, 1e18)
        return total


def effort_of(schema: Any) -> Effort:
    """What checking by a schema costs; its references lead into itself.

    A count that passes `MOST_AT_ONE_PLACE` is not gone on with.
    """
    counting = _Counting(schema)
    at_one_place = branching = 1
    for one in every(schema):
        places, inner = counting.of(one, frozenset())
        at_one_place, branching = max(at_one_place, places), max(branching, inner)
        if at_one_place > MOST_AT_ONE_PLACE:
            break
    return Effort(at_one_place, branching)


class _Counting:
    """Counts, remembering what was counted."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._anchors = {
            f"#{one[key]}": one
            for one in every(root)
            for key in ("$anchor", "$dynamicAnchor")
            if isinstance(one.get(key), str)
        }
        self._known: dict[int, tuple[int, int]] = {}

    def of(self, schema: Any, within: frozenset[int]) -> tuple[int, int]:
        """Schemas applied to a value, and those of them that look at its members."""
        if not isinstance(schema, dict) or id(schema) in within:
            return (0, 0)
        known = self._known.get(id(schema))
        if known is not None:
            return known
        within |= {id(schema)}
        places, inner = (
            1,
            int(any(_looks_inside(schema, key) for key in (*_INNER_ONE, *_INNER_MANY, *_INNER_BY_NAME))),
        )
        for other in self._same_place(schema):
            more, deeper = self.of(other, within)
            places, inner = places + more, inner + deeper
            if places > MOST_AT_ONE_PLACE:
                break
        self._known[id(schema)] = (places, inner)
        return places, inner

    def _same_place(self, schema: dict[str, Any]) -> Iterator[Any]:
        for key in _SAME_ONE:
            yield schema.get(key)
        for key in _SAME_MANY:
            yield from _items(schema.get(key))
        for key in _SAME_BY_NAME:
            yield from _values(schema.get(key))
        for key in ("$ref", "$dynamicRef"):
            yield self._target(schema.get(key))

    def _target(self, ref: Any) -> Any:
        if not isinstance(ref, str) or not ref.startswith("#"):
            return None
        if ref in self._anchors:
            return self._anchors[ref]
        place: Any = self._root
        for part in ref[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(place, dict):
                place = place.get(name)
            elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
                place = place[int(name)]
            else:
                return None
        return place


def _looks_inside(schema: dict[str, Any], key: str) -> bool:
    """Whether a keyword applies schemas to members; true and false cost nothing."""
    value = schema.get(key)
    if isinstance(value, dict):
        return bool(value)
    return isinstance(value, list) and bool(value)


def every(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all that stand in it."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        yield one
        waiting += [one.get(key) for key in (*_SAME_ONE, *_INNER_ONE)]
        for key in (*_SAME_MANY, *_INNER_MANY, "items"):
            waiting += _items(one.get(key))
        for key in (*_SAME_BY_NAME, *_INNER_BY_NAME, *_NAMED):
            waiting += _values(one.get(key))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []
