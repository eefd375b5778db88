"""What a flow does next, from what is known of it: a function without input, output or memory.

It is asked again after everything that happened, and again by another process after the first was killed: from the same
facts comes the same action.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.features.tasks.flows.facts import Facts, Said, Try
from roundhouse.features.tasks.flows.language import ErrorClass, Outcome, Retry, Step
from roundhouse.features.tasks.flows.reading import Flow

MOST_BEGUN = 3
"""A call that this many processes did not survive is not begun again: it is what kills them."""

_LONGEST_ASKED_S = 3600.0


class Hedge(msgspec.Struct, frozen=True):
    """A second call beside the first: `step` is begun `after_s` seconds after it."""

    step: str
    after_s: float


class Call(msgspec.Struct, frozen=True):
    """Call the capability of a step: its try number `n`, at most until `until_s` (Unix time, None = no deadline)."""

    step: str
    n: int
    until_s: float | None = None
    hedge: Hedge | None = None


class Close(msgspec.Struct, frozen=True):
    """End a try that was cut off, as what it is."""

    step: str
    n: int
    error_class: ErrorClass


class Pause(msgspec.Struct, frozen=True):
    """Wait until a Unix time, then decide again; `step` and `n` are of the try that comes then."""

    step: str
    n: int
    until_s: float


class Ask(msgspec.Struct, frozen=True):
    """Ask the person of a step, or go on waiting for that one."""

    step: str


class Await(msgspec.Struct, frozen=True):
    """Wait for the signal of a step until a Unix time; None = as long as the task lives."""

    step: str
    until_s: float | None


class Done(msgspec.Struct, frozen=True):
    """The flow is completed."""

    output: Any
    decided_by: str


class Fail(msgspec.Struct, frozen=True):
    """The flow has failed: the class of its last error, that one's code and words, and the step."""

    error_class: ErrorClass | None
    code: str
    message: str
    step: str | None = None


Action = Call | Close | Pause | Ask | Await | Done | Fail


class _Past(msgspec.Struct, frozen=True):
    """How a step came out."""

    step: str
    outcome: Outcome
    output: Any = None
    error_class: ErrorClass | None = None
    code: str = ""
    message: str = ""
    by: str = ""


def decide(flow: Flow, facts: Facts) -> Action:
    """The next action of a flow.

    Args:
        flow: What is to be done.
        facts: What is known: input, tries, answers of people, signals, the time.
    """
    past, action = _walk(flow, facts)
    return _ended(flow, facts, past) if action is None else action


def roots(flow: Flow, facts: Facts, past: list[_Past] | None = None) -> dict[str, Any]:
    """What expressions see: `input`, `steps`, `last`, `best_output`, `task`."""
    found = _walk(flow, facts)[0] if past is None else past
    steps = {
        one.step: {"output": one.output, "state": one.outcome, "error": _error(one), "by": one.by}
        for one in found
    }
    outputs = [one.output for one in found if one.output is not None]
    return {
        "input": facts.input,
        "steps": steps,
        "last": {"step": found[-1].step, **steps[found[-1].step]} if found else None,
        "best_output": outputs[-1] if outputs else _partial(facts),
        "task": {"id": facts.task_id},
    }


def pause_s(retry: Retry, n: int, key: str) -> float:
    """Seconds between try `n` and the next; spread by the key, so that the same facts give the same pause."""
    if retry.backoff == "fixed":
        return min(retry.base_s, retry.cap_s)
    longest = min(retry.base_s * 2.0 ** min(n - 1, 32), retry.cap_s)
    share = int.from_bytes(hashlib.sha256(f"{key}:{n}".encode()).digest()[:4]) / 2**32
    return longest * (0.5 + share / 2)


def _walk(flow: Flow, facts: Facts) -> tuple[list[_Past], Action | None]:
    """How the steps came out that are behind the flow, and what the first one needs that is not."""
    past: list[_Past] = []
    for step in flow.spec.steps:
        if past and past[-1].outcome not in step.follows:
            continue
        if not _applies(flow, step, facts, past):
            continue
        found = _outcome(flow, step, facts)
        if not isinstance(found, _Past):
            return past, found
        past.append(found)
    return past, None


def _outcome(flow: Flow, step: Step, facts: Facts) -> _Past | Action:
    """How a step came out, or what is still to be done for it."""
    if step.human is not None:
        return _after_asking(step, facts)
    return _after_tries(flow, step, facts) if step.signal is None else _after_signal(step, facts)


def _applies(flow: Flow, step: Step, facts: Facts, past: list[_Past]) -> bool:
    if step.only_if is None or facts.tries_of(step.id):
        return True
    if step.only_if == "idempotent":
        return facts.idempotent.get(step.id, False)
    return flow.conditions[step.id].holds(roots(flow, facts, past))


def _after_tries(flow: Flow, step: Step, facts: Facts) -> _Past | Action:
    """How a call came out, or what is still to be done for it."""
    tries = facts.tries_of(step.id)
    hedge = flow.hedges.get(step.id)
    if not tries:
        return _late(facts, step) or _call(flow, step, 1, facts)
    last = tries[-1]
    if last.cut_off:
        return _cut_off(step, tries, facts)
    beside = [] if hedge is None else facts.tries_of(hedge.id)
    if hedge is not None and beside and beside[-1].cut_off:
        # Its race ended with the process; where the other one failed it is still wanted.
        won = last.state == "ok"
        return Close(hedge.id, beside[-1].n, "lost_race") if won else _cut_off(hedge, beside, facts)
    if last.state == "ok":
        return _Past(step.id, "ok", last.output, by=f"step:{step.id}")
    if any(one.state == "ok" for one in beside):
        return _lost(step, last)
    kind = last.error_class or "failed"
    if kind == "invalid_input":
        return Fail(kind, last.code or kind, last.message, step.id)
    if kind == "unknown_outcome":
        return _Past(step.id, "unknown", None, kind, last.code or kind, last.message)
    return _again(flow, step, tries, facts) or _lost(step, last)


def _again(flow: Flow, step: Step, tries: list[Try], facts: Facts) -> Action | None:
    """The next try of a step, None if there is none."""
    retry, last = flow.retry(step), tries[-1]
    failed = sum(one.state == "failed" for one in tries)
    if last.error_class not in retry.on or failed >= retry.max:
        return None
    wait_s = pause_s(retry, failed, f"{facts.task_id}:{step.id}")
    if last.retry_after_s is not None:
        if last.retry_after_s > _LONGEST_ASKED_S:
            return None
        wait_s = max(wait_s, last.retry_after_s)
    until_s = (facts.now_s if last.ended_at_s is None else last.ended_at_s) + wait_s
    if facts.deadline_s is not None and until_s >= facts.deadline_s:
        return None
    if facts.now_s < until_s:
        return Pause(step.id, last.n + 1, until_s)
    return _late(facts, step) or _call(flow, step, last.n + 1, facts)


def _call(flow: Flow, step: Step, n: int, facts: Facts) -> Call:
    hedge = flow.hedges.get(step.id)
    wanted = (
        hedge is not None
        and not facts.tries_of(hedge.id)
        and (hedge.only_if != "idempotent" or facts.idempotent.get(hedge.id, False))
    )
    beside = Hedge(hedge.id, (hedge.after_ms or 0) / 1000) if wanted and hedge is not None else None
    return Call(step.id, n, facts.deadline_s, beside)


def _cut_off(step: Step, tries: list[Try], facts: Facts) -> Action:
    """A try whose process did not live to see its end: once more, under the same key, if that may be."""
    last = tries[-1]
    if not facts.idempotent.get(step.id, False):
        return Close(step.id, last.n, "unknown_outcome")
    ended = next((place for place, one in enumerate(reversed(tries)) if not one.cut_off), len(tries))
    if ended >= MOST_BEGUN:
        return Close(step.id, last.n, "worker_lost")
    if facts.deadline_s is not None and facts.now_s >= facts.deadline_s:
        return Close(step.id, last.n, "timeout")
    return Call(step.id, last.n + 1, facts.deadline_s)


def _late(facts: Facts, step: Step) -> Fail | None:
    """The end of a flow that has no time left."""
    if facts.deadline_s is None or facts.now_s < facts.deadline_s:
        return None
    return Fail("timeout", "deadline_exceeded", "The flow was not done at its deadline.", step.id)


def _lost(step: Step, last: Try) -> _Past:
    kind: ErrorClass = last.error_class or "failed"
    outcome: Outcome = "rejected" if kind == "rejected" else "failed"
    return _Past(step.id, outcome, last.output, kind, last.code or kind, last.message)


def _after_asking(step: Step, facts: Facts) -> _Past | Action:
    """How the question to a person came out, or that it is still to be asked."""
    said = facts.people.get(step.id)
    return (_late(facts, step) or Ask(step.id)) if said is None else _person(step, said)


def _person(step: Step, said: Said) -> _Past:
    if said.state == "answered":
        return _Past(step.id, "ok", said.output, by=said.by)
    if said.state == "rejected":
        message = said.comment or "A person rejected it."
        return _Past(step.id, "rejected", None, "rejected", "rejected", message, said.by)
    return _Past(step.id, "failed", None, "timeout", "expired", "Nobody answered in time.", said.by)


def _after_signal(step: Step, facts: Facts) -> _Past | Action:
    """What the signal brought, or that it is still to come."""
    said = facts.signals.get(step.id)
    if said is None:
        return _late(facts, step) or Await(step.id, _waits_until_s(step, facts))
    if said.state == "answered":
        return _Past(step.id, "ok", said.output, by=said.by)
    message = f"The signal {step.signal!r} did not come in time."
    return _Past(step.id, "failed", None, "timeout", "expired", message)


def _waits_until_s(step: Step, facts: Facts) -> float | None:
    waited_s = None if step.timeout_s is None else facts.now_s + step.timeout_s
    return min((one for one in (waited_s, facts.deadline_s) if one is not None), default=None)


def _ended(flow: Flow, facts: Facts, past: list[_Past]) -> Action:
    if not past:
        return Fail(None, "unprocessable", "None of the steps applies to this input.")
    last = past[-1]
    if last.outcome == "ok":
        return Done(flow.output.fill(roots(flow, facts, past)), last.by)
    return Fail(last.error_class, last.code, last.message, last.step)


def _error(one: _Past) -> Mapping[str, Any] | None:
    if one.error_class is None:
        return None
    return {"class": one.error_class, "code": one.code, "message": one.message}


def _partial(facts: Facts) -> Any:
    """The last output that was not taken, where there is none that was."""
    return next((one.output for one in reversed(facts.tries) if one.output is not None), None)
