"""Wire shapes of generations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.features.chat.generating.model import How, NewQuestion
from roundhouse.features.chat.model import Generation, GenerationState, Message, OnDisconnect
from roundhouse.features.chat.schemas import Free, MessageRead, ModelName, Text
from roundhouse.features.chat.shapes import read_message
from roundhouse.infra.moments import moment, moment_or_none

FileId = Annotated[str, StringConstraints(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
Stop = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Penalty = Annotated[float, Field(ge=-2, le=2)]

_SAMPLING = (
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
)


class Wanted(BaseModel):
    """How an answer is wanted; all of it may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    stream: bool = Field(False, description="Answer with server-sent events as the answer is written.")
    model: ModelName | None = Field(None, description="Instead of the session's.")
    on_disconnect: OnDisconnect = Field(
        "finish", description="What becomes of the answer when you vanish before its end."
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None

    def how(self, idempotency_key: str | None, request_id: str) -> How:
        """For the service."""
        options = {name: value for name in _SAMPLING if (value := getattr(self, name)) is not None}
        return How(self.model, self.on_disconnect, options, idempotency_key, request_id)


class Ask(Wanted):
    """A user's message that is to be answered."""

    content: Text
    attachments: list[FileId] = Field([], max_length=32, description="Ids of files.")
    metadata: Free = Field({}, description="Yours; at most 64 KiB.")
    vector_store_ids: list[Annotated[str, Field(max_length=100)]] | None = Field(
        None, max_length=100, description="Belongs to the session: anything in it is refused here."
    )

    def question(self) -> NewQuestion:
        """For the service."""
        return NewQuestion(self.content, tuple(self.attachments), self.metadata)


class GenerationRead(BaseModel):
    """One answer in the making, or made."""

    object: Literal["generation"] = "generation"
    id: str
    session_id: str
    message_id: str = Field(description="The message that it writes.")
    state: GenerationState
    model: str = Field(description="As it was asked for; the message tells which one answered.")
    options: dict[str, Any]
    on_disconnect: OnDisconnect
    continues_chars: int = Field(description="Characters of the message that were there before it began.")
    stop_requested: bool
    error: dict[str, Any] | None
    started_at: datetime
    ended_at: datetime | None


class GenerationList(BaseModel):
    """Generations of a session, the newest first; at most 100."""

    object: Literal["list"] = "list"
    data: list[GenerationRead]
    has_more: bool
    next_cursor: None = None


class Answered(BaseModel):
    """An answer that has ended, well or not: `message.state` tells."""

    object: Literal["answer"] = "answer"
    message: MessageRead
    generation: GenerationRead


def read_generation(generation: Generation) -> GenerationRead:
    """A generation as users see it."""
    return GenerationRead.model_construct(
        id=generation.id,
        session_id=generation.session_id,
        message_id=generation.message_id,
        state=generation.state,
        model=generation.model,
        options=generation.options,
        on_disconnect=generation.on_disconnect,
        continues_chars=generation.continues_chars,
        stop_requested=generation.stop_requested,
        error=generation.error,
        started_at=moment(generation.started_at_s),
        ended_at=moment_or_none(generation.ended_at_s),
    )


def read_answer(message: Message, generation: Generation) -> Answered:
    """An answer as users see it."""
    return Answered.model_construct(message=read_message(message), generation=read_generation(generation))
