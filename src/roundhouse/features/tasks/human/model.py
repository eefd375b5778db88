"""What is known of a question to a person, and what the clock makes of it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from roundhouse.core.types import Caller

RequestState = Literal["open", "claimed", "answered", "rejected", "expired", "cancelled"]
RequestKind = Literal["approve", "edit", "answer", "choose", "do"]
OnTimeout = Literal["fail", "default_answer", "next_level", "reject"]
NoteKind = Literal[
    "requested",
    "claimed",
    "reassigned",
    "commented",
    "reminded",
    "escalated",
    "answered",
    "rejected",
    "expired",
    "cancelled",
]

UNDECIDED: tuple[RequestState, ...] = ("open", "claimed")
CLOCK = "timeout"
"""Who answered what nobody answered in time."""


class Level(msgspec.Struct, frozen=True):
    """Further people, from a time on."""

    at_s: float
    to: tuple[str, ...]


class Question(msgspec.Struct, frozen=True):
    """What is to be asked; times in seconds from now, see `flows.language.Human`.

    Attributes:
        step: Which step of the task asks.
        flow: Name of the flow.
        context: What the person is shown: the input, each failed try in words, the best output so far.
        draft: What the person may begin with.
    """

    step: str
    flow: str
    kind: RequestKind
    assignees: tuple[str, ...]
    title: str
    instructions: str
    form: dict[str, Any] | None
    draft: Any
    options: tuple[Any, ...]
    context: dict[str, Any]
    channels: tuple[str, ...]
    due_s: float
    remind_s: tuple[float, ...]
    escalate: tuple[tuple[float, tuple[str, ...]], ...]
    on_timeout: OnTimeout
    default_answer: Any


class HumanRequest(msgspec.Struct, frozen=True):
    """One question as it stands; times are Unix seconds.

    Attributes:
        id: `hum_…`.
        site_id: Tenant.
        user_id: Who asked for the task, if told.
        app_id: Likewise.
        job_id: The task.
        step: The task's step.
        flow: Name of the flow.
        kind: What is wanted.
        title: One line.
        instructions: Markdown.
        assignees: Who is asked, those of all levels; empty = whoever may answer.
        form: JSON Schema of the answer, None = anything.
        draft: To begin with.
        options: To choose from.
        context: See `Question`.
        channels: Where it is told.
        state: Where it stands.
        claimed_by: Who works on it.
        level: How often it was escalated.
        due_s: Time that each level has.
        due_at_s: When it is over.
        remind_at_s: Reminders to come.
        escalate: Levels to come.
        on_timeout: What then.
        default_answer: For that.
        answer: What was answered.
        comment: What was said with the answer.
        answered_by: By whom: `user:…`, `key:…`, or `timeout`.
        answered_at_s: When.
        wait: The task waits for `human:<step>:<wait>`.
        version: Rises with every change.
        created_at_s: When it was asked.
        updated_at_s: Last change.
    """

    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    job_id: str
    step: str
    flow: str
    kind: RequestKind
    title: str
    instructions: str
    assignees: tuple[str, ...]
    form: dict[str, Any] | None
    draft: Any
    options: tuple[Any, ...]
    context: dict[str, Any]
    channels: tuple[str, ...]
    state: RequestState
    claimed_by: str | None
    level: int
    due_s: float
    due_at_s: float
    remind_at_s: tuple[float, ...]
    escalate: tuple[Level, ...]
    on_timeout: OnTimeout
    default_answer: Any
    answer: Any
    comment: str
    answered_by: str | None
    answered_at_s: float | None
    wait: int
    version: int
    created_at_s: float
    updated_at_s: float

    @property
    def signal(self) -> str:
        """What its task waits for."""
        return f"human:{self.step}:{self.wait}"

    @property
    def next_at_s(self) -> float:
        """When the clock has something to do with it."""
        return min([self.due_at_s, *self.remind_at_s, *(one.at_s for one in self.escalate)])


class Note(msgspec.Struct, frozen=True):
    """One line of a question's history."""

    kind: NoteKind
    who: str
    data: dict[str, Any]
    at_s: float


def who_is(caller: Caller) -> str:
    """A caller as assignees and histories name it."""
    return f"key:{caller.key_id}" if caller.user_id is None else f"user:{caller.user_id}"


def clock_turned(request: HumanRequest, now_s: float) -> tuple[HumanRequest, list[Note]]:
    """A question after everything that is due, and what happened, in order. Pure; asked twice it does nothing more."""
    notes: list[Note] = []
    while request.state in UNDECIDED and request.next_at_s <= now_s:
        request, note = _next(request, now_s)
        notes.append(note)
    return request, notes


def _next(request: HumanRequest, now_s: float) -> tuple[HumanRequest, Note]:
    at_s = request.next_at_s
    if request.escalate and request.escalate[0].at_s <= at_s:
        return _escalated(request, at_s)
    if at_s < request.due_at_s:
        # Of several that passed while nobody looked one is told.
        last_s = max(one for one in request.remind_at_s if one <= now_s)
        rest = tuple(one for one in request.remind_at_s if one > last_s)
        reminded = msgspec.structs.replace(request, remind_at_s=rest)
        return reminded, Note("reminded", "clock", {"due_at_s": request.due_at_s}, last_s)
    if request.on_timeout == "next_level" and request.escalate:
        return _escalated(request, at_s)
    return _over(request, at_s)


def _escalated(request: HumanRequest, at_s: float) -> tuple[HumanRequest, Note]:
    """Further people are asked; they have as long as the first ones had."""
    level, *rest = request.escalate
    added = tuple(one for one in level.to if one not in request.assignees)
    changed = msgspec.structs.replace(
        request,
        level=request.level + 1,
        assignees=request.assignees + added,
        escalate=tuple(rest),
        due_at_s=max(request.due_at_s, at_s + request.due_s),
        remind_at_s=tuple(one for one in request.remind_at_s if one > at_s),
    )
    return changed, Note("escalated", "clock", {"level": changed.level, "to": list(level.to)}, at_s)


def _over(request: HumanRequest, at_s: float) -> tuple[HumanRequest, Note]:
    by = {"answered_by": CLOCK, "answered_at_s": at_s}
    if request.on_timeout == "default_answer":
        changed = msgspec.structs.replace(request, state="answered", answer=request.default_answer, **by)
        return changed, Note("answered", CLOCK, {"default": True}, at_s)
    if request.on_timeout == "reject":
        return msgspec.structs.replace(request, state="rejected", **by), Note("rejected", CLOCK, {}, at_s)
    return msgspec.structs.replace(request, state="expired", **by), Note("expired", "clock", {}, at_s)
