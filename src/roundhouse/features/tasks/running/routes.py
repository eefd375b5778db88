"""Routes of tasks, and their old forms."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.routes import read_wait_s
from roundhouse.features.tasks.running.accepting import NewTask
from roundhouse.features.tasks.running.keys import body_sha256, checked_key
from roundhouse.features.tasks.running.model import TaskState, Wanted
from roundhouse.features.tasks.running.schemas import (
    Dispatch,
    DispatchRead,
    SignalCreate,
    TaskCreate,
    TaskList,
    TaskRead,
    TraceRead,
)
from roundhouse.features.tasks.running.service import TaskService
from roundhouse.features.tasks.running.shapes import Standing, read_dispatch, read_task
from roundhouse.infra.auth import require, still_good
from roundhouse.infra.events.sse import EventStream, going_on
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.jobs.telling import ends_job
from roundhouse.infra.moments import Moment, begins_s, unix_s

MOST_WAIT_S = 60.0
"""`Prefer: wait` asks for no longer."""

User = Annotated[Caller, Depends(require("tasks"))]
TaskId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
Name = Annotated[str | None, Query(max_length=200, pattern=r"^[\x21-\x7e]+$")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most tasks in one page.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="A second request with the same key and body is answered with the first one's task; with another "
        "body 422, while the first is being answered 409.",
    ),
]
Prefer = Annotated[
    str | None,
    Header(
        description=f"`wait=20`: the answer waits so many seconds, at most {MOST_WAIT_S:g}, for the end of the task "
        "and is 200 then.",
    ),
]

_EITHER: dict[int | str, dict[str, Any]] = {
    200: {"model": TaskRead, "description": "It has ended within the wait."},
    202: {"model": TaskRead, "description": "It is on its way."},
}
_GONE: dict[int | str, dict[str, Any]] = {
    204: {"description": "There is nothing after `Last-Event-ID`, and nothing will come."}
}


def router(tasks: TaskService, tail: EventTail, clock: Clock) -> APIRouter:
    """All routes of tasks."""
    routes = APIRouter(tags=["tasks"])
    _create_route(routes, tasks, clock)
    _look_routes(routes, tasks, tail, clock)
    _change_routes(routes, tasks, clock)
    _old_routes(routes, tasks, clock)
    return routes


def _create_route(routes: APIRouter, tasks: TaskService, clock: Clock) -> None:
    @routes.post("/v1/tasks", operation_id="create_task", status_code=202, responses=_EITHER)
    async def create_task(
        caller: User,
        asked: TaskCreate,
        response: Response,
        idempotency_key: Key = None,
        prefer: Prefer = None,
    ) -> TaskRead:
        """Have something done: by one capability, or by a flow. Accepted, it is on disk and is not lost."""
        wait_s = _wait_s(prefer)
        new = _new_task(asked, checked_key(idempotency_key), clock.now_s())
        caller = msgspec.structs.replace(caller, local_only=asked.privacy == "local_only")
        standing = await tasks.create(caller, msgspec.structs.replace(new, waits=wait_s > 0), wait_s)
        _tell(response, standing, wait_s)
        return read_task(standing, clock.now_s())


def _look_routes(routes: APIRouter, tasks: TaskService, tail: EventTail, clock: Clock) -> None:
    @routes.get("/v1/tasks", operation_id="list_tasks")
    async def list_tasks(
        caller: User,
        state: TaskState | None = None,
        capability: Name = None,
        flow: Name = None,
        since: Moment | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> TaskList:
        """Your tasks, newest first."""
        wanted = Wanted(state, capability, flow, begins_s(since))
        return await tasks.page(caller, wanted, cursor=cursor, limit=limit)

    @routes.get("/v1/tasks/{task_id}", operation_id="get_task")
    async def get_task(caller: User, task_id: TaskId) -> TaskRead:
        """One task: where it stands, its place in the queue, its output or error."""
        return read_task(await tasks.get(caller, task_id), clock.now_s())

    @routes.get("/v1/tasks/{task_id}/trace", operation_id="trace_task")
    async def trace_task(caller: User, task_id: TaskId) -> TraceRead:
        """All that is known of a task: every attempt whole, what people said, every event."""
        return await tasks.trace(caller, task_id)

    @routes.get(
        "/v1/tasks/{task_id}/events",
        operation_id="task_events",
        status_code=200,
        response_class=EventStream,
        responses=_GONE,
        dependencies=[Depends(going_on)],
    )
    async def task_events(request: Request, caller: User, task_id: TaskId) -> EventStream:
        """What happens to a task, from its beginning, as server-sent events; ends when the task has ended."""
        job = await tasks.visible(caller, task_id)
        return EventStream(
            request,
            tail,
            job.id,
            job.caller.site_id,
            default_after=0,
            is_last=ends_job,
            over=job.ended,
            shown=_is_shown,
            good=still_good(request, caller),
        )


def _change_routes(routes: APIRouter, tasks: TaskService, clock: Clock) -> None:
    @routes.post("/v1/tasks/{task_id}/cancel", operation_id="cancel_task")
    async def cancel_task(caller: User, task_id: TaskId) -> TaskRead:
        """Cancel a task; one that runs is stopped within a second, one that has ended stays as it is."""
        return read_task(await tasks.cancel(caller, task_id), clock.now_s())

    @routes.post("/v1/tasks/{task_id}/retry", operation_id="retry_task")
    async def retry_task(caller: User, task_id: TaskId) -> TaskRead:
        """Queue a failed, dead or cancelled task again. Of an unknown outcome: you have decided that it may be."""
        return read_task(await tasks.retry(caller, task_id), clock.now_s())

    @routes.post("/v1/tasks/{task_id}/signal", operation_id="signal_task")
    async def signal_task(caller: User, task_id: TaskId, asked: SignalCreate) -> TaskRead:
        """Bring a flow what it waits for; what comes before it waits is kept."""
        return read_task(await tasks.signal(caller, task_id, asked.name, asked.payload), clock.now_s())


def _old_routes(routes: APIRouter, tasks: TaskService, clock: Clock) -> None:
    @routes.post("/gateway/tasks/dispatch", operation_id="dispatch_task", status_code=202)
    async def dispatch_task(
        caller: User, asked: Dispatch, response: Response, idempotency_key: Key = None
    ) -> DispatchRead:
        """The old form of `POST /v1/tasks`."""
        key = checked_key(idempotency_key)
        body = body_sha256("dispatch", asked.model_dump(mode="json"))
        new = NewTask(
            capability=asked.capability,
            input=asked.payload,
            priority=asked.priority,
            key=key,
            body_sha256=body,
        )
        standing = await tasks.create(caller, new)
        response.headers["location"] = f"/api/tasks/{standing.job.id}"
        return read_dispatch(standing, clock.now_s())

    @routes.get("/api/tasks/{tracking_id}", operation_id="get_dispatched_task")
    async def get_dispatched_task(caller: User, tracking_id: TaskId) -> DispatchRead:
        """The old form of `GET /v1/tasks/{id}`."""
        return read_dispatch(await tasks.get(caller, tracking_id), clock.now_s())


def _new_task(asked: TaskCreate, key: str | None, now_s: float) -> NewTask:
    # What was not asked for is no part of what a key stands for: it may be a field that is newer than the key.
    left = {"privacy"} if asked.privacy is None else set()
    body = "" if key is None else body_sha256("tasks", asked.model_dump(mode="json", exclude=left))
    return NewTask(
        capability=asked.capability,
        flow=asked.flow,
        input=asked.input,
        priority=asked.priority,
        run_after_s=unix_s(asked.run_after),
        deadline_s=None if asked.deadline_s is None else now_s + asked.deadline_s,
        webhook=asked.webhook,
        metadata=asked.metadata,
        store=asked.store,
        key=key,
        body_sha256=body,
    )


def _tell(response: Response, standing: Standing, wait_s: float) -> None:
    response.headers["location"] = f"/v1/tasks/{standing.job.id}"
    for name, value in standing.headers:
        response.headers[name] = value
    if wait_s > 0:
        response.headers["preference-applied"] = f"wait={wait_s:g}"
    if standing.job.ended:
        response.status_code = 200


def _wait_s(prefer: str | None) -> float:
    return min(read_wait_s(prefer) or 0.0, MOST_WAIT_S)


def _is_shown(event: Event) -> bool:
    # The same is told under the names of tasks.
    return not event.type.startswith("job.")
