"""How a task is accepted: once, whole, and begun in the same transaction where this process has room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from roundhouse.core.errors import BackendDown, Busy, Conflict, Unprocessable
from roundhouse.core.ids import new_id
from roundhouse.core.jobs import Job, NewJob
from roundhouse.core.ports import Clock
from roundhouse.core.quotas import Quotas, Reserved
from roundhouse.core.types import Caller
from roundhouse.core.webhooks import Webhooks
from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.attempts.redacting import redacted
from roundhouse.features.tasks.model import Calling, Capability, Kept, Registry
from roundhouse.features.tasks.running import store
from roundhouse.features.tasks.running.jobs import Begun, TaskCalls, target_of
from roundhouse.features.tasks.running.keys import Known
from roundhouse.features.tasks.running.model import CALL, TASK, Order, TaskRow, named, stricter
from roundhouse.features.tasks.running.ports import Flows
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs.at_once import AtOnce
from roundhouse.infra.jobs.queue import JobQueue

_TOLD = ("task.*", "human.*")
_T = TypeVar("_T")


class NewTask(msgspec.Struct, frozen=True):
    """What a client asks for; times are Unix seconds.

    Attributes:
        capability: `name` or `name@version`; else `flow` is given.
        flow: Likewise.
        input: JSON value.
        priority: See `core.jobs.NewJob`.
        run_after_s: Likewise.
        deadline_s: Likewise.
        webhook: URL that is told what happens to it.
        metadata: The client's own.
        store: What is to be kept; None = as the capability says.
        key: Idempotency key.
        body_sha256: Of the request, for the key.
        waits: Whether the client waits for the answer.
        held_s: So long it waits at most; meanwhile its key is held.
        once: Whether it is tried once, without a place in the queue as long as there is room: its client waits, and
            is told what came of the one attempt.
    """

    capability: str | None = None
    flow: str | None = None
    input: Any = None
    priority: int = 0
    run_after_s: float | None = None
    deadline_s: float | None = None
    webhook: str | None = None
    metadata: dict[str, str] = {}
    store: Kept | None = None
    key: str | None = None
    body_sha256: str = ""
    waits: bool = False
    held_s: float = 0.0
    once: bool = False


class Accepted(msgspec.Struct, frozen=True):
    """A task that was accepted, now or under the same key before.

    Attributes:
        task_id: Its id.
        job: As it was accepted; None = it was accepted before.
        row: Likewise.
        run: The run that this process began.
        headers: What the quota plans in force tell.
        begun: What that run makes of it.
    """

    task_id: str
    job: Job | None = None
    row: TaskRow | None = None
    run: asyncio.Task[None] | None = None
    begun: Begun | None = None
    headers: tuple[tuple[str, str], ...] = ()


class _PutOff(Exception):
    """A plan does not let it begin now."""


class _Degraded(Exception):
    """A plan has a flow do it instead."""

    def __init__(self, flow: str) -> None:
        super().__init__(flow)
        self.flow = flow


class _Repeated(Exception):
    """The key is somebody else's by now."""


class _Ordered(msgspec.Struct, frozen=True):
    new: NewJob
    name: str
    version: int
    kept: Kept
    is_flow: bool
    cost_units: float
    capability: Capability | None = None
    shown: dict[str, Any] | None = None
    local_only: bool = False


class Accepting:
    """Accepts tasks.

    Args:
        db: The database.
        queue: The jobs.
        at_once: Runs what this process has room for.
        calls: What it runs.
        registry: Which capabilities there are.
        calling: Checks inputs.
        clock: Time.
        quotas: Plans that count tasks.
        flows: Runs of flows; None = there are none here.
        hooks: Webhooks of tasks; None = there are none here.
    """

    def __init__(
        self,
        db: Database,
        queue: JobQueue,
        at_once: AtOnce,
        calls: TaskCalls,
        registry: Registry,
        calling: Calling,
        clock: Clock,
        quotas: Quotas[Tx],
        flows: Flows | None = None,
        hooks: Webhooks[Tx] | None = None,
    ) -> None:
        self._db = db
        self._queue = queue
        self._at_once = at_once
        self._calls = calls
        self._registry = registry
        self._calling = calling
        self._clock = clock
        self._quotas = quotas
        self._flows = flows
        self._hooks = hooks

    async def accept(self, caller: Caller, asked: NewTask) -> Accepted:
        """Accept a task; on disk on return.

        Raises:
            NotFound: There is no such capability or flow.
            NotLocal: The caller is `local_only`, and the capability is outside.
            Unprocessable: The input is not valid, or what is asked for does not go together.
            IdempotencyMismatch: The key was used for another request.
            IdempotencyInFlight: The request that it was used for is being answered.
            QueueFull: Too many wait.
            BadInput, AddressRefused: The webhook is none, or may not be called.
            PlanExceeded, TooLarge: A quota plan has no room for it.
        """
        if asked.key is not None:
            async with self._db.read() as tx:
                known = await store.known_key(tx, caller, asked.key)
            if known is not None:
                return self._repeated(known, asked)
        ordered = await self._ordered(caller, asked)
        caller = _bound(caller, ordered)
        if asked.webhook is not None and self._hooks is not None:
            await self._hooks.check(caller, asked.webhook)
        try:
            return await self._accept(caller, asked, ordered)
        except _Degraded as told:
            return await self._accept_instead(caller, asked, told.flow)
        except _Repeated:
            async with self._db.read() as tx:
                known = await store.known_key(tx, caller, asked.key or "")
            if known is None:
                raise Conflict(
                    "The task of this idempotency key was deleted just now; send it again."
                ) from None
            return self._repeated(known, asked)

    def _repeated(self, known: Known, asked: NewTask) -> Accepted:
        known.check(asked.body_sha256, self._clock.now_s())
        return Accepted(known.task_id)

    async def _accept_instead(self, caller: Caller, asked: NewTask, flow: str) -> Accepted:
        instead = msgspec.structs.replace(asked, capability=None, flow=flow)
        ordered = await self._run_of_flow(caller, instead, flow)
        return await self._queued(_bound(caller, ordered), instead, ordered, degraded=True)

    # What is asked

    async def _ordered(self, caller: Caller, asked: NewTask) -> _Ordered:
        if (asked.capability is None) == (asked.flow is None):
            raise Unprocessable("Name a capability or a flow, one of them.", param="capability")
        if asked.webhook is not None and self._hooks is None:
            raise Unprocessable("There are no webhooks here.", param="webhook")
        if asked.capability is not None:
            return await self._call(caller, asked, asked.capability)
        return await self._run_of_flow(caller, asked, asked.flow or "")

    async def _call(self, caller: Caller, asked: NewTask, name: str) -> _Ordered:
        capability = await self._registry.find(caller, *named(name))
        self._calling.check_input(capability, asked.input)
        if caller.local_only:
            # Of a name that is not known now the call will tell.
            with suppress(BackendDown):
                await self._calling.check_inside(capability)
        kept = capability.kept if asked.store is None else stricter(capability.kept, asked.store)
        if kept == "none":
            _check_unkept(asked)
        order = Order(capability.name, capability.version, kept, asked.input)
        new = _new_job(TASK, msgspec.to_builtins(order), asked)
        plain = redacted(asked.input, capability.input_schema)
        shown = None if plain == asked.input else {"input": plain}
        name, version = capability.name, capability.version
        return _Ordered(
            new,
            name,
            version,
            kept,
            is_flow=False,
            cost_units=capability.cost_units,
            capability=capability,
            shown=shown,
        )

    async def _run_of_flow(self, caller: Caller, asked: NewTask, name: str) -> _Ordered:
        if asked.store == "none":
            raise Unprocessable(
                "Of a flow at least the result is kept: store is full or result.", param="store"
            )
        if self._flows is None:
            raise Unprocessable("There are no flows here.", param="flow")
        flow = await self._flows.order(caller, *named(name), asked.input)
        new = _new_job(flow.kind, flow.input, asked)
        shown = {"input": flow.input["shown"]} if "shown" in flow.input else None
        return _Ordered(
            new,
            flow.name,
            flow.version,
            asked.store or "full",
            is_flow=True,
            cost_units=flow.cost_units,
            shown=shown,
            local_only=flow.local_only,
        )

    # What is written

    async def _accept(self, caller: Caller, asked: NewTask, ordered: _Ordered) -> Accepted:
        executor_id = await self._place(asked, ordered)
        if executor_id is not None and ordered.capability is not None:
            begun = await self._start(caller, asked, ordered, ordered.capability, executor_id)
            if begun is not None:
                return begun
        if ordered.kept == "none":
            raise Busy(
                "What is not kept is done at once or not at all, and this process has no room just now.",
                retry_after_s=1.0,
            )
        return await self._queued(caller, asked, ordered)

    async def _queued(
        self, caller: Caller, asked: NewTask, ordered: _Ordered, *, degraded: bool = False
    ) -> Accepted:
        row: list[TaskRow] = []
        key = new_id("res")
        async with self._db.begin() as tx:
            reserved = await self._reserve(tx, caller, key, asked, ordered)
            if reserved.flow not in (None, asked.flow) and not degraded:
                raise _Degraded(str(reserved.flow))
            new = msgspec.structs.replace(ordered.new, counted=reserved.counted)
            if reserved.run_after_s is not None:
                new = msgspec.structs.replace(new, run_after_s=reserved.run_after_s)

            async def also(job: Job) -> None:
                row.append(await self._write(tx, caller, asked, ordered, job))
                if reserved.counted:
                    await self._quotas.bind(tx, key, job.id)

            job = await self._queue.submit(tx, caller, new, also)
        return Accepted(job.id, job, row[0], headers=reserved.headers)

    async def _reserve(self, tx: Tx, caller: Caller, key: str, asked: NewTask, ordered: _Ordered) -> Reserved:
        return await self._quotas.reserve(
            tx,
            caller,
            key,
            cost_units=ordered.cost_units,
            input_bytes=len(msgspec.json.encode(asked.input)),
            begins_s=asked.run_after_s,
        )

    async def _place(self, asked: NewTask, ordered: _Ordered) -> str | None:
        if ordered.is_flow or asked.run_after_s is not None:
            return None
        return await self._at_once.reserve()

    async def _start(
        self, caller: Caller, asked: NewTask, ordered: _Ordered, capability: Capability, executor_id: str
    ) -> Accepted | None:
        """Write that it runs here, and begin; None = others wait, it is behind them."""
        key = new_id("res")

        async def act(tx: Tx) -> tuple[Job, TaskRow, Begun, Reserved] | None:
            jumps = asked.once or ordered.kept == "none"
            if not jumps and await store.is_waiting(tx, caller.site_id):
                return None
            reserved = await self._reserve(tx, caller, key, asked, ordered)
            if reserved.flow is not None or reserved.run_after_s is not None:
                raise _PutOff
            found: list[tuple[TaskRow, Begun]] = []

            async def also(job: Job) -> None:
                row = await self._write(tx, caller, asked, ordered, job)
                if reserved.counted:
                    await self._quotas.bind(tx, key, job.id)
                target, now_s, cost = target_of(capability), job.created_at_s, capability.cost_units
                attempt = await attempts.begin_first(tx, caller.site_id, job.id, CALL, target, now_s, cost)
                found.append((row, Begun(attempt, capability)))

            new = msgspec.structs.replace(ordered.new, counted=reserved.counted)
            job = await self._queue.start(tx, caller, new, executor_id, also)
            return job, *found[0], reserved

        try:
            written = await self._written(act, whole=asked.webhook is None)
        except _PutOff:
            self._at_once.release()
            return None
        except BaseException:
            self._at_once.release()
            raise
        if written is None:
            self._at_once.release()
            return None
        job, row, begun, reserved = written
        self._calls.expect(begun)
        run = self._at_once.begin(job)
        run.add_done_callback(lambda _: self._calls.expect_no_more(job.id))
        return Accepted(job.id, job, row, run, begun, reserved.headers)

    async def _written(self, act: Callable[[Tx], Coroutine[Any, Any, _T]], *, whole: bool) -> _T:
        if whole:
            return await self._db.whole(act)
        # What webhooks do in it is theirs.
        async with self._db.begin() as tx:
            return await act(tx)

    async def _write(self, tx: Tx, caller: Caller, asked: NewTask, ordered: _Ordered, job: Job) -> TaskRow:
        row = TaskRow(
            job_id=job.id,
            site_id=caller.site_id,
            capability=None if ordered.is_flow else ordered.name,
            flow=ordered.name if ordered.is_flow else None,
            version=ordered.version,
            kept=ordered.kept,
            forgotten=False,
            metadata=asked.metadata,
            shown=ordered.shown,
            cost_units=ordered.cost_units,
        )
        await store.insert(tx, row)
        if asked.key is not None:
            until_s = job.created_at_s + asked.held_s
            if not await store.insert_key(tx, caller, asked.key, asked.body_sha256, job.id, until_s):
                raise _Repeated
        if asked.webhook is not None and self._hooks is not None:
            await self._hooks.follow(tx, caller, asked.webhook, job.id, _TOLD)
        return row


def _bound(caller: Caller, ordered: _Ordered) -> Caller:
    """The caller as the task has it: a flow may say that nothing leaves the house."""
    return msgspec.structs.replace(caller, local_only=caller.local_only or ordered.local_only)


def _new_job(kind: str, given: dict[str, Any], asked: NewTask) -> NewJob:
    most = 1 if asked.once else None
    return NewJob(kind, given, asked.priority, asked.run_after_s, asked.deadline_s, max_attempts=most)


def _check_unkept(asked: NewTask) -> None:
    if not asked.waits:
        raise Unprocessable("What is not kept goes to who waits for it: send Prefer: wait=20.", param="store")
    if asked.webhook is not None:
        raise Unprocessable("Of a task that is not kept no webhook can tell.", param="webhook")
    if asked.run_after_s is not None:
        raise Unprocessable("A task that is not kept runs at once.", param="run_after")
