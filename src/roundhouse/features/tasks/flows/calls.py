"""One call of one step: written down before it is made and behind it."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import RoundhouseError, StepTimeout, Unprocessable
from roundhouse.core.jobs import Job
from roundhouse.core.ports import Clock
from roundhouse.core.transports import Exchange
from roundhouse.core.types import Caller
from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.attempts.keeping import Keeping
from roundhouse.features.tasks.attempts.model import Attempt, Told
from roundhouse.features.tasks.flows import breakers, journal
from roundhouse.features.tasks.flows.classes import class_of
from roundhouse.features.tasks.flows.decide import roots
from roundhouse.features.tasks.flows.facts import Facts
from roundhouse.features.tasks.flows.journal import Outcome, failure
from roundhouse.features.tasks.flows.language import ErrorClass, Step
from roundhouse.features.tasks.flows.reading import Flow
from roundhouse.features.tasks.flows.simulating import step_timeout_s
from roundhouse.features.tasks.model import Calling, Capability
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import NewEvent, append

_GRACE_S = 5.0
"""A transport keeps to its time limit itself; this is for one that does not."""


class Begun(msgspec.Struct, frozen=True):
    """A call that is written down and may be made.

    Attributes:
        step: Which.
        attempt: As it was written.
        capability: What is called.
        given: Its input.
        timeout_s: Longest time of it.
        facts: What was known.
    """

    step: Step
    attempt: Attempt
    capability: Capability
    given: Any
    timeout_s: float
    facts: Facts


class Calls:
    """The calls of one running flow.

    Args:
        db: The database.
        calling: Calls capabilities.
        keeping: Makes values fit for traces.
        clock: Time.
        job: The task.
        flow: What it runs.
    """

    def __init__(
        self, db: Database, calling: Calling, keeping: Keeping, clock: Clock, job: Job, flow: Flow
    ) -> None:
        self._db = db
        self._calling = calling
        self._keeping = keeping
        self._clock = clock
        self._job = job
        self._flow = flow
        self._open: dict[str, Attempt] = {}

    @property
    def _caller(self) -> Caller:
        return self._job.caller

    async def begin(self, step: Step, target: Capability | RoundhouseError, facts: Facts) -> Begun | None:
        """Write that a call is about to be made; None when it may not be, which is written as a failed try."""
        name = target.name if isinstance(target, Capability) else (step.use or "").partition("@")[0]
        shown = f"{name}@{target.version}" if isinstance(target, Capability) else step.use or ""
        given: Any = None
        refused: Outcome | None = None
        if isinstance(target, RoundhouseError):
            refused = failure(target, class_of(target))
        else:
            given, refused = self._input(step, facts)
        cost = target.cost_units if isinstance(target, Capability) else 0.0
        request = (
            None
            if given is None
            else await self._keeping.fit(
                self._caller,
                {"input": given},
                {"input": target.input_schema if isinstance(target, Capability) else None},
            )
        )
        timeout_s = self._timeout_s(step, target if isinstance(target, Capability) else None, facts)
        async with self._db.begin() as tx:
            await journal.check_mine(tx, self._job)
            now_s = self._clock.now_s()
            await attempts.abandon_open(tx, self._job.id, step.id, now_s)
            attempt = await attempts.begin(
                tx, self._caller.site_id, self._job.id, step.id, shown, now_s, cost, request
            )
            if refused is None and step.breaker is not None:
                refused = await self._admitted(tx, name, attempt, now_s + timeout_s + _GRACE_S)
            events = self._falls_back(step, facts, attempt, now_s)
            if refused is not None:
                await journal.end(tx, attempt, refused, Told(error=refused.error, cost=0.0), now_s)
                events.append(self._failed(step, attempt, refused, now_s))
            await append(tx, *events)
        if refused is not None or isinstance(target, RoundhouseError):
            return None
        self._open[step.id] = attempt
        return Begun(step, attempt, target, given, timeout_s, facts)

    async def make(self, begun: Begun) -> Outcome:
        """Make a call; whatever comes of it is an outcome, but for a cancellation."""
        exchange = Exchange()
        outcome = await self._called(begun, exchange)
        return msgspec.structs.replace(
            outcome, request=exchange.request, response=exchange.response, begun=exchange.begun
        )

    async def _called(self, begun: Begun, exchange: Exchange) -> Outcome:
        try:
            async with asyncio.timeout(begun.timeout_s + _GRACE_S):
                reply = await self._calling.call(
                    begun.capability,
                    begun.given,
                    self._caller,
                    idempotency_key=begun.attempt.idempotency_key,
                    timeout_s=begun.timeout_s,
                    exchange=exchange,
                )
        except TimeoutError:
            return failure(StepTimeout(f"It took longer than {begun.timeout_s:g} s."), "timeout")
        except RoundhouseError as error:
            found = failure(error, class_of(error))
            wanted = begun.step.accept.schema or found.error_class != "bad_output" or found.output is None
            return found if wanted else self._judged(begun, Outcome(output=found.output))
        return self._judged(begun, Outcome(output=reply.output))

    async def end(self, begun: Begun, outcome: Outcome) -> None:
        """Write what came of a call."""
        told = await self._told(begun, outcome)
        async with self._db.begin() as tx:
            await journal.check_mine(tx, self._job)
            now_s = self._clock.now_s()
            await journal.end(tx, begun.attempt, outcome, told, now_s)
            events = []
            if begun.step.breaker is not None:
                events = await breakers.record(
                    tx,
                    self._caller.site_id,
                    begun.capability.name,
                    begun.step.breaker,
                    begun.attempt.idempotency_key,
                    outcome.error_class,
                    now_s,
                )
            if outcome.error_class is not None:
                events.append(self._failed(begun.step, begun.attempt, outcome, now_s))
            await append(tx, *events)
        self._open.pop(begun.step.id, None)

    async def leave(self, tx: Tx, job: Job | None) -> None:
        """In the transaction that ends the run, write that nobody waits any more for the calls that go on."""
        for attempt in self._open.values() if job is not None else ():
            await attempts.abandon(tx, attempt, self._clock.now_s())

    async def close(self, step: Step, n: int, kind: ErrorClass) -> None:
        """End a try that was cut off."""
        words: dict[ErrorClass, str] = {
            "unknown_outcome": "It was cut off in the middle and may not be repeated: nobody knows what it did.",
            "worker_lost": "Process after process died while it was made.",
            "timeout": "It was cut off, and there is no time left for it.",
            "lost_race": "The other one was faster.",
        }
        codes: dict[ErrorClass, str] = {"worker_lost": "executor_lost", "timeout": "deadline_exceeded"}
        outcome = Outcome(kind, codes.get(kind, kind), words.get(kind, ""))
        async with self._db.begin() as tx:
            await journal.check_mine(tx, self._job)
            now_s = self._clock.now_s()
            await attempts.abandon_open(tx, self._job.id, step.id, now_s)
            attempt = await attempts.last(tx, self._job.id, step.id)
            if attempt is None or attempt.n != n:
                raise RoundhouseError(f"There is no try {n} of {step.id!r} to be ended.")
            if kind == "worker_lost":
                # The next one is under the same key: it may have been done all the same.
                await attempts.settle(tx, self._job.id, outcome.error or {})
            else:
                await attempts.fail(tx, attempt, Told(error=outcome.error), now_s)
            await append(tx, self._failed(step, attempt, outcome, now_s))

    # Inside

    def _input(self, step: Step, facts: Facts) -> tuple[Any, Outcome | None]:
        template = self._flow.inputs.get(step.id)
        if template is None:
            return facts.input, None
        try:
            return template.fill(roots(self._flow, facts)), None
        except Unprocessable as error:
            return None, failure(error, "invalid_input")

    def _timeout_s(self, step: Step, target: Capability | None, facts: Facts) -> float:
        timeout_s = step_timeout_s(self._flow, step, target)
        if facts.deadline_s is None:
            return timeout_s
        return max(min(timeout_s, facts.deadline_s - facts.now_s), 0.001)

    async def _admitted(self, tx: Tx, name: str, attempt: Attempt, until_s: float) -> Outcome | None:
        key, now_s = attempt.idempotency_key, attempt.started_at_s
        if await breakers.admit(tx, self._caller.site_id, name, key, now_s, until_s) != "open":
            return None
        return Outcome(
            "breaker_open", "backend_down", f"{name} failed too often and is left alone for a while."
        )

    def _judged(self, begun: Begun, outcome: Outcome) -> Outcome:
        rule = self._flow.accepts.get(begun.step.id)
        if rule is None or rule.holds({**roots(self._flow, begun.facts), "output": outcome.output}):
            return outcome
        message = f"The output is not accepted: {rule.text}"
        return msgspec.structs.replace(outcome, error_class="rejected", code="rejected", message=message)

    async def _told(self, begun: Begun, outcome: Outcome) -> Told:
        values: dict[str, Any] = dict(outcome.response)
        if outcome.output is not None or outcome.error_class is None:
            values["output"] = outcome.output
        schemas = {"output": begun.capability.output_schema}
        response = await self._keeping.fit(self._caller, values, schemas) if values else None
        request = None
        if outcome.request:
            inputs = {"input": begun.given, **outcome.request}
            request = await self._keeping.fit(self._caller, inputs, {"input": begun.capability.input_schema})
        return Told(request, response, outcome.error, cost=None if outcome.begun else 0.0)

    def _falls_back(self, step: Step, facts: Facts, attempt: Attempt, now_s: float) -> list[NewEvent]:
        before = facts.tries[-1] if facts.tries else None
        if before is None or before.step == step.id or before.state != "failed" or attempt.n > 1:
            return []
        data = {"from": before.step, "to": step.id, "class": before.error_class, "target": attempt.target}
        return [self._event("task.fallback", data, now_s)]

    def _failed(self, step: Step, attempt: Attempt, outcome: Outcome, now_s: float) -> NewEvent:
        data = {"step": step.id, "n": attempt.n, "target": attempt.target, "error": outcome.error}
        return self._event("task.step_failed", data, now_s)

    def _event(
        self, kind: Literal["task.fallback", "task.step_failed"], data: dict[str, Any], now_s: float
    ) -> NewEvent:
        named = {"task_id": self._job.id, "flow": self._job.input.get("flow")}
        return NewEvent(self._caller.site_id, self._job.id, kind, named | data, now_s)
