"""Runs of capabilities for who waits for their answers: each is a task, tried once, whose trace stays."""

from __future__ import annotations

from typing import Any

from roundhouse.core.errors import Cancelled, RoundhouseError, tree
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.tasks.model import TASK_HEADER, Capability, RunReply
from roundhouse.features.tasks.running.accepting import NewTask
from roundhouse.features.tasks.running.keys import body_sha256, checked_key
from roundhouse.features.tasks.running.service import TaskService
from roundhouse.features.tasks.running.shapes import Standing, read_task

MOST_WAIT_S = 300.0
"""A run is waited for no longer, whatever its capability may take; then its task goes on and is answered 202."""


class TaskRunner:
    """`features.tasks.model.Runner`.

    Args:
        tasks: The verbs of tasks.
        clock: Time.
    """

    def __init__(self, tasks: TaskService, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._classes = {kind.code: kind for kind in tree()}

    async def run(
        self,
        caller: Caller,
        capability: Capability,
        given: Any,
        *,
        idempotency_key: str | None,
        wait_s: float | None,
    ) -> RunReply:
        """Accept a task and wait for its end; see `features.tasks.model.Runner`.

        Raises:
            RoundhouseError: What the task failed with; with the code of an error of ours its class.
        """
        key = checked_key(idempotency_key)
        body = {"capability": capability.name, "input": given}
        if caller.local_only:
            body["privacy"] = "local_only"
        asked = NewTask(
            capability=f"{capability.name}@{capability.version}",
            input=given,
            key=key,
            body_sha256="" if key is None else body_sha256("run", body),
            waits=True,
            once=True,
        )
        longest_s = min(capability.timeout_s if wait_s is None else wait_s, MOST_WAIT_S)
        return self._told(await self._tasks.create(caller, asked, longest_s))

    def _told(self, standing: Standing) -> RunReply:
        job = standing.job
        headers = {TASK_HEADER: job.id, "location": f"/v1/tasks/{job.id}", **dict(standing.headers)}
        task = read_task(standing, self._clock.now_s())
        if job.state == "completed":
            return RunReply(task.output, 200, headers)
        if job.state == "cancelled":
            raise Cancelled("The task was cancelled.")
        if job.state == "failed":
            raise standing.error or self._error(job.error or {})
        return RunReply(task.model_dump(mode="json"), 202, headers)

    def _error(self, told: dict[str, Any]) -> RoundhouseError:
        kind = self._classes.get(str(told.get("code")), RoundhouseError)
        return kind(str(told.get("message", "")), param=told.get("param"))
