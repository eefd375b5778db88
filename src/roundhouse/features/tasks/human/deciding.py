"""An answer or a no, in one transaction with the task that goes on by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from roundhouse.core.errors import AlreadyAnswered, Conflict, NotAllowed, RequestExpired, Unprocessable
from roundhouse.core.ports import Jobs
from roundhouse.core.types import Caller
from roundhouse.features.tasks.human import store
from roundhouse.features.tasks.human.model import (
    UNDECIDED,
    HumanRequest,
    Note,
    clock_turned,
    who_is,
)
from roundhouse.features.tasks.human.telling import events_of
from roundhouse.infra import audit
from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import append
from roundhouse.infra.jobs import transitions
from roundhouse.infra.moments import moment


class Forms(Protocol):
    """Checks answers by JSON Schemas that strangers wrote."""

    def check(self, schema: Mapping[str, Any], value: Any) -> None:
        """Raise Unprocessable, with a JSON pointer as `param`, unless the value fits."""
        ...


class Decision(msgspec.Struct, frozen=True):
    """What a person says.

    Attributes:
        verb: An answer or a no.
        answer: For an answer.
        comment: With it.
        version: The version that was seen, None = any.
        by: Who says it, where that is not the caller: the holder of a link.
    """

    verb: Literal["answer", "reject"]
    answer: Any = None
    comment: str = ""
    version: int | None = None
    by: str = ""


async def decide(
    tx: Tx, caller: Caller, request: HumanRequest, said: Decision, jobs: Jobs[Tx], forms: Forms, now_s: float
) -> HumanRequest:
    """Take what a person says about a question that is locked; the last statements of the transaction are in here.

    Raises:
        AlreadyAnswered: Somebody was faster.
        RequestExpired: Its time is over, or its task has ended.
        NotAllowed: Others are asked.
        Conflict: Somebody else has claimed it, or it has another version.
        Unprocessable: The answer does not fit the form; `param` is a JSON pointer.
    """
    check_undecided(request, now_s)
    check_person(caller, request)
    who = said.by or who_is(caller)
    check_claim(who, request)
    if said.version is not None and said.version != request.version:
        raise Conflict(f"It was changed meanwhile: its version is {request.version} now.", param="version")
    state: Literal["answered", "rejected"] = "answered" if said.verb == "answer" else "rejected"
    changed = msgspec.structs.replace(
        request,
        state=state,
        answer=_checked(request, said.answer, forms) if state == "answered" else None,
        comment=said.comment,
        answered_by=who,
        answered_at_s=now_s,
    )
    # Its row before the audit log's, as whoever cancels it does.
    await transitions.lock_one(tx, request.job_id)
    notes = [Note(state, who, {"comment": said.comment} if said.comment else {}, now_s)]
    after = await store.save(tx, request, changed, now_s)
    await store.add_notes(tx, after, notes)
    detail = {"step": request.step, "job_id": request.job_id}
    await audit.append(
        tx, caller, action=f"human.{said.verb}", object_id=request.id, detail=detail, at_s=now_s
    )
    if not await jobs.wake(tx, request.job_id, request.signal, {"state": state}):
        raise RequestExpired("The task has ended meanwhile.")
    await append(tx, *events_of(after, notes, now_s))
    return after


def check_undecided(request: HumanRequest, now_s: float) -> None:
    """Raise AlreadyAnswered or RequestExpired unless it can be decided now."""
    if request.state in ("answered", "rejected") and request.answered_by != "timeout":
        at = moment(request.answered_at_s or 0.0).isoformat(timespec="seconds").replace("+00:00", "Z")
        raise AlreadyAnswered(f"It was {request.state} by {request.answered_by} at {at}.")
    # Whether or not a process has looked at the clock since.
    if clock_turned(request, now_s)[0].state not in UNDECIDED:
        about = "The task has ended." if request.state == "cancelled" else "It was due before now."
        raise RequestExpired(about)


def check_person(caller: Caller, request: HumanRequest) -> None:
    """Raise NotAllowed where others are asked.

    A key without a user acts for its tenant. Who is in a group the outer system knows.
    """
    asked = request.assignees
    mine = {who_is(caller), f"key:{caller.key_id}"}
    if caller.user_id is None or not asked or mine & set(asked) or request.claimed_by in mine:
        return
    if not any(one.startswith("group:") for one in asked):
        raise NotAllowed("Others are asked.")


def check_claim(who: str, request: HumanRequest) -> None:
    """Raise Conflict where somebody else works on it."""
    if request.claimed_by not in (None, who):
        raise Conflict(f"{request.claimed_by} works on it; claim it with `take_over` first.")


def _checked(request: HumanRequest, answer: Any, forms: Forms) -> Any:
    if request.kind == "approve" and answer is None:
        answer = True if request.draft is None else request.draft
    if request.kind == "choose" and answer not in request.options:
        raise Unprocessable("The answer is none of the options.", param="/answer")
    if request.form is None:
        return answer
    try:
        forms.check(request.form, answer)
    except Unprocessable as error:
        raise Unprocessable(error.detail, param=f"/answer{error.param or ''}") from None
    return answer
