"""The question that a step asks a person, made of the flow and of what is known."""

from __future__ import annotations

from typing import Any

from roundhouse.core.errors import Unprocessable
from roundhouse.core.types import Caller
from roundhouse.features.tasks.flows.decide import roots
from roundhouse.features.tasks.flows.facts import Facts
from roundhouse.features.tasks.flows.faults import assignee_faults
from roundhouse.features.tasks.flows.language import Human, Step
from roundhouse.features.tasks.flows.reading import Flow
from roundhouse.features.tasks.flows.targets import form_of
from roundhouse.features.tasks.flows.templates import Template
from roundhouse.features.tasks.human.forms import SchemaForms
from roundhouse.features.tasks.human.model import Question
from roundhouse.features.tasks.model import Registry

_MOST_TITLE = 300
_MOST_TEXT = 20_000


async def question_of(
    registry: Registry, caller: Caller, name: str, flow: Flow, step: Step, facts: Facts
) -> Question:
    """What is asked.

    Raises:
        Unprocessable: What a template gives is not what is needed there.
        NotFound: The form is that of a capability that is not there.
    """
    human = step.human or Human()
    seen = roots(flow, facts)
    form = await form_of(
        registry, caller, Template(human.form).fill(seen) if _is_path(human.form) else human.form
    )
    if form is not None and not isinstance(form, dict):
        raise Unprocessable(f"The form of the step {step.id!r} is no JSON Schema.")
    if form is not None and _is_path(human.form):
        # One that cannot be used would never let anybody answer.
        SchemaForms().check_schema(form, "form")
    title = str(Template(human.title).fill(seen) or step.id)
    return Question(
        step=step.id,
        flow=name,
        kind=human.kind,
        assignees=_people(step, human, seen),
        title=_storable(title)[:_MOST_TITLE],
        instructions=_storable(str(Template(human.instructions).fill(seen) or ""))[:_MOST_TEXT],
        form=form,
        draft=Template(human.prefill).fill(seen),
        options=human.options,
        context=_context(flow, facts, seen),
        channels=human.channels,
        due_s=human.due_s,
        remind_s=human.remind_s,
        escalate=tuple((one.after_s, one.to) for one in human.escalate),
        on_timeout=human.on_timeout,
        default_answer=human.default_answer,
    )


def _people(step: Step, human: Human, seen: dict[str, Any]) -> tuple[str, ...]:
    if not isinstance(human.assignees, str):
        return human.assignees
    found = Template(human.assignees).fill(seen)
    people = [found] if isinstance(found, str) else found or []
    if not isinstance(people, list) or not all(isinstance(one, str) for one in people):
        raise Unprocessable(f"{human.assignees} of the step {step.id!r} is no list of people.")
    for fault in assignee_faults("", people):
        raise Unprocessable(f"{human.assignees} of the step {step.id!r}: {fault.message}")
    return tuple(dict.fromkeys(people))


def _context(flow: Flow, facts: Facts, seen: dict[str, Any]) -> dict[str, Any]:
    uses = {one.id: one.use for one in flow.spec.steps}
    tries = [
        {
            "step": one.step,
            "n": one.n,
            "target": uses.get(one.step),
            "class": one.error_class,
            "code": one.code,
            "message": one.message,
        }
        for one in facts.tries
        if one.state == "failed"
    ]
    return {"input": facts.input, "tries": tries, "best_output": seen["best_output"]}


def _is_path(form: Any) -> bool:
    return isinstance(form, str) and form.startswith("$.")


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()
