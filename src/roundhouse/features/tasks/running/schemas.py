"""Wire shapes of tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.core.jobs import MOST_PRIORITY
from roundhouse.features.tasks.attempts.model import AttemptState
from roundhouse.features.tasks.model import Kept
from roundhouse.features.tasks.running.model import Reason, TaskState
from roundhouse.infra.moments import Moment

MetadataName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataText = Annotated[str, StringConstraints(max_length=2000)]

MOST_DEADLINE_S = 30 * 24 * 3600.0

Privacy = Literal["local_only"]

_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,180}(@[0-9]{1,9})?$"


class TaskCreate(BaseModel):
    """An order to do something: one capability, or one flow."""

    model_config = ConfigDict(extra="forbid")

    capability: str | None = Field(
        None, pattern=_NAME, description="Name of a capability, e.g. `math.solve`; `name@2` = its version 2."
    )
    flow: str | None = Field(None, pattern=_NAME, description="Name of a flow, likewise.")
    input: Any = Field(default_factory=dict, description="Valid by the input schema.")
    priority: int = Field(0, ge=-MOST_PRIORITY, le=MOST_PRIORITY, description="Among your own tasks.")
    run_after: Moment | None = Field(None, description="Not before this time.")
    deadline_s: float | None = Field(
        None, gt=0, le=MOST_DEADLINE_S, description="It fails so many seconds from now, wherever it is."
    )
    webhook: str | None = Field(None, max_length=2000, description="URL that is told what happens to it.")
    metadata: dict[MetadataName, MetadataText] = Field(
        default_factory=dict, max_length=50, description="Your own; given back as it is."
    )
    store: Kept | None = Field(
        None,
        description="What is kept of it: everything, the result alone, or nothing but usage. The stricter of this and "
        "the capability's own counts.",
    )
    privacy: Privacy | None = Field(
        None,
        description="`local_only`: nothing is asked that is outside the house, neither a module nor a model.",
    )


class SignalCreate(BaseModel):
    """Something that a flow waits for."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_.\-]{1,80}$", description="As a step of the flow calls it.")
    payload: Any = Field(None, description="JSON, 64 KiB at most: the output of that step.")


class TaskLinks(BaseModel):
    """Where the task is found."""

    self: str
    events: str
    trace: str
    cancel: str


class TaskRead(BaseModel):
    """One task."""

    object: Literal["task"] = "task"
    id: str
    state: TaskState = Field(
        description="`scheduled`: it has a time; `dead`: it failed, and no attempt is left."
    )
    capability: str | None
    flow: str | None
    version: int
    output: Any = Field(description="Of a `completed` task. Null in lists, and where it is not kept.")
    error: dict[str, Any] | None = Field(description="Of a `failed` or `dead` task: `code` and `message`.")
    progress: float = Field(ge=0, le=1)
    message: str = Field(description="What it does just now.")
    waiting_for: str | None = Field(description="What a `waiting` task waits for.")
    position: int | None = Field(description="Of a `queued` task: tasks that start before it. Null in lists.")
    expected_wait_s: float | None = Field(
        description="Of a `queued` task: seconds until it starts, as measured; null = not known. Null in lists."
    )
    reason: Reason | None = Field(description="Why it cannot start: `no_worker` = there is nobody to do it.")
    priority: int
    attempts: int = Field(description="Attempts so far.")
    cost: float = Field(description="Cost units of its calls so far, as quota plans count them.")
    metadata: dict[str, Any]
    store: Kept
    privacy: Privacy | None = Field(description="As it was asked for, or as its flow says.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    run_after: datetime | None = Field(description="It does not start before this time.")
    deadline: datetime | None
    cancel_requested: bool
    links: TaskLinks


class TaskList(BaseModel):
    """A page of tasks, newest first."""

    object: Literal["list"] = "list"
    data: list[TaskRead]
    has_more: bool
    next_cursor: str | None


class AttemptRead(BaseModel):
    """One try of one step, whole."""

    n: int
    target: str
    state: AttemptState
    idempotency_key: str
    request: Any = Field(description="What was sent; `***` stands for secrets, `$file` for what is large.")
    response: Any
    error: dict[str, Any] | None
    started_at: datetime
    ended_at: datetime | None
    ms: float | None
    cost: float | None = Field(description="Cost units; 0 = the call was refused before it was made.")


class StepRead(BaseModel):
    """One step and its tries."""

    id: str
    attempts: list[AttemptRead]


class EventRead(BaseModel):
    """Something that happened."""

    id: str
    seq: int
    type: str
    at: datetime
    data: dict[str, Any]


class TraceRead(BaseModel):
    """All that is known of a task."""

    object: Literal["task.trace"] = "task.trace"
    task: TaskRead
    flow: Any = Field(description="The flow as it was when the task began; null = a single capability.")
    input: Any
    steps: list[StepRead]
    human: Any = Field(description="What was asked of people, and what they said.")
    signals: Any = Field(
        description="Signals that came, that did not come in time, and the one that is waited for; null = no flow."
    )
    output: Any
    decided_by: str | None = Field(
        description="`capability:<name>`, `step:<id>`, `human:<who>` or `signal:<who>`."
    )
    events: list[EventRead]


class Dispatch(BaseModel):
    """The old form of an order."""

    model_config = ConfigDict(extra="ignore")

    capability: str = Field(pattern=_NAME)
    payload: Any = Field(default_factory=dict)
    priority: int = Field(0, ge=-MOST_PRIORITY, le=MOST_PRIORITY)


class DispatchRead(BaseModel):
    """The old form of a task."""

    tracking_id: str
    capability: str | None
    status: TaskState
    reason: Reason | None
    result: Any
    error: dict[str, Any] | None
    site_id: str
    user_id: str | None
    app_id: str | None
