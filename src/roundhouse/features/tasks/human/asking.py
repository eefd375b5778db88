"""What a running task does with a question: asks it once, lets the clock act, reads what was answered."""

from __future__ import annotations

import msgspec

from roundhouse.core.ids import new_id
from roundhouse.core.jobs import Job
from roundhouse.features.tasks.human import store
from roundhouse.features.tasks.human.model import (
    UNDECIDED,
    HumanRequest,
    Level,
    Note,
    Question,
    clock_turned,
)
from roundhouse.features.tasks.human.telling import events_of
from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import append


async def ask(tx: Tx, job: Job, question: Question, now_s: float) -> HumanRequest:
    """Ask a question, or look again at the one that was asked: what is due by the clock is done.

    One that nobody answered before the task was tried again is asked again. An undecided one has a new `signal`
    afterwards, for which the task is to wait until `next_at_s`. The last statements of the transaction are in here.

    Args:
        tx: A write transaction.
        job: The task.
        question: What is asked; the one that was asked first stays.
        now_s: Unix time.
    """
    new = _new(job, question, now_s)
    if await store.insert(tx, new):
        notes = [Note("requested", "flow", {"to": list(new.assignees)}, now_s)]
        await store.add_notes(tx, new, notes)
        await append(tx, *events_of(new, notes, now_s))
        return new
    before = await store.of_step(tx, job.id, question.step, lock=True)
    assert before is not None
    if before.state in ("expired", "cancelled"):
        after, notes = _again(before, new), [Note("requested", "flow", {"to": list(new.assignees)}, now_s)]
    else:
        after, notes = clock_turned(before, now_s)
    if after.state in UNDECIDED and job.signals.keys() & {before.signal}:
        # That wait is over: the next one needs a name of its own.
        after = msgspec.structs.replace(after, wait=before.wait + 1)
    if after == before:
        return before
    after = await store.save(tx, before, after, now_s)
    await store.add_notes(tx, after, notes)
    await append(tx, *events_of(after, notes, now_s))
    return after


async def cancel(tx: Tx, job_ids: list[str], now_s: float) -> int:
    """Close the questions of tasks that have ended by something else; returns how many."""
    found = await store.open_of_ended_jobs(tx, job_ids)
    events = []
    for before in found:
        after = await store.save(tx, before, msgspec.structs.replace(before, state="cancelled"), now_s)
        notes = [Note("cancelled", "flow", {}, now_s)]
        await store.add_notes(tx, after, notes)
        events += events_of(after, notes, now_s)
    await append(tx, *events)
    return len(found)


def _again(before: HumanRequest, new: HumanRequest) -> HumanRequest:
    kept = {"id": before.id, "version": before.version, "created_at_s": before.created_at_s}
    return msgspec.structs.replace(new, wait=before.wait + 1, **kept)


def _new(job: Job, question: Question, now_s: float) -> HumanRequest:
    caller = job.caller
    return HumanRequest(
        id=new_id("hum"),
        site_id=caller.site_id,
        user_id=caller.user_id,
        app_id=caller.app_id,
        job_id=job.id,
        step=question.step,
        flow=question.flow,
        kind=question.kind,
        title=question.title,
        instructions=question.instructions,
        assignees=question.assignees,
        form=question.form,
        draft=question.draft,
        options=question.options,
        context=question.context,
        channels=question.channels,
        state="open",
        claimed_by=None,
        level=0,
        due_s=question.due_s,
        due_at_s=now_s + question.due_s,
        remind_at_s=tuple(sorted(now_s + one for one in question.remind_s if one < question.due_s)),
        escalate=tuple(Level(now_s + after_s, to) for after_s, to in sorted(question.escalate)),
        on_timeout=question.on_timeout,
        default_answer=question.default_answer,
        answer=None,
        comment="",
        answered_by=None,
        answered_at_s=None,
        wait=1,
        version=1,
        created_at_s=now_s,
        updated_at_s=now_s,
    )
