"""Every event that is written stands in the table: the source is read for it."""

from __future__ import annotations

import ast
import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import jsonschema
import pytest

import roundhouse
from roundhouse.core.errors import RoundhouseError
from roundhouse.core.events import EVENTS
from roundhouse.core.events.model import EventKind, EventTable, fields
from roundhouse.core.types import ALL_SCOPES

PACKAGE = Path(roundhouse.__file__).parent
Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_of(path: Path) -> Any:
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return importlib.import_module(name.removesuffix(".__init__"))


class Reading:
    """What texts an expression of one function can be: constants, names of them, parameters that are Literal."""

    def __init__(self, module: Any, function: Function) -> None:
        self._module = vars(module)
        self._annotations = {
            one.arg: one.annotation
            for one in [*function.args.args, *function.args.kwonlyargs]
            if one.annotation is not None
        }
        self._assigned = {
            target.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def texts(self, node: ast.expr) -> list[str]:
        if isinstance(node, ast.Constant):
            return [str(node.value)]
        if isinstance(node, ast.IfExp):
            return [*self.texts(node.body), *self.texts(node.orelse)]
        if isinstance(node, ast.JoinedStr):
            parts = [
                self.texts(one.value if isinstance(one, ast.FormattedValue) else one) for one in node.values
            ]
            return ["".join(words) for words in itertools.product(*parts)]
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            return list(self._module[node.value.id].values())
        assert isinstance(node, ast.Name), f"what is written here cannot be read: {ast.unparse(node)}"
        if node.id in self._assigned:
            return self.texts(self._assigned[node.id])
        if node.id in self._annotations:
            kind = eval(ast.unparse(self._annotations[node.id]), {**self._module, "Literal": Literal})
            assert get_origin(kind) is Literal, f"{node.id} should be a Literal"
            return list(get_args(kind))
        return [self._module[node.id]]


def written() -> Iterator[tuple[str, str]]:
    """Place and type of every event that the source writes."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text("utf-8")
        if "NewEvent(" not in text:
            continue
        for function in (one for one in ast.walk(ast.parse(text)) if isinstance(one, Function)):
            for call in (one for one in ast.walk(function) if isinstance(one, ast.Call)):
                if ast.unparse(call.func).rpartition(".")[2] == "NewEvent":
                    for kind in Reading(module_of(path), function).texts(call.args[2]):
                        yield f"{path.relative_to(PACKAGE)}: {function.name}", kind


def test_every_event_that_is_written_is_described():
    found = list(written())
    assert len({place for place, _ in found}) > 12
    assert sorted({(place, kind) for place, kind in found if kind not in EVENTS}) == []


def test_every_event_that_is_described_is_written():
    made = {kind for _, kind in written()}
    assert sorted({one.type for one in EVENTS} - made) == []


@pytest.mark.parametrize("kind", list(EVENTS), ids=lambda kind: kind.type)
def test_a_description_holds_together(kind: EventKind):
    jsonschema.Draft202012Validator.check_schema(kind.data)
    assert kind.data["type"] == "object"
    assert kind.data.get("required", []) == [
        name for name in kind.data["properties"] if name in kind.data.get("required", [])
    ]
    assert kind.scope in ALL_SCOPES
    assert kind.about.endswith(".")
    assert kind.topic.startswith("the ")


def test_patterns_stand_for_types():
    def named(pattern: str) -> set[str]:
        return {one.type for one in EVENTS.matching(pattern)}

    assert named("job.completed") == {"job.completed"}
    assert {"job.failed", "generation.failed", "vector_store.file.failed"} <= named("*.failed")
    assert named("job.*") >= {"job.queued", "job.cancelled"}
    # What there is much of is named or left out; news among processes is told to nobody.
    assert not named("*") & {"job.progress", "webhook.test", "generation.delta", "executor.left"}
    assert named("job.progress") == {"job.progress"}
    assert named("generation.delta") == named("executor.*") == named("nothing.*") == set()


def test_a_type_is_described_once():
    twice = EventKind("a.b", "It.", "the thing", "ops", fields())
    with pytest.raises(RoundhouseError):
        EventTable(twice, twice)
