"""The capabilities that a flow's steps use, as the caller's tenant sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from roundhouse.core.errors import NotAllowed, NotFound, RoundhouseError
from roundhouse.core.types import Caller
from roundhouse.features.tasks.flows.faults import Problem
from roundhouse.features.tasks.flows.language import Step
from roundhouse.features.tasks.flows.reading import Flow
from roundhouse.features.tasks.model import Calling, Capability, Registry

_REFERENCE = "#cap/"
_ENDLESS = (
    "Nothing ends this wait but the deadline of a task: give the step `timeout_s`, or the flow `deadline_s`."
)


async def target_of(registry: Registry, caller: Caller, step: Step) -> Capability:
    """The capability of a step.

    Raises:
        NotFound: There is none, or it has not the labels that the step asks for.
        NotAllowed: It keeps nothing, and a flow cannot work without a record of its tries.
    """
    found = await named(registry, caller, step.use or "")
    missing = [name for name, value in step.target.labels.items() if found.labels.get(name) != value]
    if missing:
        raise NotFound(f"{found.name!r} has not the label {missing[0]!r} that the step asks for.")
    if found.kept == "none":
        raise NotAllowed(f"{found.name!r} keeps nothing of its calls, so no flow can use it.")
    return found


async def named(registry: Registry, caller: Caller, use: str) -> Capability:
    """A capability by `name` or `name@version`; raises NotFound."""
    name, _, version = use.partition("@")
    return await registry.find(caller, name, int(version) if version else None)


async def targets_of(
    registry: Registry, caller: Caller, flow: Flow
) -> dict[str, Capability | RoundhouseError]:
    """By step the capability, or why there is none."""
    found: dict[str, Capability | RoundhouseError] = {}
    for step in flow.spec.steps:
        if step.use is None:
            continue
        try:
            found[step.id] = await target_of(registry, caller, step)
        except (NotFound, NotAllowed) as error:
            found[step.id] = error
    return found


def is_reference(form: Any) -> bool:
    """Whether a capability's schema is meant."""
    reference = form.get("$ref") if isinstance(form, Mapping) else form
    return isinstance(reference, str) and reference.startswith(_REFERENCE)


def dearest(targets: Mapping[str, Capability | RoundhouseError]) -> float:
    """Cost units of the dearest way through a flow that tries nothing twice.

    It calls every step once, for any step may follow any outcome; what is not there costs nothing.
    """
    return sum(one.cost_units for one in targets.values() if isinstance(one, Capability))


async def form_of(registry: Registry, caller: Caller, form: Any) -> Any:
    """A JSON Schema, read from the capability where a reference `#cap/<name>/input` or `/output` stands for it.

    Raises:
        NotFound: There is no such capability.
    """
    if not is_reference(form):
        return form
    reference = form["$ref"] if isinstance(form, Mapping) else form
    use, _, side = reference.removeprefix(_REFERENCE).rpartition("/")
    capability = await named(registry, caller, use)
    return capability.input_schema if side == "input" else capability.output_schema


async def callable_of(
    registry: Registry, calling: Calling, caller: Caller, flow: Flow
) -> dict[str, Capability | RoundhouseError]:
    """As `targets_of`; where nothing of the flow may leave the house, also why what is outside is not called."""
    targets = await targets_of(registry, caller, flow)
    if flow.spec.privacy != "local_only":
        return targets

    async def look(target: Capability | RoundhouseError) -> Capability | RoundhouseError:
        if isinstance(target, Capability):
            try:
                await calling.check_inside(target)
            except RoundhouseError as error:
                return error
        return target

    return dict(zip(targets, await asyncio.gather(*map(look, targets.values())), strict=True))


async def warnings_of(registry: Registry, calling: Calling, caller: Caller, flow: Flow) -> list[Problem]:
    """What is missing as things stand, is passed over, or may never end, of a flow that can be kept."""
    targets = await callable_of(registry, calling, caller, flow)
    found = []
    for number, step in enumerate(flow.spec.steps):
        target = targets.get(step.id)
        if isinstance(target, RoundhouseError):
            found.append(Problem(f"/steps/{number}/use", target.detail))
        if step.signal is not None and step.timeout_s is None and flow.spec.deadline_s is None:
            found.append(Problem(f"/steps/{number}/signal", _ENDLESS))
        form = None if step.human is None else step.human.form
        try:
            await form_of(registry, caller, form)
        except NotFound as error:
            found.append(Problem(f"/steps/{number}/human/form", error.detail))
    try:
        await form_of(registry, caller, flow.spec.input_schema)
    except NotFound as error:
        found.append(Problem("/input_schema", error.detail))
    return found
