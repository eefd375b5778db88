"""A task that is a call of one capability: what its one step does, in whichever process.

The transaction that ends the run has the task's result, its events and the end of the attempt: all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from roundhouse.core.errors import (
    AttemptsExhausted,
    BackendBusy,
    BackendDown,
    Busy,
    Conflict,
    OutcomeUnknown,
    RoundhouseError,
)
from roundhouse.core.jobs import Counting, Job, Pipeline, RetryPolicy, Step, StepContext
from roundhouse.core.ports import Clock
from roundhouse.core.transports import CapabilityReply, Exchange
from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.attempts.keeping import Keeping
from roundhouse.features.tasks.attempts.model import Attempt, Told
from roundhouse.features.tasks.model import Calling, Capability, Registry
from roundhouse.features.tasks.running.forgetting import forget
from roundhouse.features.tasks.running.model import CALL, TASK, Order
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import NewEvent
from roundhouse.infra.jobs.model import RunLost
from roundhouse.infra.jobs.transitions import Claim, holds

STEP_FAILED = "task.step_failed"

_RETRY = RetryPolicy(max_attempts=3, base_s=1.0, factor=3.0, max_s=60.0)
_LONGEST_S = 24 * 3600.0


class Begun(msgspec.Struct):
    """A call that this process makes.

    Attributes:
        attempt: As it was written before the call.
        capability: What is called.
        job: The task as its run left it; None = it runs still, or somebody else has it.
        output: What came of it.
        error: Why it failed.
        cost: Cost units of the call.
    """

    attempt: Attempt
    capability: Capability
    job: Job | None = None
    output: Any = None
    error: RoundhouseError | None = None
    cost: float = 0.0

    def __post_init__(self) -> None:
        """As it is written, until it is refused."""
        self.cost = self.attempt.cost or 0.0


class TaskCalls:
    """Runs tasks of a single capability.

    Args:
        db: The database.
        registry: Which capabilities there are.
        calling: Calls them.
        keeping: Makes values fit to be kept.
        clock: Time.
        counting: What counts tasks; None = nothing does.

    Attributes:
        pipeline: For executors, and for processes that run tasks at once.
    """

    def __init__(
        self,
        db: Database,
        registry: Registry,
        calling: Calling,
        keeping: Keeping,
        clock: Clock,
        counting: Counting | None = None,
    ) -> None:
        self._db = db
        self._registry = registry
        self._calling = calling
        self._keeping = keeping
        self._clock = clock
        self._begun: dict[str, Begun] = {}
        self.pipeline = Pipeline(
            kind=TASK,
            steps=(Step(CALL, self._call),),
            queue="io",
            retry=_RETRY,
            timeout_s=_LONGEST_S,
            durable=False,
            counting=counting,
        )

    def expect(self, begun: Begun) -> None:
        """The next run of this task in this process makes a call whose attempt is written already."""
        self._begun[begun.attempt.job_id] = begun

    def expect_no_more(self, task_id: str) -> None:
        """Its run is over, also where it was stopped before it began."""
        self._begun.pop(task_id, None)

    async def _call(self, context: StepContext) -> Any:
        job, order = context.job, _order_of(context.job)
        begun = self._begun.pop(job.id, None) or await self._begin(job, order)
        context.along(partial(self._abandoned, begun))
        exchange = Exchange()
        try:
            reply = await self._calling.call(
                begun.capability,
                order.input,
                job.caller,
                idempotency_key=begun.attempt.idempotency_key,
                exchange=exchange,
            )
        except RoundhouseError as error:
            begun.error = error
            begun.cost = begun.cost if exchange.begun else 0.0
            told = msgspec.structs.replace(await self._told_failure(job, order, error), cost=begun.cost)
            context.along(partial(self._failed, begun, told))
            raise _as_ended(error, job, begun.capability) from error
        told = await self._told_reply(job, order, begun.capability, reply)
        begun.output = reply.output
        context.along(partial(self._succeeded, begun, told))
        # What is not to be kept is never written.
        return None if order.store == "none" else reply.output

    async def _begin(self, job: Job, order: Order) -> Begun:
        capability = await self._registry.find(job.caller, order.capability, order.version)
        claim = Claim(job.id, job.executor_id or "", job.run, job.version)
        unknown = None
        async with self._db.begin() as tx:
            if not await holds(tx, claim):
                raise RunLost
            now_s = self._clock.now_s()
            before = await attempts.last(tx, job.id, CALL)
            if before is not None and before.undecided:
                await attempts.abandon_open(tx, job.id, CALL, now_s)
                if not capability.idempotent:
                    unknown = OutcomeUnknown("The call was cut off in the middle, and may not be repeated.")
                    await attempts.settle(tx, job.id, {"code": unknown.code, "message": unknown.detail})
            if unknown is None:
                target = target_of(capability)
                cost = capability.cost_units
                attempt = await attempts.begin(tx, job.caller.site_id, job.id, CALL, target, now_s, cost)
        if unknown is not None:
            raise unknown
        return Begun(attempt, capability)

    # What is kept

    async def _told_reply(
        self, job: Job, order: Order, capability: Capability, reply: CapabilityReply
    ) -> Told:
        if order.store != "full":
            return Told()
        # The output itself is the task's.
        request = reply.request and await self._keeping.fit(
            job.caller, reply.request, {"input": capability.input_schema, "body": capability.input_schema}
        )
        response = reply.response and await self._keeping.fit(job.caller, reply.response)
        return Told(request or None, response or None)

    async def _told_failure(self, job: Job, order: Order, error: RoundhouseError) -> Told:
        told = told_error(error)
        raw = getattr(error, "raw", None)
        if raw is None or order.store != "full":
            return Told(error=told)
        return Told(response=await self._keeping.fit(job.caller, {"raw": raw}), error=told)

    # In the transaction that ends the run

    async def _succeeded(self, begun: Begun, told: Told, tx: Tx, job: Job | None) -> None:
        await self._ended(begun, told, attempts.succeed, tx, job)

    async def _failed(self, begun: Begun, told: Told, tx: Tx, job: Job | None) -> list[NewEvent]:
        await self._ended(begun, told, attempts.fail, tx, job)
        return [] if job is None else [_step_failed(begun.attempt, told, job)]

    async def _abandoned(self, begun: Begun, tx: Tx, job: Job | None) -> None:
        if job is not None:
            await attempts.abandon(tx, begun.attempt, self._clock.now_s())
            await self._left(begun, tx, job)

    async def _ended(
        self, begun: Begun, told: Told, end: Callable[..., Any], tx: Tx, job: Job | None
    ) -> None:
        now_s = self._clock.now_s()
        if job is None:
            await attempts.late(tx, begun.attempt, told, now_s)
            return
        await end(tx, begun.attempt, told, now_s)
        await self._left(begun, tx, job)

    async def _left(self, begun: Begun, tx: Tx, job: Job) -> None:
        begun.job = job
        if job.ended and _order_of(job).store != "full":
            await forget(tx, job.id)


def target_of(capability: Capability) -> str:
    """How attempts name what they called."""
    return f"{capability.name}@{capability.version}"


def told_error(error: RoundhouseError) -> dict[str, Any]:
    """An error as an attempt keeps it."""
    told: dict[str, Any] = {"code": error.code, "message": error.detail, "retryable": error.retryable}
    if error.param is not None:
        told["param"] = error.param
    if error.retry_after_s is not None:
        told["retry_after_s"] = error.retry_after_s
    return told


def _as_ended(error: RoundhouseError, job: Job, capability: Capability) -> RoundhouseError:
    """What the run raises: an error that is tried again only where that can do no harm, and helps."""
    if not error.retryable or job.max_attempts == 1:
        return error
    # Who had no room, or was not reached, has not begun.
    if not capability.idempotent and not isinstance(error, (Busy, BackendBusy, BackendDown)):
        return OutcomeUnknown(f"{error.detail} The call may not be repeated: it may have done its work.")
    if job.attempts >= job.max_attempts:
        return AttemptsExhausted(f"{job.attempts} attempts failed. The last one: {error.detail}")
    return error


def _step_failed(attempt: Attempt, told: Told, job: Job) -> NewEvent:
    data = {
        "task_id": job.id,
        "step": attempt.step,
        "n": attempt.n,
        "target": attempt.target,
        "error": told.error,
        "again": not job.ended,
    }
    return NewEvent(job.caller.site_id, job.id, STEP_FAILED, data, job.updated_at_s)


def _order_of(job: Job) -> Order:
    order = msgspec.convert(job.input, Order)
    if order.input is msgspec.UNSET and not job.ended:
        raise Conflict("The input of this task is not kept any more.")
    return order
