"""What a job is: its pipeline, its stages, and what a step is given. Rooms write their pipelines with these.

A job runs a pipeline, a fixed list of steps. The output of a finished step is on disk before the next one begins and
is never computed again; a step that was cut off in the middle runs again. So a step writes to a temporary file and
renames it, and calls others with `StepContext.idempotency_key`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from roundhouse.core.types import Caller

JobState = Literal["queued", "running", "waiting", "completed", "failed", "cancelled"]
QueueName = Literal["gpu", "cpu", "io", "flow"]
StageState = Literal["pending", "running", "completed", "failed"]
AttemptOutcome = Literal["failed", "lost", "interrupted", "waiting", "cancelled"]

JOB_STATES: tuple[JobState, ...] = ("queued", "running", "waiting", "completed", "failed", "cancelled")
ENDED_STATES: tuple[JobState, ...] = ("completed", "failed", "cancelled")
QUEUES: tuple[QueueName, ...] = ("gpu", "cpu", "io", "flow")
MOST_PRIORITY = 100
"""Priorities go from -100 to 100; 0 is the usual one, a higher one runs first."""
TASK_KINDS = ("task", "task.flow")
"""Kinds of the jobs that are tasks: a call of one capability, a flow. Their events are told as `task.…` as well."""
TASK_NAMES = ("capability", "flow", "version")
"""What of a task's input is told wherever jobs are: the rest may hold secrets, and its trace shows it without them."""
EXHAUSTED = ("attempts_exhausted", "executor_lost")
"""Codes of the errors of jobs that failed because no attempt was left: a task that ended so is dead."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """When a failed attempt is tried again: only if its error is retryable, after a pause that grows.

    Attributes:
        max_attempts: Attempts in all; one that its executor did not survive counts as well.
        base_s: Pause after the first failure; an error's own `retry_after_s` wins where it is longer.
        factor: Growth from one pause to the next.
        max_s: Longest pause.
    """

    max_attempts: int = 3
    base_s: float = 2.0
    factor: float = 2.0
    max_s: float = 300.0


class Stage(msgspec.Struct):
    """One step of one job as users see it; times are Unix seconds."""

    name: str
    state: StageState = "pending"
    started_at_s: float | None = None
    ended_at_s: float | None = None


class Attempt(msgspec.Struct):
    """One attempt that ended without completing the job.

    Attributes:
        run: Number of the run, from 1.
        executor_id: Who ran it.
        started_at_s: Unix time.
        ended_at_s: Unix time.
        outcome: `failed`, `lost` (its executor died), `interrupted` (its executor stopped), `waiting`, `cancelled`.
        error: `{"code", "message"}` where it failed.
    """

    run: int
    executor_id: str
    started_at_s: float
    ended_at_s: float
    outcome: AttemptOutcome
    error: dict[str, Any] | None = None


class NewJob(msgspec.Struct, frozen=True):
    """A job that is to be done.

    Attributes:
        kind: Name of its pipeline, e.g. `model.pull`.
        input: What its steps are given; JSON values only, no secret. Files are named by their ids: as long as a job
            that has not ended names one, the clean-up keeps it.
        priority: -100 to 100, among the jobs of the same tenant.
        run_after_s: Unix time before which it does not start; None = at once.
        deadline_s: Unix time at which it fails, wherever it is; None = never.
        idempotency_key: A second job of the same tenant and kind with the same key is the first one.
        max_attempts: Most attempts; None = as its pipeline says.
        counted: See `Job`.
    """

    kind: str
    input: dict[str, Any] = {}
    priority: int = 0
    run_after_s: float | None = None
    deadline_s: float | None = None
    idempotency_key: str | None = None
    max_attempts: int | None = None
    counted: bool = False


class Job(msgspec.Struct):
    """One job as it stands; times are Unix seconds.

    Attributes:
        seq: Order of acceptance.
        id: `job_…`.
        caller: Who asked for it; it runs with this caller's rights.
        kind: Name of its pipeline.
        revision: Revision of the pipeline it belongs to.
        queue: Which executors take it.
        state: Where it stands.
        waiting_for: What it waits for while `waiting`, e.g. `approval`.
        priority: See `NewJob`.
        input: See `NewJob`.
        result: Output of its last step, once completed.
        error: `{"code", "message", …}` once failed.
        stages: One per step.
        progress: 0 to 1.
        message: What it does just now, one line.
        version: Rises with every change.
        run: Number of the current or last run.
        since_run: Steps that were finished in this run or before it count no more.
        attempts: Runs that count against `max_attempts`.
        max_attempts: Most attempts.
        history: Runs that did not complete it, the last hundred.
        signals: What `Jobs.wake` brought, by what was waited for.
        run_after_s: Not before.
        deadline_s: Fails then.
        created_at_s: Accepted.
        updated_at_s: Last change.
        started_at_s: First start.
        run_started_at_s: Start of the current or last run.
        ended_at_s: End.
        expires_at_s: When it is deleted.
        executor_id: Who runs it.
        cancel_requested: Whether its executor was asked to stop it.
        idempotency_key: See `NewJob`.
        counted: Whether its pipeline's `counting` is told of its end.
    """

    seq: int
    id: str
    caller: Caller
    kind: str
    revision: int
    queue: QueueName
    state: JobState
    waiting_for: str | None
    priority: int
    input: dict[str, Any]
    result: Any
    error: dict[str, Any] | None
    stages: list[Stage]
    progress: float
    message: str
    version: int
    run: int
    since_run: int
    attempts: int
    max_attempts: int
    history: list[Attempt]
    signals: dict[str, Any]
    run_after_s: float | None
    deadline_s: float | None
    created_at_s: float
    updated_at_s: float
    started_at_s: float | None
    run_started_at_s: float | None
    ended_at_s: float | None
    expires_at_s: float | None
    executor_id: str | None
    cancel_requested: bool
    idempotency_key: str | None
    counted: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to it any more, unless it is retried."""
        return self.state in ENDED_STATES


class Waiting(Exception):
    """Raised by a step: the run ends, the job waits until `Jobs.wake`, then this step runs again.

    It finds what was brought in `job.signals[waiting_for]`; a signal that came before the job waited is not lost.

    Args:
        waiting_for: What is waited for, e.g. `approval`; each wait of a job needs a name of its own.
        until_s: Unix time after which it goes on with a signal of None; None = until it is woken or its deadline.
    """

    def __init__(self, waiting_for: str, until_s: float | None = None) -> None:
        super().__init__(waiting_for)
        self.waiting_for = waiting_for
        self.until_s = until_s


Along = Callable[[Any, Job | None], Awaitable[Sequence[Any] | None]]
"""Writes in an open transaction (`Transaction`), given the job as it is then; gives the events that are to be told.

It does not append them itself: what it writes comes before every event of the transaction (`infra/events/store.py`).

None = somebody else has the job by now: nothing of this run counts any more, only that it came too late can be told.
It may be called again when the transaction could not be written, and awaits nothing but that.
"""


class StepContext(Protocol):
    """What a step is given."""

    @property
    def job(self) -> Job:
        """The job as it stood when this run began."""
        ...

    @property
    def results(self) -> Mapping[str, Any]:
        """Outputs of the finished steps by step name."""
        ...

    @property
    def folder(self) -> Path:
        """A folder of this job alone on this machine, made on first use.

        It is removed when the job has completed, or when it is deleted after another end: until then it may be retried.
        """
        ...

    @property
    def idempotency_key(self) -> str:
        """The same each time this step of this job runs: `<job>:<step>`."""
        ...

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far this step is, 0 to 1; written a few times a second at most, never waits."""
        ...

    def along(self, write: Along) -> None:
        """Have something written in the transaction that ends this run, whatever its outcome; the last one counts."""
        ...

    async def in_child(self, function: str, argument: Any) -> Any:
        """Run `module:function` in a child process that ends with this step, however that ends.

        The function takes `(argument, tell)`; both its argument and what it returns are JSON values, and
        `tell(fraction, message)` reports progress. It must not be a coroutine.

        Raises:
            RoundhouseError: What the function raised, or ChildFailed when the child died.
        """
        ...


StepFunction = Callable[[StepContext], Awaitable[Any]]


class Step(msgspec.Struct, frozen=True):
    """One step of a pipeline.

    Attributes:
        name: Unique in its pipeline; the stage's name.
        run: Does it; returns JSON values, small ones: what is large goes into a file.
        timeout_s: Longest time of one run of this step; None = the pipeline's.
    """

    name: str
    run: StepFunction
    timeout_s: float | None = None


class Again(msgspec.Struct, frozen=True):
    """What `Counting` says to a job that is to be queued again.

    Attributes:
        counted: Whether anything counts it, so that it is to be bound.
        key: By which it is bound.
        run_after_s: Unix time before which it does not start; None = at once.
    """

    counted: bool = False
    key: str = ""
    run_after_s: float | None = None


class Counting(Protocol):
    """What counts the jobs of a kind, e.g. for quota plans; each in the transaction (`Transaction`) of the change.

    Who submits a job that is counted says so in `NewJob`: jobs that are not cost nothing here.
    """

    async def again(self, tx: Any, job: Job) -> Again:
        """A job that ended is to be queued again; nothing is locked yet.

        Raises:
            RoundhouseError: It may not.
        """
        ...

    async def bind(self, tx: Any, job: Job, again: Again) -> None:
        """Its row is locked, and it has ended indeed."""
        ...

    async def settle(self, tx: Any, ended: Sequence[Job]) -> None:
        """Counted jobs end, in whatever way; after everything else of theirs is written, before the events."""
        ...


class Pipeline(msgspec.Struct, frozen=True):
    """A kind of job.

    Attributes:
        kind: `<noun>.<verb>`, e.g. `model.pull`.
        steps: In order, at least one.
        queue: Which executors take it: `gpu` one at a time per machine, `cpu` heavy, `io` light, `flow` waits mostly.
        revision: Raised with every change of the steps or of what they hand on. A job stays with the revision it was
            accepted under as long as an executor knows it.
        accepts: Older revisions whose jobs this one can carry on with, their finished steps included.
        retry: When a failed attempt is tried again.
        timeout_s: Longest time of one run.
        durable: False = its one step is not recorded, which saves a transaction: a run that was cut off between the
            step's end and the job's runs it again. What it did is told by `StepContext.along`.
        counting: What counts its jobs; None = nothing does.
    """

    kind: str
    steps: tuple[Step, ...]
    queue: QueueName = "io"
    revision: int = 1
    accepts: tuple[int, ...] = ()
    retry: RetryPolicy = RetryPolicy()
    timeout_s: float = 3600.0
    durable: bool = True
    counting: Counting | None = None


class Schedule(msgspec.Struct, frozen=True):
    """A job that is submitted again and again.

    Attributes:
        name: Unique.
        cron: Five fields, UTC: minute hour day month weekday.
        job: What is submitted, for the site `default`. A time that passed while nothing ran is made up for once.
    """

    name: str
    cron: str
    job: NewJob
