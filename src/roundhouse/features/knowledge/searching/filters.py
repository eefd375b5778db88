"""Filters on attributes of files, in OpenAI's form: comparisons, and `and` / `or` of them.

An attribute that a file does not have is equal to nothing and different from everything; numbers are compared with
numbers, texts with texts by their characters, everything else is only equal or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput

MAX_DEPTH = 8
MAX_PARTS = 100
"""Comparisons and compounds of one filter."""

MAX_VALUES = 1_000
"""Values of one `in` or `nin`."""

_MAX_KEY_CHARS = 64
_MAX_TEXT_CHARS = 512
_MANY = ("in", "nin")
_SINGLE = ("eq", "ne", "gt", "gte", "lt", "lte")

Attributes = Mapping[str, Any]
_Scalar = str | float | bool


class Filter(msgspec.Struct, frozen=True):
    """A condition on attributes; `passes` says whether they meet it."""

    passes: Callable[[Attributes], bool]


def read_filter(given: Any) -> Filter:
    """A filter as it was sent.

    Raises:
        BadInput: It is malformed, too deep or too large.
    """
    return Filter(_read(given, 1, [0]))


def _read(given: Any, depth: int, parts: list[int]) -> Callable[[Attributes], bool]:
    parts[0] += 1
    if depth > MAX_DEPTH:
        raise _bad(f"Filters are at most {MAX_DEPTH} deep.")
    if parts[0] > MAX_PARTS:
        raise _bad(f"A filter has at most {MAX_PARTS} parts.")
    if not isinstance(given, Mapping):
        raise _bad("A filter is an object.")
    kind = given.get("type")
    if kind in ("and", "or"):
        return _compound(given, kind, depth, parts)
    if kind in _SINGLE or kind in _MANY:
        return _comparison(given, kind)
    raise _bad("The type of a filter is eq, ne, gt, gte, lt, lte, in, nin, and, or.")


def _compound(
    given: Mapping[str, Any], kind: str, depth: int, parts: list[int]
) -> Callable[[Attributes], bool]:
    inner = given.get("filters")
    if not isinstance(inner, list) or not inner:
        raise _bad(f"A filter of type {kind!r} has a list of `filters`.")
    made = [_read(one, depth + 1, parts) for one in inner]
    if kind == "and":
        return lambda attributes: all(one(attributes) for one in made)
    return lambda attributes: any(one(attributes) for one in made)


def _comparison(given: Mapping[str, Any], kind: str) -> Callable[[Attributes], bool]:
    key, value = given.get("key"), given.get("value")
    if not isinstance(key, str) or not 1 <= len(key) <= _MAX_KEY_CHARS:
        raise _bad(f"The key of a filter has 1 to {_MAX_KEY_CHARS} characters.")
    if kind in _MANY:
        if not isinstance(value, list) or len(value) > MAX_VALUES:
            raise _bad(f"The value of {kind!r} is a list of at most {MAX_VALUES} values.")
        values = [_scalar(one) for one in value]
        wanted = kind == "in"
        return lambda attributes: any(_equal(attributes.get(key), one) for one in values) is wanted
    single = _scalar(value)
    if kind == "eq":
        return lambda attributes: _equal(attributes.get(key), single)
    if kind == "ne":
        return lambda attributes: not _equal(attributes.get(key), single)
    if isinstance(single, bool):
        raise _bad(f"Values of type {kind!r} are numbers or texts.")
    return lambda attributes: _ordered(attributes.get(key), single, kind)


def _scalar(value: Any) -> _Scalar:
    if isinstance(value, str):
        if len(value) > _MAX_TEXT_CHARS:
            raise _bad(f"A value of a filter has at most {_MAX_TEXT_CHARS} characters.")
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    raise _bad("Values of filters are texts, numbers, true and false.")


def _equal(one: Any, other: _Scalar) -> bool:
    # For Python true is 1.
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _ordered(one: Any, other: str | float, kind: str) -> bool:
    if isinstance(one, bool) or isinstance(one, str) is not isinstance(other, str):
        return False
    if not isinstance(one, str | int | float):
        return False
    left: Any = one
    if kind == "gt":
        return bool(left > other)
    if kind == "gte":
        return bool(left >= other)
    return bool(left < other) if kind == "lt" else bool(left <= other)


def _bad(text: str) -> BadInput:
    return BadInput(text, param="filters")
