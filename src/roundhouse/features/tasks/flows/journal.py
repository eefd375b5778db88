"""The journal of a running flow: its tries in the table of attempts, and beside them what they gave, as it was."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import OutputInvalid, RoundhouseError
from roundhouse.core.jobs import Job
from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.attempts.model import Attempt, Told
from roundhouse.features.tasks.flows.facts import Said, Try, TryState
from roundhouse.features.tasks.flows.language import ErrorClass
from roundhouse.features.tasks.flows.rows import flow_outputs
from roundhouse.features.tasks.human import store as human
from roundhouse.features.tasks.human.model import HumanRequest
from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.jobs import store as jobs
from roundhouse.infra.jobs.model import RunLost

_RUN = ""


class Past(msgspec.Struct, frozen=True):
    """What is written of a running flow.

    Attributes:
        tries: Since the task was last begun anew, in the order of their beginning.
        people: What people said, by step.
        began_s: When the task was last begun anew, Unix time.
    """

    tries: tuple[Try, ...]
    people: dict[str, Said]
    began_s: float


class _Again(msgspec.Struct, frozen=True):
    last: dict[str, int]
    at_s: float


class Outcome(msgspec.Struct, frozen=True):
    """What came of one call.

    Attributes:
        error_class: Why it is not taken; None = it is.
        code: Code of the error tree.
        message: In words.
        output: What it gave, also if it is not taken.
        retry_after_s: What who does it asked for.
        request: What was sent, for the trace.
        response: What came back, for the trace.
        begun: Whether the call was made; what was refused before costs nothing.
    """

    error_class: ErrorClass | None = None
    code: str = ""
    message: str = ""
    output: Any = None
    retry_after_s: float | None = None
    request: dict[str, Any] = {}
    response: dict[str, Any] = {}
    begun: bool = True

    @property
    def error(self) -> dict[str, Any] | None:
        """As it stands in an attempt."""
        if self.error_class is None:
            return None
        told: dict[str, Any] = {"code": self.code, "message": self.message, "class": self.error_class}
        return told if self.retry_after_s is None else told | {"retry_after_s": self.retry_after_s}


async def read(tx: Tx, job: Job) -> Past:
    """Everything that is written of a flow."""
    written = await attempts.of_job(tx, job.caller.site_id, job.id)
    outputs = await _outputs(tx, job.id)
    asked = await human.of_job(tx, job.caller.site_id, job.id)
    again = _begun_anew(job, [one for (step, _), one in outputs.items() if step == _RUN])
    tries = tuple(
        _read_try(one, outputs.get((one.step, one.n)))
        for one in written
        if again is None or one.n > again.last.get(one.step, 0)
    )
    began_s = None if again is None else again.at_s
    said = {one.step: found for one in asked if (found := _said(one, began_s)) is not None}
    return Past(tries, said, job.created_at_s if again is None else again.at_s)


async def check_mine(tx: Tx, job: Job) -> None:
    """Raise RunLost where another process has the task by now."""
    now = await jobs.get(tx, None, job.id)
    if (now.state, now.run, now.executor_id) != ("running", job.run, job.executor_id):
        raise RunLost


async def end(tx: Tx, attempt: Attempt, outcome: Outcome, told: Told, now_s: float) -> None:
    """Write what came of a try."""
    if outcome.error_class is None:
        await attempts.succeed(tx, attempt, told, now_s)
    else:
        await attempts.fail(tx, attempt, told, now_s)
    if outcome.output is not None:
        row = {
            "job_id": attempt.job_id,
            "step": attempt.step,
            "n": attempt.n,
            "site_id": attempt.site_id,
            "output": outcome.output,
        }
        await tx.execute(insert_if_new(tx, flow_outputs).values(**row))


async def end_run(tx: Tx, job: Job) -> None:
    """Write that this run of the whole flow fails: a retry of the task begins anew behind the tries that there are."""
    last: dict[str, int] = {}
    for one in await attempts.of_job(tx, job.caller.site_id, job.id):
        last[one.step] = max(one.n, last.get(one.step, 0))
    row = {
        "job_id": job.id,
        "step": _RUN,
        "n": job.run,
        "site_id": job.caller.site_id,
        "output": {"run": job.run, "last": last},
    }
    await tx.execute(insert_if_new(tx, flow_outputs).values(**row))


async def forget(tx: Tx, job_id: str) -> None:
    """Delete what steps gave and what people were told and said: they are kept no longer."""
    await tx.execute(sa.delete(flow_outputs).where(flow_outputs.c.job_id == job_id))
    await human.forget(tx, job_id)


async def _outputs(tx: Tx, job_id: str) -> dict[tuple[str, int], Any]:
    columns = (flow_outputs.c.step, flow_outputs.c.n, flow_outputs.c.output)
    rows = await tx.execute(sa.select(*columns).where(flow_outputs.c.job_id == job_id))
    return {(row.step, row.n): row.output for row in rows}


def _begun_anew(job: Job, failed_runs: Iterable[Any]) -> _Again | None:
    """Where the last run ended that failed for good, None if there is none; what a killed run wrote goes on."""
    failed = {one["run"]: one["last"] for one in failed_runs}
    ended = [one for one in job.history if one.outcome == "failed" and one.run in failed]
    return _Again(failed[ended[-1].run], ended[-1].ended_at_s) if ended else None


def _read_try(one: Attempt, output: Any) -> Try:
    error = one.error or {}
    state: TryState = "failed" if one.state == "late" or (one.state == "abandoned" and error) else one.state
    # A task that was cancelled in the middle of a call and is tried again says no class.
    unsaid: ErrorClass = "worker_lost" if one.state == "abandoned" else "failed"
    retry_after_s = error.get("retry_after_s")
    return Try(
        step=one.step,
        n=one.n,
        state=state,
        error_class=error.get("class", unsaid) if state == "failed" else None,
        code=error.get("code", ""),
        message=error.get("message", ""),
        output=output,
        retry_after_s=retry_after_s,
        ended_at_s=one.ended_at_s,
    )


def _said(one: HumanRequest, began_s: float | None) -> Said | None:
    """What a person said; None = nothing yet, since the task was last begun anew or cancelled."""
    by = f"human:{one.answered_by}"
    if one.state == "answered":
        return Said("answered", one.answer, by, one.comment)
    if one.state == "rejected":
        return Said("rejected", None, by, one.comment)
    if one.state == "expired" and (began_s is None or one.updated_at_s > began_s):
        return Said("expired", None, by)
    return None


def failure(error: RoundhouseError, kind: ErrorClass) -> Outcome:
    """What came of a call that raised."""
    after_s = error.retry_after_s
    known = after_s if after_s is not None and math.isfinite(after_s) and after_s >= 0 else None
    raw = error.raw if isinstance(error, OutputInvalid) else None
    return Outcome(kind, error.code, error.detail, raw, known)
