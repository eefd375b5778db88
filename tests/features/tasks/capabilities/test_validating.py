"""Schemas of strangers: what is refused, and that no schema and no input takes long."""

from __future__ import annotations

import time
from typing import Any, NoReturn

import pytest

from roundhouse.core.errors import OutputInvalid, RoundhouseError, TooLarge, Unprocessable
from roundhouse.features.tasks.capabilities.effort import effort_of
from roundhouse.features.tasks.capabilities.validating import Validators, make_checker, measure
from roundhouse.features.tasks.model import Capability

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^(a+)+$"},
        "marks": {"type": "array", "items": {"type": "integer"}},
        "a/b": {"type": "object", "properties": {"~": {"type": "null"}}},
    },
    "required": ["name"],
}


def never(words: str) -> NoReturn:
    raise AssertionError(words)


def nested(depth: int, leaf: Any = 1) -> Any:
    value = leaf
    for _ in range(depth):
        value = {"a": value}
    return value


def doubling(depth: int) -> dict[str, Any]:
    """Applies 2**depth schemas to one value."""
    names = {f"n{i}": {"allOf": [{"$ref": f"#/$defs/n{i + 1}"}] * 2} for i in range(depth)}
    return {"$ref": "#/$defs/n0", "$defs": names | {f"n{depth}": {"type": "string"}}}


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, "/name"),
        ({"name": 5}, "/name"),
        ({"name": "a", "marks": [1, "x"]}, "/marks/1"),
        ({"name": "a", "a/b": {"~": 1}}, "/a~1b/~0"),
        ([], ""),
    ],
)
def test_the_fault_is_pointed_at(given: Any, pointer: str) -> None:
    capability = Capability("cap_1", "north", "m.v", 1, input_schema=PERSON)
    with pytest.raises(Unprocessable) as caught:
        Validators().check_input(capability, given)
    assert caught.value.param == pointer


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "another document"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "another document"),
        ({"$defs": {"a": {"$dynamicRef": "other.json"}}}, "another document"),
        ({"foo": {"$ref": "http://127.0.0.1:1/"}, "$ref": "#/foo"}, "not a usable"),
        ({"$schema": "http://127.0.0.1:1/meta"}, r"\$schema"),
        ({"properties": {"a": {"$id": "http://a.test/"}}}, r"\$id"),
        ({"$ref": "#/$defs/none"}, "not a usable"),
        ({"type": "strin"}, "not a usable"),
        ({"pattern": "(?=a)b"}, "not a usable"),
        ({"pattern": "((a{100}){100}){100}"}, "not a usable"),
        ({"patternProperties": {f"^{i}": {} for i in range(300)}}, "regular expressions"),
        ({"description": "x" * 300_000}, "larger"),
        (nested(100, {}), "deeper"),
        ({"default": "\ud800"}, "no JSON"),
        (doubling(30), "too long"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_schemas_that_are_refused(schema: dict[str, Any], words: str) -> None:
    began_s = time.perf_counter()
    with pytest.raises(Unprocessable, match=words) as caught:
        make_checker(schema, "input_schema")
    assert caught.value.param == "input_schema"
    assert time.perf_counter() - began_s < 1


def test_data_that_looks_like_a_reference_is_none() -> None:
    make_checker({"properties": {"$ref": {"const": {"$ref": "http://a.test"}}}}, "input_schema")


def test_an_expression_that_others_choke_on_is_harmless() -> None:
    checker = make_checker(PERSON, "input_schema")
    text = {"name": "a" * 100_000 + "!"}
    began_s = time.perf_counter()
    fault = checker.first_fault(text, measure(text, never))
    assert fault is not None
    assert fault[0] == "/name"
    assert len(fault[1]) <= 300
    assert time.perf_counter() - began_s < 0.5


def test_a_schema_that_branches_ends_by_refusing_deep_inputs() -> None:
    schema = {"type": ["object", "integer"], "properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}
    checker = make_checker(schema, "input_schema")
    assert effort_of(schema).branching == 2
    for depth, fault in ((10, None), (50, "")):
        given, began_s = nested(depth), time.perf_counter()
        found = checker.first_fault(given, measure(given, never))
        assert (found and found[0]) == fault
        assert time.perf_counter() - began_s < 1


def test_usual_recursion_costs_nothing() -> None:
    tree = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}
    any_json = {
        "anyOf": [
            {"type": "array", "items": {"$ref": "#"}},
            {"type": "object", "additionalProperties": {"$ref": "#"}},
            {"type": ["string", "number", "boolean", "null"]},
        ]
    }
    assert effort_of(tree).branching == 1
    checker = make_checker(any_json, "input_schema")
    for given in (nested(15), {str(i): [1, {"a": None}] for i in range(20_000)}):
        assert checker.first_fault(given, measure(given, never)) is None


def test_inputs_that_are_refused() -> None:
    anything = Capability("cap_1", "north", "m.v", 1)
    validators = Validators()
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    cases: list[tuple[Any, type[RoundhouseError]]] = [
        (["x" * 10] * 200_000, TooLarge),
        (deep, Unprocessable),
        (nested(70), Unprocessable),
        ([float("nan")], Unprocessable),
        ({"a": "\ud800"}, Unprocessable),
    ]
    for given, kind in cases:
        began_s = time.perf_counter()
        with pytest.raises(kind):
            validators.check_input(anything, given)
        assert time.perf_counter() - began_s < 1
    while deep:
        # Taken apart by hand: a list so deep would end this process when it is freed.
        deep = deep.pop()
    validators.check_input(anything, nested(60))


def test_an_output_that_is_not_as_promised_is_kept() -> None:
    promised = Capability("cap_1", "north", "m.v", 1, output_schema={"required": ["result"]})
    validators = Validators()
    validators.check_output(promised, {"result": 1})
    with pytest.raises(OutputInvalid) as caught:
        validators.check_output(promised, {"answer": 1})
    assert (caught.value.raw, caught.value.param) == ({"answer": 1}, "/result")


def test_versions_have_validators_of_their_own() -> None:
    validators = Validators()
    first = Capability("cap_1", "north", "m.v", 1, input_schema={"type": "string"})
    second = Capability("cap_1", "north", "m.v", 2, input_schema={"type": "integer"})
    validators.check_input(first, "a")
    validators.check_input(second, 1)
    with pytest.raises(Unprocessable):
        validators.check_input(first, 1)
