"""The expressions of flows: a small part of JSONPath, comparisons, `and`, `or`, `not`. Nothing is ever executed.

    $.input.text   steps.draft.output['full name']   output.items[0]   output.items[*].price
    output.confidence >= 0.7 and not (len(output.text) == 0 or "x" in output.tags)
    exists(steps.draft.output)   join(output.items[*].name, ', ')

What is not there is null. Values of different kinds are unequal, and neither is less than the other. An expression is
bounded in length and depth, so reading and evaluating it is, too.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from roundhouse.core.errors import Unprocessable

MOST_CHARS = 1000
_MOST_DEPTH = 20
_MOST_FOUND = 1000
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>\$|[A-Za-z_][A-Za-z0-9_-]*)|(?P<sign>==|!=|<=|>=|[<>()\[\].,*]))"
)
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
_WORDS = frozenset({"and", "or", "not", "in", *_CONSTANTS})
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Roots = Mapping[str, Any]
Value = Callable[[Roots], Any]


class Expression:
    """One expression, read once and evaluated as often as wanted.

    Args:
        text: As it is written.

    Attributes:
        text: The same.
        roots: First names of its paths.

    Raises:
        Unprocessable: It cannot be read; the detail says where.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        reader = _Reader(text)
        self._value = reader.whole()
        self.roots = frozenset(reader.roots)

    def value(self, roots: Roots) -> Any:
        """What it comes to; null where a path leads nowhere."""
        return self._value(roots)

    def holds(self, roots: Roots) -> bool:
        """Whether it is true, and nothing else than true."""
        return self._value(roots) is True


class _Reader:
    """Recursive descent over the words; makes closures."""

    def __init__(self, text: str) -> None:
        if len(text) > MOST_CHARS:
            raise Unprocessable(f"An expression has at most {MOST_CHARS} characters.")
        self.roots: set[str] = set()
        self._text = text
        self._tokens = list(_tokens(text))
        self._place = 0
        self._depth = 0

    def whole(self) -> Value:
        if not self._tokens:
            raise Unprocessable("An expression is not empty.")
        found = self._either()
        if self._place < len(self._tokens):
            raise self._wrong()
        return found

    def _either(self) -> Value:
        self._deeper()
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else lambda roots: any(one(roots) is True for one in parts)

    def _both(self) -> Value:
        parts = [self._negated()]
        while self._takes("and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else lambda roots: all(one(roots) is True for one in parts)

    def _negated(self) -> Value:
        times = 0
        while self._takes("not"):
            times += 1
        inner = self._compared()
        if not times:
            return inner
        return lambda roots: (inner(roots) is True) is (times % 2 == 0)

    def _compared(self) -> Value:
        left = self._operand()
        sign = self._peek()
        if sign not in ("==", "!=", "in", *_ORDERED):
            return left
        self._place += 1
        right = self._operand()
        if sign == "in":
            return lambda roots: _within(left(roots), right(roots))
        if sign in ("==", "!="):
            return lambda roots: _same(left(roots), right(roots)) is (sign == "==")
        ordered = _ORDERED[sign]
        return lambda roots: _ranked(ordered, left(roots), right(roots))

    def _operand(self) -> Value:
        word = self._next()
        if word == "(":
            inner = self._either()
            self._expect(")")
            return inner
        if word in _CONSTANTS:
            constant = _CONSTANTS[word]
            return lambda _: constant
        if word[0] in "\"'":
            text = word[1:-1]
            return lambda _: text
        if word[0].isdigit() or word[0] == "-":
            number = float(word) if set(word) & set(".eE") else int(word)
            return lambda _: number
        if word in ("len", "exists", "join") and self._peek() == "(":
            return self._called(word)
        return self._path(word)

    def _called(self, function: str) -> Value:
        self._deeper()
        self._expect("(")
        inner = self._operand()
        between: Value | None = None
        if function == "join":
            self._expect(",")
            between = self._operand()
        self._expect(")")
        self._depth -= 1
        if between is not None:
            return lambda roots: _joined(inner(roots), between(roots))
        if function == "exists":
            return lambda roots: inner(roots) is not None
        return lambda roots: _length(inner(roots))

    def _path(self, first: str) -> Value:
        if first == "$":
            self._expect(".")
            first = self._next()
        if not _is_name(first):
            raise self._wrong(back=1)
        self.roots.add(first)
        steps: list[str | int | None] = []
        while self._peek() in (".", "["):
            steps.append(self._step())
        return lambda roots: _follow(roots.get(first), steps)

    def _step(self) -> str | int | None:
        if self._next() == ".":
            name = self._next()
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
                raise self._wrong(back=1)
            return name
        word = self._next()
        self._expect("]")
        if word == "*":
            return None
        if word[0] in "\"'":
            return word[1:-1]
        if re.fullmatch(r"-?\d{1,9}", word):
            return int(word)
        raise self._wrong(back=2)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise Unprocessable(f"An expression is at most {_MOST_DEPTH} levels deep.")

    # Tokens

    def _peek(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _next(self) -> str:
        word = self._peek()
        if word is None:
            raise Unprocessable(f"The expression {self._text!r} ends too soon.")
        self._place += 1
        return word

    def _takes(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self._place += 1
        return True

    def _expect(self, sign: str) -> None:
        if self._next() != sign:
            raise self._wrong(back=1)

    def _wrong(self, back: int = 0) -> Unprocessable:
        place = self._place - back
        near = self._tokens[place] if place < len(self._tokens) else self._tokens[-1]
        return Unprocessable(f"The expression {self._text!r} cannot be read at {near!r}.")


def _tokens(text: str) -> list[str]:
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise Unprocessable(f"The expression {text!r} cannot be read at {text[place : place + 20]!r}.")
        found.append(match.group().strip())
        place = match.end()
    return found


def _is_name(token: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", token) is not None and token not in _WORDS


def _follow(value: Any, steps: list[str | int | None]) -> Any:
    for place, step in enumerate(steps):
        if step is None:
            if not isinstance(value, list):
                return None
            rest = steps[place + 1 :]
            return [_follow(one, rest) for one in value[:_MOST_FOUND]]
        if isinstance(step, int) and isinstance(value, list):
            value = value[step] if -len(value) <= step < len(value) else None
        elif isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return type(value).__name__


def _same(left: Any, right: Any) -> bool:
    return _kind(left) == _kind(right) and bool(left == right)


def _ranked(ordered: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    return _kind(left) == _kind(right) and _kind(left) in ("number", "str") and ordered(left, right)


def _within(value: Any, container: Any) -> bool:
    if isinstance(container, str):
        return isinstance(value, str) and value in container
    if isinstance(container, list):
        return any(_same(value, one) for one in container)
    return isinstance(container, Mapping) and isinstance(value, str) and value in container


def _joined(value: Any, between: Any) -> str | None:
    if not isinstance(value, list) or not isinstance(between, str):
        return None
    return between.join(one for one in value[:_MOST_FOUND] if isinstance(one, str))


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, (str, list, Mapping)) else None
