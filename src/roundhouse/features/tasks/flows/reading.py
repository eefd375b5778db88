"""From a flow's JSON to what can be run: structs, expressions that were read, and every fault with its place."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.flows.expressions import Expression
from roundhouse.features.tasks.flows.faults import Problem, faults
from roundhouse.features.tasks.flows.language import Retry, Spec, Step
from roundhouse.features.tasks.flows.templates import Template

MOST_BYTES = 256 * 1024

_PLACE = re.compile(r" - at `\$(.*)`$", re.DOTALL)


class Flow(msgspec.Struct, frozen=True):
    """A flow that can be run.

    Attributes:
        spec: As it is written.
        inputs: Template of a step's input, by step; none = the flow's input.
        accepts: Accept rule by step, where there is one.
        conditions: `only_if` by step, where it is an expression.
        hedges: Which step races a step, by the raced one.
        output: Template of the result.
    """

    spec: Spec
    inputs: dict[str, Template]
    accepts: dict[str, Expression]
    conditions: dict[str, Expression]
    hedges: dict[str, Step]
    output: Template

    def retry(self, step: Step) -> Retry:
        """When a step is tried again."""
        return self.spec.defaults.retry if step.retry is None else step.retry

    def step(self, step_id: str) -> Step:
        """One step by its id."""
        return next(one for one in self.spec.steps if one.id == step_id)


def read_flow(given: Any) -> Flow:
    """A flow of its JSON value.

    Raises:
        Unprocessable: The first fault of it; `param` is a JSON pointer.
    """
    flow, problems = look_through(given)
    if flow is None:
        first = problems[0]
        raise Unprocessable(f"{first.pointer or 'The flow'}: {first.message}", param=first.pointer or None)
    return flow


def look_through(given: Any) -> tuple[Flow | None, list[Problem]]:
    """A flow, or every fault that was found."""
    try:
        written = msgspec.json.encode(given)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return None, [Problem("", "It is not JSON.")]
    if len(written) > MOST_BYTES:
        return None, [Problem("", f"A flow has at most {MOST_BYTES} bytes.")]
    try:
        spec = msgspec.json.decode(written, type=Spec)
    except msgspec.ValidationError as error:
        return None, [_of_struct(str(error))]
    problems = list(faults(spec))
    if problems:
        return None, problems
    return _made(spec), []


def _of_struct(text: str) -> Problem:
    place = _PLACE.search(text)
    message = text if place is None else text[: place.start()]
    parts = re.findall(r"\.([^.\[\]]+)|\[([^\]]*)\]", place.group(1)) if place else []
    return Problem("".join(f"/{name or number}" for name, number in parts), message)


def _made(spec: Spec) -> Flow:
    steps = spec.steps
    return Flow(
        spec=spec,
        inputs={one.id: Template(one.map) for one in steps if one.map is not None},
        accepts={one.id: Expression(one.accept.expr) for one in steps if one.accept.expr is not None},
        conditions={
            one.id: Expression(one.only_if) for one in steps if one.only_if not in (None, "idempotent")
        },
        hedges={one.race_with: one for one in steps if one.race_with is not None},
        output=Template(spec.output),
    )
