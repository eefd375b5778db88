"""Flows as jobs: one step that goes on where the journal ends, whichever process runs it."""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.core.errors import NotFound, PipelineRetired, Unprocessable
from roundhouse.core.jobs import Along, Counting, Job, Pipeline, RetryPolicy, Step, StepContext
from roundhouse.core.types import Caller
from roundhouse.features.tasks.attempts.redacting import redacted
from roundhouse.features.tasks.flows import journal, signals, store
from roundhouse.features.tasks.flows.decide import Done, decide
from roundhouse.features.tasks.flows.execution import Desk, Execution, facts_of
from roundhouse.features.tasks.flows.house import shipped_flows
from roundhouse.features.tasks.flows.reading import Flow, read_flow
from roundhouse.features.tasks.flows.targets import dearest, form_of, targets_of
from roundhouse.features.tasks.human import store as human
from roundhouse.features.tasks.human.comparing import changes
from roundhouse.features.tasks.human.deciding import Forms
from roundhouse.features.tasks.human.model import who_is
from roundhouse.features.tasks.human.shapes import read_request
from roundhouse.infra.db import Tx

FLOW = "task.flow"
"""Kind of the job that is a flow."""

# Steps count their own tries. A process that dies is no fault of the flow: a call that kills processes is given up by
# its step after a few.
_RETRY = RetryPolicy(max_attempts=100, base_s=1.0, max_s=60.0)
_WHICH = ("flow", "version", "flow_id", "spec")
_LONGEST_RUN_S = 7 * 86_400.0


class Order(msgspec.Struct, frozen=True):
    """A flow that is to be run.

    Attributes:
        name: Of the flow.
        version: That it keeps to its end.
        input: Input of the job.
        cost_units: What it may cost at most when nothing is tried twice.
        local_only: Whether nothing of it may leave the house.
    """

    name: str
    version: int
    input: dict[str, Any]
    cost_units: float
    local_only: bool = False


class FlowJobs:
    """Runs flows, and says what a run is made of.

    Args:
        desk: What running flows need.
        forms: Checks inputs.
        ends: Is told in the transaction that ends a run.
        counting: What counts flows; None = nothing does.

    Attributes:
        pipeline: For executors.
    """

    def __init__(
        self, desk: Desk, forms: Forms, ends: Along | None = None, counting: Counting | None = None
    ) -> None:
        self._desk = desk
        self._forms = forms
        self._ends = ends
        self._shipped = shipped_flows()
        self.pipeline = Pipeline(
            FLOW,
            (Step("flow", self._run),),
            "flow",
            retry=_RETRY,
            timeout_s=_LONGEST_RUN_S,
            counting=counting,
        )

    async def order(self, caller: Caller, name: str, version: int | None, given: Any) -> Order:
        """What a task of a flow is made of.

        Raises:
            NotFound: There is no such flow that the caller's tenant sees.
            Unprocessable: The input is not valid.
        """
        async with self._desk.db.read() as tx:
            kept = await store.find(tx, caller, name, version)
            own = kept is not None or await store.find(tx, caller, name) is not None
        shipped = None if own else self._shipped.get(name)
        found = kept or (shipped if shipped is not None and version in (None, shipped.version) else None)
        if found is None:
            raise NotFound(f"There is no flow {name!r}.", param="flow")
        flow = read_flow(found.spec)
        schema = await form_of(self._desk.registry, caller, flow.spec.input_schema)
        if schema is not None:
            self._check(schema, given)
        # The spec of a shipped flow may be another one after an update; the task keeps the one it began with.
        which = {"flow_id": found.id} if found.id else {"spec": found.spec}
        order = {"flow": found.name, "version": found.version, "input": given, **which}
        if (shown := redacted(given, schema)) != given:
            order["shown"] = shown
        targets = await targets_of(self._desk.registry, caller, flow)
        local_only = flow.spec.privacy == "local_only"
        return Order(found.name, found.version, order, dearest(targets), local_only)

    async def trace(self, tx: Tx, caller: Caller, job: Job) -> dict[str, Any]:
        """What a trace tells of a run besides its attempts: `flow`, `human`, `signals`, `decided_by`."""
        flow = await self._flow(tx, job)
        asked = await human.of_job(tx, caller.site_id, job.id)
        told = []
        for one in asked:
            notes = await human.notes_of(tx, one.site_id, one.id)
            shown = read_request(one, notes).model_dump(mode="json")
            changed = changes(one.draft, one.answer) if one.state == "answered" else []
            told.append(shown | {"changes": changed})
        decided_by = None
        # Without what the steps were given and gave nobody can say any more who decided.
        if job.state == "completed" and "input" in job.input:
            past = await journal.read(tx, job)
            action = decide(flow, facts_of(flow, job, past, {}, job.updated_at_s))
            decided_by = action.decided_by if isinstance(action, Done) else None
        spec = msgspec.to_builtins(flow.spec)
        shown_flow = {"name": job.input["flow"], "version": job.input["version"], "spec": spec}
        came = signals.told(flow, job.signals, job.waiting_for)
        return {"flow": shown_flow, "human": told, "signals": came, "decided_by": decided_by}

    async def signal(
        self, tx: Tx, caller: Caller, job: Job, name: str, payload: Any
    ) -> tuple[str, dict[str, Any]]:
        """What a run waits for that waits for a signal, and what is kept of one that came.

        Raises:
            NotFound: No step of it waits for this signal.
            TooLarge: The payload has more than 64 KiB.
        """
        flow = await self._flow(tx, job)
        return signals.waited(name), signals.brought(
            flow, name, payload, who_is(caller), self._desk.clock.now_s()
        )

    async def forget(self, tx: Tx, job: Job) -> dict[str, Any]:
        """Delete of a run what is not to be kept, but for its input, result and attempts.

        Returns:
            What its input has to keep for its trace.
        """
        await journal.forget(tx, job.id)
        return {name: job.input[name] for name in _WHICH if name in job.input}

    async def _run(self, context: StepContext) -> Any:
        async with self._desk.db.read() as tx:
            flow = await self._flow(tx, context.job)
        return await Execution(self._desk, context, context.job.input["flow"], flow, self._ends).run()

    async def _flow(self, tx: Tx, job: Job) -> Flow:
        given = job.input
        if "spec" in given:
            return read_flow(given["spec"])
        try:
            kept = await store.of_task(tx, job.caller.site_id, given["flow_id"], given["version"])
        except NotFound:
            raise PipelineRetired("The flow of this task is gone.") from None
        return read_flow(kept.spec)

    def _check(self, schema: dict[str, Any], given: Any) -> None:
        try:
            self._forms.check(schema, given)
        except Unprocessable as error:
            raise Unprocessable(
                f"The input is not valid: {error.detail}", param=f"/input{error.param or ''}"
            ) from None
