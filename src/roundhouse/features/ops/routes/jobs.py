"""Routes of jobs and of the event stream."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from roundhouse.core.jobs import JobState, QueueName
from roundhouse.core.types import Caller
from roundhouse.features.ops.schemas import JobCreate, JobKindList, JobList, JobStats
from roundhouse.features.ops.service import JobService
from roundhouse.infra.auth import require, still_good
from roundhouse.infra.events.sse import EventStream, going_on
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.jobs.shapes import JobRead
from roundhouse.infra.jobs.store import JobFilter
from roundhouse.infra.jobs.telling import ends_job
from roundhouse.infra.moments import Moment, begins_s

Reader = Annotated[Caller, Depends(require("jobs:read"))]
Writer = Annotated[Caller, Depends(require("jobs:write"))]
Operator = Annotated[Caller, Depends(require("ops"))]
JobId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
Kind = Annotated[
    str | None, Query(max_length=100, pattern=r"^[\x21-\x7e]+$", description="e.g. `model.pull`.")
]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="A second request with the same key is answered with the first one's job.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=200, description="Most jobs in one page.")]


def router(jobs: JobService, tail: EventTail) -> APIRouter:
    """Routes of jobs and events."""
    routes = APIRouter(tags=["jobs"])
    _look_routes(routes, jobs)
    _stream_routes(routes, jobs, tail)

    @routes.post("/v1/jobs", operation_id="submit_job", status_code=202)
    async def submit_job(
        caller: Writer, asked: JobCreate, response: Response, idempotency_key: IdempotencyKey = None
    ) -> JobRead:
        """Submit a job of a plugin's kind; those of the house have routes of their own."""
        job = await jobs.submit(caller, asked, idempotency_key)
        response.headers["location"] = f"/v1/jobs/{job.id}"
        return job

    @routes.post("/v1/jobs/{job_id}/cancel", operation_id="cancel_job")
    async def cancel_job(caller: Writer, job_id: JobId) -> JobRead:
        """Cancel a job; one that runs is stopped within a second, one that has ended stays as it is."""
        return await jobs.cancel(caller, job_id)

    @routes.post("/v1/jobs/{job_id}/retry", operation_id="retry_job")
    async def retry_job(caller: Writer, job_id: JobId) -> JobRead:
        """Queue a failed or cancelled job again; its finished steps stay finished."""
        return await jobs.retry(caller, job_id)

    return routes


def _look_routes(routes: APIRouter, jobs: JobService) -> None:
    @routes.get("/v1/jobs", operation_id="list_jobs")
    async def list_jobs(
        caller: Reader,
        state: JobState | None = None,
        kind: Kind = None,
        queue: QueueName | None = None,
        created_after: Moment | None = None,
        created_before: Moment | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> JobList:
        """Your jobs, newest first."""
        wanted = JobFilter(state, kind, queue, begins_s(created_after), begins_s(created_before))
        return await jobs.page(caller, wanted, cursor=cursor, limit=limit)

    @routes.get("/v1/jobs/stats", operation_id="job_stats")
    async def job_stats(caller: Operator) -> JobStats:
        """Queues and executors of the whole house: how many, how old, how fast, who lives."""
        return await jobs.stats(caller)

    @routes.get("/v1/jobs/kinds", operation_id="list_job_kinds")
    async def list_job_kinds(caller: Reader) -> JobKindList:
        """The kinds of jobs that this server knows, with their queues and stages."""
        return jobs.kinds(caller)

    @routes.get("/v1/jobs/{job_id}", operation_id="get_job")
    async def get_job(caller: Reader, job_id: JobId) -> JobRead:
        """One job: stages, progress, attempts, place in the queue, result or error."""
        return await jobs.get(caller, job_id)


def _stream_routes(routes: APIRouter, jobs: JobService, tail: EventTail) -> None:
    @routes.get(
        "/v1/jobs/{job_id}/events",
        operation_id="job_events",
        # FastAPI cannot read it off the class.
        status_code=200,
        response_class=EventStream,
        responses={204: {"description": "There is nothing after `Last-Event-ID`, and nothing will come."}},
        dependencies=[Depends(going_on)],
    )
    async def job_events(request: Request, caller: Reader, job_id: JobId) -> EventStream:
        """What happens to a job, from its beginning, as server-sent events; ends when the job has ended."""
        job = await jobs.visible(caller, job_id)
        return EventStream(
            request,
            tail,
            job.id,
            job.caller.site_id,
            default_after=0,
            is_last=ends_job,
            over=job.ended,
            good=still_good(request, caller),
        )
