"""A running flow: decides, acts, writes down, decides again, until it is done or has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.core.errors import (
    AttemptsExhausted,
    DeadlineExceeded,
    NotFound,
    OutcomeUnknown,
    RejectedByPerson,
    RequestExpired,
    RoundhouseError,
    Unprocessable,
)
from roundhouse.core.jobs import Along, Job, StepContext, Waiting
from roundhouse.core.ports import Clock
from roundhouse.features.tasks.attempts.keeping import Keeping
from roundhouse.features.tasks.flows import journal, signals
from roundhouse.features.tasks.flows.calls import Begun, Calls
from roundhouse.features.tasks.flows.decide import Ask, Await, Call, Close, Done, Fail, Hedge, Pause, decide
from roundhouse.features.tasks.flows.facts import Facts
from roundhouse.features.tasks.flows.journal import Outcome, Past
from roundhouse.features.tasks.flows.language import Step
from roundhouse.features.tasks.flows.questions import question_of
from roundhouse.features.tasks.flows.reading import Flow
from roundhouse.features.tasks.flows.targets import targets_of
from roundhouse.features.tasks.human import asking
from roundhouse.features.tasks.human.model import UNDECIDED
from roundhouse.features.tasks.model import Calling, Capability, Registry
from roundhouse.infra.db import Database, Tx

_LONGEST_SLEEP_S = 2.0
"""A longer pause gives the executor's place to others."""

Targets = Mapping[str, Capability | RoundhouseError]


class Desk(msgspec.Struct, frozen=True):
    """What running flows need.

    Attributes:
        db: The database.
        registry: Which capabilities there are.
        calling: Calls them.
        keeping: Makes values fit for traces.
        clock: Time.
    """

    db: Database
    registry: Registry
    calling: Calling
    keeping: Keeping
    clock: Clock


def facts_of(flow: Flow, job: Job, past: Past, targets: Targets, now_s: float) -> Facts:
    """What is known of a running flow."""
    limit_s = flow.spec.deadline_s
    deadlines = [job.deadline_s, None if limit_s is None else past.began_s + limit_s]
    return Facts(
        task_id=job.id,
        input=job.input.get("input"),
        now_s=now_s,
        tries=past.tries,
        people=past.people,
        signals=signals.said_by(flow, job.signals),
        idempotent={
            step: target.idempotent for step, target in targets.items() if isinstance(target, Capability)
        },
        deadline_s=min((one for one in deadlines if one is not None), default=None),
    )


class Execution:
    """One run of one flow.

    Args:
        desk: What it needs.
        context: Of the job's step.
        name: Name of the flow.
        flow: What is run.
        ends: Is told in the transaction that ends the run.
    """

    def __init__(
        self, desk: Desk, context: StepContext, name: str, flow: Flow, ends: Along | None = None
    ) -> None:
        self._desk = desk
        self._context = context
        self._job = context.job
        self._name = name
        self._flow = flow
        self._calls = Calls(desk.db, desk.calling, desk.keeping, desk.clock, context.job, flow)
        self._targets: Targets = {}
        self._ends = ends

    async def run(self) -> Any:
        """The flow's output.

        Raises:
            Waiting: For a person, a signal or a time.
            RoundhouseError: It has failed.
        """
        self._context.along(self._leave)
        while True:
            facts = await self._facts()
            action = decide(self._flow, facts)
            if isinstance(action, Done):
                return action.output
            if isinstance(action, Fail):
                raise await self._failed(action)
            self._tell(action.step)
            if isinstance(action, Call):
                await self._call(action, facts)
            elif isinstance(action, Close):
                await self._calls.close(self._flow.step(action.step), action.n, action.error_class)
            elif isinstance(action, Pause):
                await self._pause(action)
            elif isinstance(action, Await):
                # One that came while this run went on has the job queued again at once.
                raise Waiting(signals.waited(self._flow.step(action.step).signal or ""), action.until_s)
            else:
                await self._ask(action, facts)

    async def _leave(self, tx: Tx, job: Job | None) -> None:
        await self._calls.leave(tx, job)
        if self._ends is not None:
            await self._ends(tx, job)

    async def _facts(self) -> Facts:
        desk, job = self._desk, self._job
        self._targets = await targets_of(desk.registry, job.caller, self._flow)
        async with desk.db.read() as tx:
            past = await journal.read(tx, job)
        return facts_of(self._flow, job, past, self._targets, desk.clock.now_s())

    def _tell(self, step_id: str) -> None:
        ids = [one.id for one in self._flow.spec.steps]
        self._context.progress(ids.index(step_id) / len(ids), step_id)

    async def _failed(self, action: Fail) -> RoundhouseError:
        async with self._desk.db.begin() as tx:
            await journal.check_mine(tx, self._job)
            await journal.end_run(tx, self._job)
        return error_of(action)

    async def _pause(self, action: Pause) -> None:
        wait_s = action.until_s - self._desk.clock.now_s()
        if wait_s > _LONGEST_SLEEP_S:
            raise Waiting(f"pause:{action.step}:{action.n}", action.until_s)
        await self._desk.clock.sleep(max(wait_s, 0.0))

    async def _ask(self, action: Ask, facts: Facts) -> None:
        desk, step = self._desk, self._flow.step(action.step)
        try:
            question = await question_of(desk.registry, self._job.caller, self._name, self._flow, step, facts)
        except NotFound as error:
            raise Unprocessable(
                f"The person of the step {step.id!r} cannot be asked: {error.detail}"
            ) from None
        # Who is asked sees no more of the input than a trace shows.
        shown = {"input": self._job.input["shown"]} if "shown" in self._job.input else {}
        context = await desk.keeping.fit(self._job.caller, question.context | shown)
        question = msgspec.structs.replace(question, context=context)
        async with desk.db.begin() as tx:
            await journal.check_mine(tx, self._job)
            asked = await asking.ask(tx, self._job, question, desk.clock.now_s())
        if asked.state in UNDECIDED:
            ends = (asked.next_at_s, facts.deadline_s)
            raise Waiting(asked.signal, min(one for one in ends if one is not None))

    # Calls

    async def _call(self, action: Call, facts: Facts) -> None:
        begun = await self._begin(self._flow.step(action.step), facts)
        if begun is None:
            return
        if action.hedge is None:
            await self._calls.end(begun, await self._calls.make(begun))
        else:
            await self._race(begun, action.hedge, facts)

    async def _begin(self, step: Step, facts: Facts) -> Begun | None:
        return await self._calls.begin(step, self._targets[step.id], facts)

    async def _race(self, begun: Begun, hedge: Hedge, facts: Facts) -> None:
        """Two calls of which the first good output wins; the other one is told to stop."""
        running = {asyncio.create_task(self._calls.make(begun)): begun}
        try:
            done, _ = await asyncio.wait(running, timeout=hedge.after_s)
            if not done:
                beside = await self._begin(self._flow.step(hedge.step), facts)
                if beside is not None:
                    running[asyncio.create_task(self._calls.make(beside))] = beside
            won = False
            while running and not won:
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    outcome = task.result()
                    won = won or outcome.error_class is None
                    await self._calls.end(running.pop(task), outcome)
            overtaken = Outcome("lost_race", "lost_race", "The other one was faster.")
            for task, left in list(running.items()):
                task.cancel()
                await asyncio.wait({task})
                running.pop(task)
                await self._calls.end(left, overtaken)
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running)


def error_of(action: Fail) -> RoundhouseError:
    """The error that a failed flow ends with."""
    where = f"The step {action.step!r}: " if action.step is not None else ""
    said = f"{where}{action.message}"
    if action.code == "deadline_exceeded":
        return DeadlineExceeded(action.message)
    if action.code == "expired":
        return RequestExpired(said)
    if action.error_class == "rejected" and action.code == "rejected":
        return RejectedByPerson(said)
    if action.error_class in (None, "invalid_input"):
        return Unprocessable(said)
    if action.error_class == "unknown_outcome":
        return OutcomeUnknown(said)
    return AttemptsExhausted(f"{said} ({action.code})")
