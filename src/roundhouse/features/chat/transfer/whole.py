"""A session with all that belongs to it, on its way in or out, and what must hold of one that comes from outside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.features.chat.model import Message, Session

MOST_MESSAGES = 200_000
MOST_CONTENT_CHARS = 4_000_000
MOST_FREE_BYTES = 1024 * 1024
MOST_TAGS = 50

_LENGTHS = {
    "title": 500,
    "user_id": 200,
    "outside_id": 200,
    "model": 200,
    "system": 1_000_000,
    "finish_reason": 40,
    "content": MOST_CONTENT_CHARS,
}
_TAG_CHARS = 100
_LARGEST = 2**31 - 1
_LATEST_S = 1e11
_DEEPEST = 100


class Branch(msgspec.Struct, frozen=True):
    """A branch besides the first: it leaves `parent` (None = it begins anew) before the depth `from_depth`."""

    number: int
    parent: int | None
    from_depth: int


class Whole(msgspec.Struct, frozen=True):
    """A session with its branches, and its messages in the order in which they were written."""

    session: Session
    branches: tuple[Branch, ...]
    messages: tuple[Message, ...]


class Refused(msgspec.Struct, frozen=True):
    """A session that could not be read: where it stands, and why not."""

    place: str
    reason: str


def check(whole: Whole, place: str) -> None:
    """Raise BadInput, with the place of the fault, unless the session could be one of ours.

    Args:
        whole: From outside.
        place: Where it stands, e.g. `conversations[3]`.
    """
    _check_values(whole.session, f"{place}.session")
    if len(whole.session.tags) > MOST_TAGS:
        raise wrong(f"{place}.session.tags", f"has more than {MOST_TAGS} tags")
    for tag in whole.session.tags:
        if not 0 < len(tag) <= _TAG_CHARS:
            raise wrong(f"{place}.session.tags", f"has a tag that is empty or longer than {_TAG_CHARS}")
    if len(whole.messages) > MOST_MESSAGES:
        raise wrong(f"{place}.messages", f"has more than {MOST_MESSAGES} messages")
    for number, message in enumerate(whole.messages):
        _check_values(message, f"{place}.messages[{number}]")
    _check_tree(whole, place)
    _check_no_nul(whole, place)


def wrong(place: str, fault: str) -> BadInput:
    """The error for a fault of what is imported."""
    return BadInput(f"{place} {fault}.", param=place[:200])


def parent_ids(whole: Whole) -> list[str | None]:
    """What stands before each message in its conversation, in the order of the messages.

    Raises:
        BadInput: Something stands in no branch, twice in one place, or behind a gap.
    """
    return _check_tree(whole, "session")


def _check_values(row: Session | Message, place: str) -> None:
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, str):
            if len(value) > _LENGTHS.get(name, 200):
                raise wrong(f"{place}.{name}", f"is longer than {_LENGTHS.get(name, 200)} characters")
        elif isinstance(value, bool) or value is None:
            continue
        elif isinstance(value, int):
            if not 0 <= value <= _LARGEST:
                raise wrong(f"{place}.{name}", f"is not a number from 0 to {_LARGEST}")
        elif isinstance(value, float):
            if not (math.isfinite(value) and 0 <= value <= _LATEST_S):
                raise wrong(f"{place}.{name}", "is out of range")
        elif isinstance(value, dict | list):
            _check_free(value, f"{place}.{name}")


def _check_free(value: Any, place: str) -> None:
    try:
        size_bytes = len(msgspec.json.encode(value))
        deep = _depth(value)
    except (RecursionError, UnicodeEncodeError, OverflowError):
        size_bytes, deep = 0, _DEEPEST + 1
    if deep > _DEEPEST:
        raise wrong(place, "is nested too deep, or holds what JSON cannot")
    if size_bytes > MOST_FREE_BYTES:
        raise wrong(place, f"is larger than {MOST_FREE_BYTES} bytes")


def _depth(value: Any) -> int:
    level: list[Any] = [value]
    depth = 0
    while level and depth <= _DEEPEST:
        depth += 1
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth


def _check_tree(whole: Whole, place: str) -> list[str | None]:
    """See `parent_ids`."""
    origins: dict[int, tuple[int | None, int]] = {0: (None, 0)}
    for number, branch in enumerate(whole.branches):
        here = f"{place}.branches[{number}]"
        if branch.number < 1 or branch.number > _LARGEST or branch.number in origins:
            raise wrong(f"{here}.number", "is not a number of its own")
        if branch.parent is None and branch.from_depth != 0:
            raise wrong(f"{here}.from_depth", "must be 0 without a parent")
        if branch.parent is not None and not (branch.parent < branch.number and branch.parent in origins):
            raise wrong(f"{here}.parent", "names no branch before this one")
        if not 0 <= branch.from_depth <= _LARGEST:
            raise wrong(f"{here}.from_depth", "is out of range")
        origins[branch.number] = (branch.parent, branch.from_depth)
    if whole.session.branch not in origins:
        raise wrong(f"{place}.session.branch", "names no branch")
    places = _places(whole, origins, place)
    ends = _ends(origins, places)
    for number, branch in enumerate(whole.branches):
        if branch.parent is not None and ends[branch.parent] < branch.from_depth:
            raise wrong(f"{place}.branches[{number}].from_depth", "lies behind the end of its parent")
    return [_before(message, origins, places) for message in whole.messages]


def _places(
    whole: Whole, origins: dict[int, tuple[int | None, int]], place: str
) -> dict[tuple[int, int], str]:
    """Ids by branch and depth."""
    places: dict[tuple[int, int], str] = {}
    ids: set[str] = set()
    for number, message in enumerate(whole.messages):
        here = f"{place}.messages[{number}]"
        if message.branch not in origins:
            raise wrong(f"{here}.branch", "names no branch")
        if (message.branch, message.depth) in places:
            raise wrong(f"{here}.depth", "is taken by another message of the branch")
        if not message.id or message.id in ids:
            raise wrong(f"{here}.id", "is empty or another message's")
        ids.add(message.id)
        places[message.branch, message.depth] = message.id
    for number, message in enumerate(whole.messages):
        first = origins[message.branch][1]
        if message.depth != first and (message.branch, message.depth - 1) not in places:
            raise wrong(f"{place}.messages[{number}].depth", "leaves a gap before it")
    return places


def _ends(origins: dict[int, tuple[int | None, int]], places: dict[tuple[int, int], str]) -> dict[int, int]:
    """The depth behind the last message of each branch."""
    ends = {number: from_depth for number, (_, from_depth) in origins.items()}
    for branch, depth in places:
        ends[branch] = max(ends[branch], depth + 1)
    return ends


def _before(
    message: Message, origins: dict[int, tuple[int | None, int]], places: dict[tuple[int, int], str]
) -> str | None:
    branch: int | None = message.branch
    depth = message.depth - 1
    while branch is not None and depth >= 0:
        found = places.get((branch, depth))
        if found is not None:
            return found
        branch = origins[branch][0]
    return None


def _check_no_nul(whole: Whole, place: str) -> None:
    """PostgreSQL keeps no NUL in a text."""
    for at, value in _texts(whole.session, f"{place}.session"):
        _refuse_nul(at, value)
    for number, message in enumerate(whole.messages):
        for at, value in _texts(message, f"{place}.messages[{number}]"):
            _refuse_nul(at, value)


def _refuse_nul(place: str, text: str) -> None:
    if "\x00" in text:
        raise wrong(place, "holds a NUL character")


def _texts(row: Session | Message, place: str) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[str, Any]] = [
        (f"{place}.{name}", getattr(row, name)) for name in row.__struct_fields__
    ]
    while waiting:
        at, value = waiting.pop()
        if isinstance(value, str):
            yield at, value
        elif isinstance(value, dict):
            waiting += [(f"{at}.{name}", inner) for name, inner in value.items()]
            waiting += [(f"{at} (a name)", name) for name in value]
        elif isinstance(value, Sequence):
            waiting += [(f"{at}[{number}]", inner) for number, inner in enumerate(value)]
