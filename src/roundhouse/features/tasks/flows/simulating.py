"""Pretends a flow: every decision is the real one, nothing is called and nobody is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.core.errors import RoundhouseError, Unprocessable
from roundhouse.features.tasks.flows.classes import class_of
from roundhouse.features.tasks.flows.decide import Ask, Await, Call, Close, Done, Fail, Pause, decide, roots
from roundhouse.features.tasks.flows.facts import Facts, Said, Try
from roundhouse.features.tasks.flows.language import ErrorClass, Step
from roundhouse.features.tasks.flows.reading import Flow
from roundhouse.features.tasks.flows.schemas import SimulateAsk, SimulatedStep, SimulationRead
from roundhouse.features.tasks.flows.templates import Template
from roundhouse.features.tasks.model import Capability

_MOST_ACTIONS = 2000
_DEPTH = 8
_BY_TYPE: dict[str, Any] = {"string": "…", "number": 1.0, "integer": 1, "boolean": True, "null": None}

Targets = Mapping[str, Capability | RoundhouseError]


def simulate(flow: Flow, asked: SimulateAsk, targets: Targets) -> SimulationRead:
    """The way that a flow would take.

    Args:
        flow: Which.
        asked: What fails, and what comes of what does not.
        targets: By step its capability, or why there is none.

    Raises:
        Unprocessable: It names steps that are none.
    """
    return _Pretended(flow, asked, targets).run()


class _Pretended:
    def __init__(self, flow: Flow, asked: SimulateAsk, targets: Targets) -> None:
        self._flow = flow
        self._asked = asked
        self._targets = targets
        self._now_s = 0.0
        self._tries: list[Try] = []
        self._people: dict[str, Said] = {}
        self._signals: dict[str, Said] = {}
        self._path: list[SimulatedStep] = []
        failing: dict[str, ErrorClass] = {}
        for step in asked.fail:
            failing[step] = asked.fail[step] if isinstance(asked.fail, dict) else "unavailable"
        self._failing = failing
        known = {one.id for one in flow.spec.steps}
        for name in ("fail", "outputs", "reject", "silent"):
            for step in getattr(asked, name):
                if step not in known:
                    raise Unprocessable(f"There is no step {step!r}.", param=name)

    def run(self) -> SimulationRead:
        for _ in range(_MOST_ACTIONS):
            facts = self._facts()
            action = decide(self._flow, facts)
            if isinstance(action, Done):
                return SimulationRead(
                    state="completed", path=self._path, output=action.output, decided_by=action.decided_by
                )
            if isinstance(action, Fail):
                error = {"code": action.code, "class": action.error_class, "message": action.message}
                return SimulationRead(state="failed", path=self._path, error=error)
            if isinstance(action, Call):
                self._call(self._flow.step(action.step), action, facts)
            elif isinstance(action, Pause):
                self._tell(action.step, "pause", n=action.n)
                self._now_s = action.until_s
            elif isinstance(action, Ask):
                self._ask(self._flow.step(action.step), facts)
            elif isinstance(action, Await):
                if not self._await(self._flow.step(action.step), action.until_s):
                    return SimulationRead(state="waiting", path=self._path)
            elif isinstance(action, Close):
                raise RoundhouseError("Nothing is cut off that is only pretended.")
        raise Unprocessable("The flow takes more than can be shown.")

    def _facts(self) -> Facts:
        deadlines = [one for one in (self._flow.spec.deadline_s, self._asked.deadline_s) if one is not None]
        return Facts(
            task_id="job_simulated",
            input=self._asked.input,
            now_s=self._now_s,
            tries=tuple(self._tries),
            people=self._people,
            signals=self._signals,
            idempotent={
                step: target.idempotent
                for step, target in self._targets.items()
                if isinstance(target, Capability)
            },
            deadline_s=min(deadlines, default=None),
        )

    def _call(self, step: Step, action: Call, facts: Facts) -> None:
        target = self._targets[step.id]
        timeout_s = step_timeout_s(self._flow, step, target if isinstance(target, Capability) else None)
        if action.until_s is not None:
            timeout_s = min(timeout_s, action.until_s - self._now_s)
        output, failed = self._outcome(step, target, facts)
        began_s = self._now_s
        if failed == "timeout":
            self._now_s += timeout_s
        said = "It is pretended to fail." if failed else ""
        self._tries.append(
            Try(
                step.id,
                action.n,
                "ok" if failed is None else "failed",
                error_class=failed,
                code=failed or "",
                message=target.detail if isinstance(target, RoundhouseError) else said,
                output=output,
                ended_at_s=self._now_s,
            )
        )
        self._tell(
            step.id,
            "call",
            n=action.n,
            target=step.use,
            at_s=began_s,
            timeout_s=timeout_s,
            outcome=failed or "ok",
        )

    def _outcome(
        self, step: Step, target: Capability | RoundhouseError, facts: Facts
    ) -> tuple[Any, ErrorClass | None]:
        failing = self._failing.get(step.id)
        if failing is not None:
            return None, failing
        if isinstance(target, RoundhouseError):
            return None, class_of(target)
        if step.id not in self._asked.outputs:
            return sample(target.output_schema), None
        output = self._asked.outputs[step.id]
        rule = self._flow.accepts.get(step.id)
        taken = rule is None or rule.holds({**roots(self._flow, facts), "output": output})
        return output, None if taken else "rejected"

    def _ask(self, step: Step, facts: Facts) -> None:
        human = step.human
        if human is None:
            raise RoundhouseError("Only people are asked.")
        by = (
            f"human:{human.assignees[0]}"
            if human.assignees and isinstance(human.assignees, tuple)
            else "human"
        )
        given = self._asked.outputs.get(step.id)
        if step.id in self._asked.silent:
            self._now_s += human.due_s
            silent = {
                "default_answer": Said("answered", human.default_answer, "timeout"),
                "reject": Said("rejected"),
            }
            said = silent.get(human.on_timeout, Said("expired", by="timeout"))
        elif step.id in self._asked.reject or self._failing.get(step.id) == "rejected":
            said = Said("rejected", None, by)
        elif step.id in self._failing:
            said = Said("expired", by="timeout")
        elif given is not None:
            said = Said("answered", given, by)
        else:
            draft = Template(human.prefill).fill(roots(self._flow, facts))
            form = human.form if isinstance(human.form, dict) else None
            said = Said("answered", sample(form) if draft is None else draft, by)
        self._people[step.id] = said
        self._tell(step.id, "ask", outcome="ok" if said.state == "answered" else said.state)

    def _await(self, step: Step, until_s: float | None) -> bool:
        """Wait for a signal; False when it does not come, and nothing ends the wait."""
        if step.id not in self._asked.silent and step.id not in self._failing:
            self._signals[step.id] = Said("answered", self._asked.outputs.get(step.id), "signal")
            self._tell(step.id, "wait", target=step.signal, outcome="ok")
            return True
        self._tell(step.id, "wait", target=step.signal, outcome="expired")
        if until_s is None:
            return False
        self._signals[step.id] = Said("expired")
        self._now_s = until_s
        return True

    def _tell(self, step: str, action: Any, at_s: float | None = None, **more: Any) -> None:
        at_s = self._now_s if at_s is None else at_s
        self._path.append(SimulatedStep(step=step, action=action, at_s=round(at_s, 3), **more))


def step_timeout_s(flow: Flow, step: Step, target: Capability | None) -> float:
    """Longest time of one try of a step, the flow's deadline aside."""
    for given_s in (step.timeout_s, flow.spec.defaults.timeout_s):
        if given_s is not None:
            return given_s
    return 60.0 if target is None else target.timeout_s


def sample(schema: Any, depth: int = 0) -> Any:
    """A value such as a JSON Schema asks for, as far as that is easy to say."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return {} if depth == 0 else None
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if isinstance(schema.get(name), list) and schema[name]:
            return msgspec.to_builtins(schema[name][0])
    if isinstance(schema.get("properties"), dict):
        return {name: sample(one, depth + 1) for name, one in schema["properties"].items()}
    if schema.get("type") == "array":
        return [sample(schema["items"], depth + 1)] if "items" in schema else []
    kind = schema.get("type")
    return _BY_TYPE.get(kind, {} if depth == 0 else None) if isinstance(kind, str) else None
