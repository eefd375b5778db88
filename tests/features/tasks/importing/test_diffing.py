"""Proposals against what is registered."""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.features.tasks.importing.diffing import MOST_CHANGES, Change, compare
from roundhouse.features.tasks.importing.proposed import Proposed
from roundhouse.features.tasks.model import Capability, Example


def proposed(name: str, **more: Any) -> Proposed:
    return Proposed(name=f"toys.{name}", operation=f"POST /{name}", **more)


def registered(one: Proposed) -> Capability:
    known = {field: getattr(one, field) for field in Proposed.__struct_fields__ if field != "operation"}
    return Capability(id="cap_1", site_id="s", version=3, **known)


def test_what_is_new_other_gone_and_the_same() -> None:
    same = proposed("same", tags=("a",), examples=(Example("x", {"n": 1}),))
    before = proposed("other", input_schema={"properties": {"a/b": {"type": "integer"}, "old": {}}})
    after = msgspec.structs.replace(
        before, idempotent=True, input_schema={"properties": {"a/b": {"type": "number"}, "new": {}}}
    )
    present = {one.name: registered(one) for one in (same, before, proposed("gone"))}
    found = compare(present, [same, after, proposed("new")])
    assert [one.name for one in found.added] == ["toys.new"]
    assert (found.removed, found.unchanged) == (("toys.gone",), ("toys.same",))
    assert [one.proposed.name for one in found.changed] == ["toys.other"]
    assert list(found.changed[0].changes) == [
        Change("input_schema/properties/a~1b/type", "integer", "number"),
        Change("input_schema/properties/old", {}, None),
        Change("input_schema/properties/new", None, {}),
        Change("idempotent", False, True),
    ]


def test_truth_is_not_one() -> None:
    found = compare(
        {"toys.a": registered(proposed("a", input_schema={"minimum": 1}))},
        [proposed("a", input_schema={"minimum": True})],
    )
    assert found.changed[0].changes == (Change("input_schema/minimum", 1, True),)


def test_not_more_changes_are_told_than_anybody_reads() -> None:
    many = {"properties": {f"p{number}": {} for number in range(MOST_CHANGES + 50)}}
    found = compare({"toys.a": proposed("a")}, [proposed("a", input_schema=many)])
    assert len(found.changed[0].changes) == 1
    empty = {"properties": {}}
    found = compare({"toys.a": proposed("a", input_schema=empty)}, [proposed("a", input_schema=many)])
    assert len(found.changed[0].changes) == MOST_CHANGES
