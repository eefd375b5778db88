"""What a proposal would change of what is registered, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from roundhouse.features.tasks.importing.proposed import Proposed
from roundhouse.features.tasks.model import Capability

FIELDS = (
    "title",
    "description",
    "tags",
    "input_schema",
    "output_schema",
    "examples",
    "endpoint",
    "idempotent",
)
"""Of a capability, what a source describes."""

MOST_CHANGES = 200
"""Changes of one capability that are told; there may be more."""


class Change(msgspec.Struct, frozen=True):
    """One field that is another.

    Attributes:
        field: JSON Pointer without its first slash: `input_schema/properties/expression/type`.
        before: As it is; None = not there.
        after: As it would be; None = gone.
    """

    field: str
    before: Any = None
    after: Any = None


class Changed(msgspec.Struct, frozen=True):
    """A capability that would be another."""

    proposed: Proposed
    changes: tuple[Change, ...]


class Difference(msgspec.Struct, frozen=True):
    """What a proposal means.

    Attributes:
        added: Not there yet.
        changed: There, and other than proposed.
        removed: Names that came from the same source, which tells of them no more.
        unchanged: Names.
    """

    added: tuple[Proposed, ...] = ()
    changed: tuple[Changed, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


def compare(present: Mapping[str, Capability | Proposed], proposed: Sequence[Proposed]) -> Difference:
    """Compare what a source proposes with what came from it before, by name."""
    added, changed, unchanged = list[Proposed](), list[Changed](), list[str]()
    for one in proposed:
        known = present.get(one.name)
        if known is None:
            added.append(one)
            continue
        changes = tuple(_first(changes_of(known, one)))
        if changes:
            changed.append(Changed(one, changes))
        else:
            unchanged.append(one.name)
    told = {one.name for one in proposed}
    removed = sorted(name for name in present if name not in told)
    return Difference(tuple(added), tuple(changed), tuple(removed), tuple(unchanged))


def changes_of(before: Capability | Proposed, after: Proposed) -> Iterator[Change]:
    """The fields in which they differ."""
    for field in FIELDS:
        old, new = (msgspec.to_builtins(getattr(one, field)) for one in (before, after))
        yield from _changes(field, old, new)


def _changes(field: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(one for one in after if one not in before)]:
            step = str(name).replace("~", "~0").replace("/", "~1")
            yield from _changes(f"{field}/{step}", before.get(name), after.get(name))
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Change(field, before, after)


def _first(changes: Iterable[Change]) -> Iterator[Change]:
    for _, change in zip(range(MOST_CHANGES), changes, strict=False):
        yield change
