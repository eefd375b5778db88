"""Filters on attributes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import BadInput
from roundhouse.features.knowledge.searching.filters import MAX_DEPTH, MAX_PARTS, read_filter

FILE = {"year": 2024.0, "kind": "note", "done": True, "empty": ""}


def _is(kind: str, key: str, value: object) -> dict[str, object]:
    return {"type": kind, "key": key, "value": value}


@pytest.mark.parametrize(
    ("given_filter", "passes"),
    [
        (_is("eq", "year", 2024), True),
        (_is("eq", "year", "2024"), False),
        (_is("eq", "done", True), True),
        (_is("eq", "done", 1), False),
        (_is("eq", "none", "x"), False),
        (_is("ne", "none", "x"), True),
        (_is("ne", "kind", "note"), False),
        (_is("gt", "year", 2023.5), True),
        (_is("gt", "kind", 3), False),
        (_is("gte", "kind", "note"), True),
        (_is("lt", "kind", "nota"), False),
        (_is("lte", "year", 2024), True),
        (_is("lt", "done", 5), False),
        (_is("in", "kind", ["x", "note"]), True),
        (_is("in", "kind", []), False),
        (_is("nin", "kind", ["note"]), False),
        (_is("nin", "none", ["note"]), True),
        ({"type": "and", "filters": [_is("eq", "kind", "note"), _is("lt", "year", 2000)]}, False),
        ({"type": "or", "filters": [_is("eq", "kind", "note"), _is("lt", "year", 2000)]}, True),
    ],
)
def test_what_passes(given_filter, passes: bool) -> None:
    assert read_filter(given_filter).passes(FILE) is passes


@pytest.mark.parametrize(
    "given_filter",
    [
        None,
        [],
        {},
        {"type": "like", "key": "a", "value": "b"},
        _is("eq", "", "x"),
        _is("eq", "k" * 65, "x"),
        _is("eq", "k", None),
        _is("eq", "k", {}),
        _is("eq", "k", float("nan")),
        _is("eq", "k", "x" * 513),
        _is("gt", "k", True),
        _is("in", "k", "x"),
        _is("in", "k", [[]]),
        _is("in", "k", ["x"] * 1001),
        {"type": "and", "filters": []},
        {"type": "and"},
        {"type": ["eq"], "key": "k", "value": "v"},
    ],
)
def test_what_is_malformed_is_refused(given_filter) -> None:
    with pytest.raises(BadInput):
        read_filter(given_filter)


def test_depth_and_size_are_bounded() -> None:
    deep = _is("eq", "kind", "note")
    for _ in range(MAX_DEPTH - 1):
        deep = {"type": "and", "filters": [deep]}
    assert read_filter(deep).passes(FILE)
    with pytest.raises(BadInput):
        read_filter({"type": "and", "filters": [deep]})
    with pytest.raises(BadInput):
        read_filter({"type": "or", "filters": [_is("eq", "a", 1)] * MAX_PARTS})


SCALARS = st.booleans() | st.text(max_size=5) | st.floats(-5, 5) | st.integers(-5, 5)


@given(st.dictionaries(st.sampled_from("abc"), SCALARS), st.sampled_from("abc"), SCALARS)
def test_ne_is_the_opposite_of_eq_and_nin_of_in(attributes, key, value) -> None:
    assert read_filter(_is("eq", key, value)).passes(attributes) is not read_filter(
        _is("ne", key, value)
    ).passes(attributes)
    assert read_filter(_is("in", key, [value])).passes(attributes) is not read_filter(
        _is("nin", key, [value])
    ).passes(attributes)


@given(
    st.recursive(
        SCALARS | st.none(),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "key", "value", "filters", "and"]), one, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_anything_else_is_a_refusal(value) -> None:
    with contextlib.suppress(BadInput):
        read_filter(value).passes(FILE)
