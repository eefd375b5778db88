"""What the form of a flow's JSON cannot say: ranges, references, expressions that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from roundhouse.core.errors import Unprocessable
from roundhouse.features.tasks.flows.expressions import Expression
from roundhouse.features.tasks.flows.language import Breaker, Human, Retry, Spec, Step
from roundhouse.features.tasks.flows.templates import Template

MOST_STEPS = 50
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
"""Names of flows."""

_STEP = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
_USE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,198}(@[1-9][0-9]{0,8})?")
_FORM = re.compile(r"#cap/[A-Za-z0-9][A-Za-z0-9_.-]{0,198}/(input|output)")
_ASSIGNEE = re.compile(r"(user|group|key):[^\x00-\x20\x7f]{1,190}")
_ROOTS = frozenset({"input", "steps", "last", "best_output", "task"})
_LONGEST_S = 366 * 86_400.0
_MOST_TRIES = 20
_MOST_TIMES = 20
_MOST_PEOPLE = 100
_MOST_OPTIONS = 100
_SIGNAL = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_FOR_CALLS = ("retry", "map", "breaker", "race_with", "after_ms", "accept", "target")
_PLAIN = Step("")


class Problem(msgspec.Struct, frozen=True):
    """One fault: a JSON pointer into the flow, and what is wrong there."""

    pointer: str
    message: str


def faults(spec: Spec) -> Iterator[Problem]:
    """Every fault of a flow."""
    checks = (
        (
            spec.name is None or re.fullmatch(NAME, spec.name),
            "/name",
            "A name has letters, digits, `_`, `.`, `-`.",
        ),
        (1 <= len(spec.steps) <= MOST_STEPS, "/steps", f"A flow has 1 to {MOST_STEPS} steps."),
        (not spec.compensate, "/compensate", "What was done is not undone: leave this empty."),
    )
    yield from _unless(checks)
    yield from _span("/deadline_s", spec.deadline_s)
    yield from _span("/defaults/timeout_s", spec.defaults.timeout_s)
    yield from _retry_faults("/defaults/retry", spec.defaults.retry)
    known: dict[str, Step] = {}
    for number, step in enumerate(spec.steps):
        place = f"/steps/{number}"
        if step.id in known:
            yield Problem(f"{place}/id", f"There is another step {step.id!r}.")
        yield from _step_faults(place, step)
        yield from _kind_faults(place, step, known)
        known[step.id] = step
    yield from _template_faults("/output", spec.output)
    raced = [one.race_with for one in spec.steps if one.race_with is not None]
    if len(raced) != len(set(raced)):
        yield Problem("/steps", "A step is raced by one other at most.")


def assignee_faults(place: str, assignees: Iterable[str]) -> Iterator[Problem]:
    """Faults of a list of people."""
    people = list(assignees)
    if len(people) > _MOST_PEOPLE:
        yield Problem(place, f"At most {_MOST_PEOPLE} people.")
    for number, assignee in enumerate(people):
        if not _ASSIGNEE.fullmatch(assignee):
            yield Problem(f"{place}/{number}", "`user:<id>`, `group:<name>` or `key:<id>`.")


def _step_faults(place: str, step: Step) -> Iterator[Problem]:
    about_id = "An id begins with a letter and has letters, digits, `_` and `-`, at most 60."
    about_use = "Not the name of a capability: `name` or `name@version`."
    checks = (
        (_STEP.fullmatch(step.id), f"{place}/id", about_id),
        (_kinds(step) == 1, place, "A step has one of `use`, `human` and `signal`."),
        (step.use is None or _USE.fullmatch(step.use), f"{place}/use", about_use),
        (step.when is None or step.when, f"{place}/when", "Without any outcome it is never done."),
    )
    yield from _unless(checks)
    if step.only_if is not None and step.only_if != "idempotent":
        yield from _expression_faults(f"{place}/only_if", step.only_if, _ROOTS)


def _kinds(step: Step) -> int:
    return sum(one is not None for one in (step.use, step.human, step.signal))


def _kind_faults(place: str, step: Step, before: dict[str, Step]) -> Iterator[Problem]:
    if step.human is None and step.signal is None:
        yield from _call_faults(place, step, before)
        return
    given = [name for name in _FOR_CALLS if getattr(step, name) != getattr(_PLAIN, name)]
    # Whether it may be repeated is asked of a capability.
    given += ["only_if"] if step.only_if == "idempotent" else []
    yield from (Problem(f"{place}/{name}", "This is for calls alone.") for name in given)
    if step.human is not None:
        # How long a person has is `due_s`.
        yield from _unless([(step.timeout_s is None, f"{place}/timeout_s", "This is not for people.")])
        yield from _human_faults(place, step.human)
    if step.signal is not None:
        yield from _span(f"{place}/timeout_s", step.timeout_s)
        yield from _signal_faults(f"{place}/signal", step.signal, before)


def _signal_faults(place: str, name: str, before: dict[str, Step]) -> Iterator[Problem]:
    about = "A name has letters, digits, `_`, `.` and `-`, at most 80."
    taken = any(one.signal == name for one in before.values())
    yield from _unless(
        [
            (_SIGNAL.fullmatch(name), place, about),
            (not taken, place, f"Another step waits for {name!r}: each signal counts once."),
        ]
    )


def _call_faults(place: str, step: Step, before: dict[str, Step]) -> Iterator[Problem]:
    yield from _span(f"{place}/timeout_s", step.timeout_s)
    if step.retry is not None:
        yield from _retry_faults(f"{place}/retry", step.retry)
    if step.accept.expr is not None:
        yield from _expression_faults(f"{place}/accept/expr", step.accept.expr, _ROOTS | {"output"})
    yield from _template_faults(f"{place}/map", step.map)
    yield from _race_faults(place, step, before)
    if step.breaker is not None:
        yield from _breaker_faults(f"{place}/breaker", step.breaker)


def _race_faults(place: str, step: Step, before: dict[str, Step]) -> Iterator[Problem]:
    if step.race_with is None:
        yield from _unless([(step.after_ms is None, f"{place}/after_ms", "It needs `race_with`.")])
        return
    raced = before.get(step.race_with)
    fits = raced is not None and raced.use is not None and raced.race_with is None
    timed = step.after_ms is not None and 0 <= step.after_ms <= _LONGEST_S * 1000
    about = "It names an earlier step that calls a capability and races none."
    yield from _unless(
        [
            (fits, f"{place}/race_with", about),
            (timed, f"{place}/after_ms", "Milliseconds after which the race begins, 0 or more."),
            (step.when is None, f"{place}/when", "What races is done when the other one is slow, or failed."),
        ]
    )


def _breaker_faults(place: str, breaker: Breaker) -> Iterator[Problem]:
    yield from _unless(
        [
            (0 < breaker.failure_ratio <= 1, f"{place}/failure_ratio", "It is above 0 and at most 1."),
            (1 <= breaker.min_requests <= 100, f"{place}/min_requests", "It is from 1 to 100."),
        ]
    )
    yield from _span(f"{place}/open_s", breaker.open_s)


def _human_faults(step_place: str, human: Human) -> Iterator[Problem]:
    place = f"{step_place}/human"
    if isinstance(human.assignees, str):
        yield from _path_faults(f"{place}/assignees", human.assignees, "A list, or a path that leads to one.")
    else:
        yield from assignee_faults(f"{place}/assignees", human.assignees)
    for name in ("title", "instructions", "prefill"):
        yield from _template_faults(f"{place}/{name}", getattr(human, name))
    if isinstance(human.form, str) and not _FORM.fullmatch(human.form):
        about = "A JSON Schema, `#cap/<name>/output`, or a path that leads to one."
        yield from _path_faults(f"{place}/form", human.form, about)
    few = len(human.remind_s) <= _MOST_TIMES and len(human.escalate) <= _MOST_TIMES
    answered = human.on_timeout != "default_answer" or human.default_answer is not None
    levels = human.on_timeout != "next_level" or human.escalate
    checks = (
        (human.kind != "choose" or human.options, f"{place}/options", "There is nothing to choose from."),
        (len(human.options) <= _MOST_OPTIONS, f"{place}/options", f"At most {_MOST_OPTIONS}."),
        (few, place, f"At most {_MOST_TIMES} reminders, and as many escalations."),
        (answered, f"{place}/default_answer", "`on_timeout` needs it."),
        (levels, f"{place}/escalate", "`on_timeout: next_level` needs it."),
    )
    yield from _unless(checks)
    yield from _time_faults(place, human)


def _time_faults(place: str, human: Human) -> Iterator[Problem]:
    yield from _span(f"{place}/due_s", human.due_s)
    for number, remind_s in enumerate(human.remind_s):
        yield from _span(f"{place}/remind_s/{number}", remind_s)
    for number, level in enumerate(human.escalate):
        yield from _span(f"{place}/escalate/{number}/after_s", level.after_s)
        yield from _unless([(level.to, f"{place}/escalate/{number}/to", "Nobody is named.")])
        yield from assignee_faults(f"{place}/escalate/{number}/to", level.to)


def _retry_faults(place: str, retry: Retry) -> Iterator[Problem]:
    about = f"1 to {_MOST_TRIES} tries, the first one included."
    yield from _unless(
        [
            (1 <= retry.max <= _MOST_TRIES, f"{place}/max", about),
            (0 <= retry.base_s <= _LONGEST_S, f"{place}/base_s", "Seconds, 0 or more."),
            (0 <= retry.cap_s <= _LONGEST_S, f"{place}/cap_s", "Seconds, 0 or more."),
        ]
    )


def _span(place: str, span_s: float | None) -> Iterator[Problem]:
    if span_s is not None and not 0 < span_s <= _LONGEST_S:
        yield Problem(place, "Seconds, more than 0 and at most a year.")


def _unless(checks: Iterable[tuple[Any, str, str]]) -> Iterator[Problem]:
    return (Problem(place, about) for good, place, about in checks if not good)


def _path_faults(place: str, text: str, about: str) -> Iterator[Problem]:
    if not text.startswith("$."):
        yield Problem(place, about)
    else:
        yield from _template_faults(place, text)


def _expression_faults(place: str, text: str, roots: frozenset[str]) -> Iterator[Problem]:
    try:
        unknown = Expression(text).roots - roots
    except Unprocessable as error:
        yield Problem(place, error.detail)
        return
    yield from _unknown(place, unknown, roots)


def _template_faults(place: str, value: Any) -> Iterator[Problem]:
    try:
        unknown = frozenset(Template(value).roots) - _ROOTS
    except Unprocessable as error:
        yield Problem(place, error.detail)
        return
    yield from _unknown(place, unknown, _ROOTS)


def _unknown(place: str, unknown: frozenset[str], roots: frozenset[str]) -> Iterator[Problem]:
    for name in sorted(unknown):
        yield Problem(place, f"There is no {name!r}; paths begin with {', '.join(sorted(roots))}.")
