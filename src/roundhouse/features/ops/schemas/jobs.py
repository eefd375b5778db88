"""Wire shapes of jobs; the job itself is `infra.jobs.shapes.JobRead`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from roundhouse.core.jobs import MOST_PRIORITY, QueueName
from roundhouse.infra.jobs.shapes import JobRead
from roundhouse.infra.moments import Moment


class JobCreate(BaseModel):
    """A job of a plugin's kind."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(min_length=1, max_length=100, description="Name of the plugin's pipeline.")
    input: dict[str, Any] = Field({}, description="What its steps are given; no secrets.")
    priority: int = Field(0, ge=-MOST_PRIORITY, le=MOST_PRIORITY, description="Among your own jobs.")
    run_after: Moment | None = Field(None, description="Not before this time.")
    deadline: Moment | None = Field(None, description="It fails at this time, wherever it is.")


class JobList(BaseModel):
    """A page of jobs, newest first."""

    object: Literal["list"] = "list"
    data: list[JobRead]
    has_more: bool
    next_cursor: str | None


class JobKind(BaseModel):
    """A kind of job that this server knows."""

    object: Literal["job_kind"] = "job_kind"
    kind: str
    queue: QueueName
    stages: list[str] = Field(description="Names of its steps, in order.")
    submittable: bool = Field(description="Whether it is a plugin's, and so begun by POST /v1/jobs.")


class JobKindList(BaseModel):
    """Every kind, by name."""

    object: Literal["list"] = "list"
    data: list[JobKind]
    has_more: Literal[False] = False
    next_cursor: None = None


class QueueStats(BaseModel):
    """One queue."""

    queue: QueueName
    queued: int
    running: int
    waiting: int
    completed: int = Field(description="Ended jobs are counted until they are deleted.")
    failed: int
    cancelled: int
    oldest_queued_s: float | None = Field(description="Age of the oldest queued job; null = none is queued.")
    mean_run_s: float | None = Field(description="Of the last completed jobs; null = there are none.")
    ended_per_minute: float = Field(description="Over the last five minutes.")


class ExecutorRead(BaseModel):
    """A living process that runs jobs."""

    id: str
    host: str
    pid: int
    version: str
    queues: list[str]
    pipelines: list[str] = Field(description="`kind@revision` that it can run.")
    running: int = Field(description="Jobs that it runs.")
    draining: bool = Field(description="It ends, and takes no jobs any more.")
    started_at: datetime
    renewed_at: datetime = Field(description="When it last told that it lives.")
    lease_s: float = Field(description="It is taken for dead after such a silence.")


class ChildRead(BaseModel):
    """The executor that the answering process started and keeps alive."""

    pid: int | None = Field(description="Null = it does not run just now.")
    started_at: datetime | None
    restarts: int = Field(description="How often it was started again.")
    last_exit: str | None = Field(description="How it ended the last time: `exit 1`, `signal 9` …")


class JobStats(BaseModel):
    """Queues and executors of the whole house."""

    object: Literal["jobs.stats"] = "jobs.stats"
    queues: list[QueueStats]
    executors: list[ExecutorRead]
    supervised: ChildRead | None = Field(description="Null = the answering process supervises none.")
