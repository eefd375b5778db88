"""Wire shapes of questions to people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.features.tasks.human.model import NoteKind, RequestKind, RequestState

Assignee = Annotated[str, StringConstraints(pattern=r"^(user|group|key):[^\x00-\x20\x7f]{1,190}$")]
Text = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ClaimAsk(_Input):
    """Say that you work on it."""

    take_over: bool = Field(False, description="Also from whoever has claimed it.")


class AnswerAsk(_Input):
    """An answer: data, not only yes or no."""

    answer: Any = Field(
        None, description="As `form` says. Null approves the draft as it stands, where that is asked."
    )
    comment: Text = ""
    version: int | None = Field(None, ge=1, description="The version you saw: another one is a conflict.")


class RejectAsk(_Input):
    """A no."""

    comment: Text = ""
    version: int | None = Field(None, ge=1, description="The version you saw: another one is a conflict.")


class ReassignAsk(_Input):
    """Other people."""

    assignees: list[Assignee] = Field(min_length=1, max_length=100)
    comment: Text = ""


class CommentAsk(_Input):
    """A word to the others."""

    comment: Text = Field(min_length=1)


class LinkAsk(_Input):
    """A link for one person, to send by e-mail or a messenger."""

    assignee: Assignee = Field(description="Who decides with it.")
    expires_in_s: float | None = Field(
        None, gt=0, le=366 * 86_400, description="Null = until the request is due."
    )


class LinkRead(BaseModel):
    """A link; it is shown this once."""

    object: Literal["human.link"] = "human.link"
    path: str = Field(
        description="Behind the address of this service. It shows a page; only its form decides."
    )
    assignee: str
    expires_at: datetime


class NoteRead(BaseModel):
    """One line of the history."""

    kind: NoteKind
    who: str
    data: dict[str, Any]
    at: datetime


class HumanRequestRead(BaseModel):
    """A question to a person."""

    id: str
    object: Literal["human.request"] = "human.request"
    task_id: str
    flow: str
    step: str
    kind: RequestKind
    title: str
    instructions: str
    assignees: list[str] = Field(description="Empty = whoever may answer.")
    state: RequestState
    claimed_by: str | None
    level: int = Field(description="How often it was escalated.")
    due_at: datetime
    form: dict[str, Any] | None = Field(description="JSON Schema of the answer.")
    draft: Any
    options: list[Any]
    context: dict[str, Any] = Field(
        description="`input` of the task, `tries` with each failure in words, `best_output` so far."
    )
    answer: Any
    comment: str
    answered_by: str | None
    answered_at: datetime | None
    version: int
    created_at: datetime
    history: list[NoteRead] | None = Field(None, description="Only where one request is asked for.")


class HumanRequestList(BaseModel):
    """Questions to people."""

    object: Literal["list"] = "list"
    data: list[HumanRequestRead]
    has_more: bool
    next_cursor: str | None
