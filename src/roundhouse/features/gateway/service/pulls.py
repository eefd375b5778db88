"""The verbs of downloads. A download is a job: it goes on whoever looks on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from roundhouse.core.errors import NotAllowed, RoundhouseError, ShuttingDown, tree
from roundhouse.core.jobs import NewJob
from roundhouse.core.ports import Clock, Jobs
from roundhouse.core.types import Caller, PullProgress
from roundhouse.core.wire import DONE, event
from roundhouse.engine.engine import Engine
from roundhouse.engine.patterns import matches
from roundhouse.features.gateway.pull_steps import read_back
from roundhouse.features.gateway.schemas import PullRead
from roundhouse.infra import audit
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.follower import Follower
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.jobs.shapes import JobRead, read_job
from roundhouse.infra.web import error_object

PULL = "model.pull"
"""Kind of the jobs that download a model; their input is `{"model": "provider/model"}`."""

_HEARTBEAT = b":\n\n"


class PullService:
    """Downloads of models.

    Args:
        engine: Knows who can download.
        jobs: Takes them.
        tail: Tells how they go.
        db: The database.
        clock: Time.
    """

    def __init__(self, engine: Engine, jobs: Jobs[Tx], tail: EventTail, db: Database, clock: Clock) -> None:
        self._engine = engine
        self._jobs = jobs
        self._tail = tail
        self._db = db
        self._clock = clock

    async def pull(self, caller: Caller, name: str, idempotency_key: str | None) -> JobRead:
        """Have a model downloaded; while a download of the same one goes on, that one is the answer.

        Raises:
            NotAllowed: The caller's key is not for this model.
            NotSupported: The provider cannot download, or none can.
            QueueFull: Too many jobs wait.
            Conflict: The idempotency key was used for another model.
        """
        if caller.models and not matches(caller.models, name):
            raise NotAllowed(f"This key may not use the model {name!r}.", param="model_id")
        model = self._engine.puller(name)
        new = NewJob(PULL, {"model": model}, idempotency_key=idempotency_key)
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            # Before the job: its event is the last statement of a transaction.
            await audit.append(tx, caller, action="model.pull", object_id=model, detail={}, at_s=now_s)
            job = await self._jobs.submit_once(tx, caller, new, "model")
        return read_job(job, now_s)

    async def lines(self, caller: Caller, job_id: str) -> AsyncIterator[bytes]:
        """How a download goes, in the server-sent events of older clients: `PullRead`, or an error, then `[DONE]`."""
        try:
            async with self._tail.follow(job_id, caller.site_id, 0) as follower:
                async for line in self._lines(follower, caller, job_id):
                    yield line
        except RoundhouseError as error:
            yield event({"error": error_object(error)})
        yield DONE

    async def _lines(self, follower: Follower, caller: Caller, job_id: str) -> AsyncIterator[bytes]:
        last = PullProgress("")
        while not follower.ended:
            found = await follower.batch(self._tail.heartbeat_s)
            if not found:
                yield _HEARTBEAT
            for one in found:
                if one.type in ("job.failed", "job.cancelled"):
                    yield event({"error": _told_error(one)})
                    return
                last = _step(one, last)
                if one.type == "job.completed":
                    last = await self._last(caller, job_id)
                read = PullRead(
                    status=last.status,
                    completed_bytes=last.completed_bytes,
                    total_bytes=last.total_bytes,
                    job_id=job_id,
                )
                yield event(read.model_dump())
                if one.type == "job.completed":
                    return
        raise ShuttingDown(
            f"This process stops; the download goes on, GET /v1/jobs/{job_id}/events follows it."
        )

    async def _last(self, caller: Caller, job_id: str) -> PullProgress:
        result = (await self._jobs.get(caller, job_id)).result or {}
        total_bytes = int(result.get("total_bytes", 0))
        return PullProgress("success", total_bytes, total_bytes)


def _step(one: Event, last: PullProgress) -> PullProgress:
    """The download as it stands after an event."""
    if one.type == "job.progress":
        return read_back(str(one.data["message"]), float(one.data["progress"]))
    words = {"job.queued": "queued", "job.started": "started", "job.cancel_requested": "stopping"}
    return PullProgress(words.get(one.type, last.status), last.completed_bytes, last.total_bytes)


def _told_error(one: Event) -> dict[str, Any]:
    told = one.data.get("error") or {"code": "cancelled", "message": "The download was cancelled."}
    kind = next((kind for kind in tree() if kind.code == told["code"]), RoundhouseError)
    return error_object(kind(told["message"]))
