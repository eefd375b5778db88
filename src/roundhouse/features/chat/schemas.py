"""Wire shapes of sessions, messages, memories and numbers about them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.features.chat.model import MessageKind, MessageState, Role
from roundhouse.infra.search import IndexState

MOST_TEXT_CHARS = 1_000_000
"""Characters of one message."""

_MOST_FREE_BYTES = 65_536
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_TEXT = r"^[^\x00]*$"

Title = Annotated[str, StringConstraints(max_length=500, pattern=_PRINTABLE)]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
System = Annotated[str, StringConstraints(max_length=100_000, pattern=_TEXT)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TEXT_CHARS, pattern=_TEXT)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_PRINTABLE)]
Owner = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"),
]
OutsideId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
Remembered = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=_TEXT)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]


def _storable(value: Any) -> Any:
    """Free JSON that can be kept: no lone surrogates, no endless numbers, not too deep, not too large."""
    try:
        kept = msgspec.json.encode(value)
        same = msgspec.json.decode(kept) == value
    except (msgspec.DecodeError, OverflowError, RecursionError, UnicodeEncodeError):
        same, kept = False, b""
    if not same:
        raise ValueError("holds a number or a text that cannot be kept")
    if len(kept) > _MOST_FREE_BYTES:
        raise ValueError(f"is larger than {_MOST_FREE_BYTES} bytes")
    return value


def _distinct(value: list[str]) -> list[str]:
    return sorted(set(value))


Free = Annotated[dict[str, Any], AfterValidator(_storable)]
StoreId = Annotated[str, StringConstraints(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
StoreIds = Annotated[
    list[StoreId], Field(max_length=20), AfterValidator(lambda ids: list(dict.fromkeys(ids)))
]
Tags = Annotated[list[Tag], Field(max_length=50), AfterValidator(_distinct)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SessionCreate(_Input):
    """A session to begin; all of it may be left out."""

    title: Title = Field("", description="Empty = made from the conversation once there is one.")
    model: ModelName | None = Field(None, description="Model of its answers; null = the setting.")
    system: System = Field("", description="What the model is told before the conversation.")
    metadata: Free = Field({}, description="Yours; at most 64 KiB.")
    tags: Tags = []
    pinned: bool = False
    context: Free = Field({}, description="How the conversation is fitted into the model's window.")
    uses_memory: bool = Field(
        True, description="Whether what is remembered of the user is told to the model."
    )
    user_id: Owner | None = Field(None, description="Whose it is; for keys that stand for no user.")
    outside_id: OutsideId | None = Field(None, description="Your own name for it, unique per user.")
    vector_store_ids: StoreIds | None = Field(
        None, description="Vector stores that its answers are made from, with citations."
    )


class SessionPatch(_Input):
    """Changes of a session; what is left out stays."""

    version: Version | None = Field(None, description="The version you know; 409 if there is a newer one.")
    title: Title | None = None
    model: ModelName | None = None
    system: System | None = None
    metadata: Free | None = Field(None, description="Instead of all that was there.")
    tags: Tags | None = Field(None, description="Instead of all that were there.")
    pinned: bool | None = None
    context: Free | None = None
    uses_memory: bool | None = None
    vector_store_ids: StoreIds | None = Field(None, description="Instead of all that were there.")


class SessionRead(BaseModel):
    """A session."""

    object: Literal["session"] = "session"
    id: str
    user_id: str | None
    app_id: str | None
    outside_id: str | None
    title: str
    title_from: Literal["nobody", "user", "auto"] = Field(description="Who gave it its title.")
    model: str | None
    system: str
    context: dict[str, Any]
    uses_memory: bool
    vector_store_ids: list[str]
    metadata: dict[str, Any]
    tags: list[str]
    pinned: bool
    archived: bool
    archived_at: datetime | None
    deleted_at: datetime | None = Field(
        description="When it was deleted; until it is removed it can be restored."
    )
    version: int = Field(description="Rises with every change and every message.")
    branch: int = Field(description="The branch that is shown.")
    branches: int = Field(description="How many there are.")
    message_count: int = Field(description="Messages of all branches.")
    created_at: datetime
    updated_at: datetime
    last_message_at: datetime | None


class SessionList(BaseModel):
    """A page of sessions."""

    object: Literal["list"] = "list"
    data: list[SessionRead]
    has_more: bool
    next_cursor: str | None = Field(description="For `cursor`: the page behind this one.")
    prev_cursor: str | None = Field(description="For `before`: the page in front of this one.")


class TagRead(BaseModel):
    """A tag."""

    tag: str
    sessions: int = Field(description="Sessions that have it and are neither archived nor deleted.")


class TagList(BaseModel):
    """Tags of your sessions, by name; at most 1,000."""

    object: Literal["list"] = "list"
    data: list[TagRead]
    has_more: bool
    next_cursor: None = None


class SessionDeleted(BaseModel):
    """A session that is deleted."""

    object: Literal["session"] = "session"
    id: str
    deleted: Literal[True] = True
    permanent: bool = Field(description="Whether it cannot be restored.")


class MessagePatch(_Input):
    """Changes of a message in its place; what is left out stays."""

    version: Version | None = Field(None, description="The version you know; 409 if there is a newer one.")
    content: Text | None = None
    pinned: bool | None = Field(None, description="A pinned message stays in the model's window.")
    metadata: Free | None = Field(None, description="Instead of all that was there.")


class MessageRead(BaseModel):
    """A message."""

    object: Literal["message"] = "message"
    id: str
    session_id: str
    parent_id: str | None = Field(description="The message before it.")
    branch: int
    depth: int = Field(description="Its place in the conversation, from 0.")
    role: Role
    kind: MessageKind = Field(description="`summary`: it stands for everything before it.")
    state: MessageState
    content: str
    attachments: list[str] = Field(description="Ids of files.")
    citations: list[dict[str, Any]]
    model: str | None
    finish_reason: str | None
    error: dict[str, Any] | None
    prompt_tokens: int | None
    completion_tokens: int | None
    first_token_ms: float | None
    total_ms: float | None
    cost_usd: float | None
    pinned: bool
    metadata: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = Field(description="Its text is gone since then, its place is kept.")


class MessageList(BaseModel):
    """A page of a conversation."""

    object: Literal["list"] = "list"
    data: list[MessageRead]
    has_more: bool
    next_cursor: str | None = Field(description="For `cursor`: the page behind this one.")
    prev_cursor: str | None = Field(description="For `before`: the page in front of this one.")


INDEX_STATE = (
    "ready = all that was written is found; indexing = more of it waits than was indexed for this search; "
    "rebuilding = the index is being made anew, and the one before it was searched."
)
"""What is told of an index."""


class SnippetPiece(BaseModel):
    """A part of a snippet, as plain text."""

    text: str
    hit: bool = Field(description="Whether it is what was looked for.")


class FoundMessage(BaseModel):
    """A message that was found."""

    object: Literal["message.hit"] = "message.hit"
    score: float = Field(description="The higher, the better; only comparable within one search.")
    snippet: list[SnippetPiece]
    session_title: str
    message: MessageRead


class FoundMessageList(BaseModel):
    """Messages that were found, the best first."""

    object: Literal["list"] = "list"
    data: list[FoundMessage]
    has_more: bool
    next_cursor: str | None
    index_state: IndexState = Field(description=INDEX_STATE)


class FoundSession(BaseModel):
    """A session that was found."""

    object: Literal["session.hit"] = "session.hit"
    score: float = Field(description="The higher, the better; only comparable within one search.")
    snippet: list[SnippetPiece]
    session: SessionRead


class FoundSessionList(BaseModel):
    """Sessions that were found, the best first."""

    object: Literal["list"] = "list"
    data: list[FoundSession]
    has_more: bool
    next_cursor: str | None
    index_state: IndexState = Field(description=INDEX_STATE)


class MessageDeleted(BaseModel):
    """A message whose text is gone."""

    object: Literal["message"] = "message"
    id: str
    deleted: Literal[True] = True


class SiblingRead(BaseModel):
    """One of the messages that stand in one place."""

    message: MessageRead
    shown: bool = Field(description="Whether the shown conversation goes through it.")


class SiblingList(BaseModel):
    """The messages that stand in one place, oldest first; at most 1,000."""

    object: Literal["list"] = "list"
    data: list[SiblingRead]
    has_more: bool
    next_cursor: None = None


class MemoryCreate(_Input):
    """Something to remember of a user."""

    content: Remembered
    user_id: Owner | None = Field(None, description="Of whom; for keys that stand for no user.")


class MemoryPatch(_Input):
    """A memory put in other words."""

    version: Version | None = Field(None, description="The version you know; 409 if there is a newer one.")
    content: Remembered


class MemoryRead(BaseModel):
    """A memory."""

    object: Literal["memory"] = "memory"
    id: str
    user_id: str | None
    content: str
    session_id: str | None = Field(description="The session it comes from; null = it was written down.")
    version: int
    created_at: datetime
    updated_at: datetime


class MemoryList(BaseModel):
    """A page of memories."""

    object: Literal["list"] = "list"
    data: list[MemoryRead]
    has_more: bool
    next_cursor: str | None
    prev_cursor: str | None


class MemoryDeleted(BaseModel):
    """A memory that is no more."""

    object: Literal["memory"] = "memory"
    id: str
    deleted: Literal[True] = True


class MemorySwitch(_Input):
    """Whether memories of a user are used."""

    enabled: bool
    user_id: Owner | None = Field(None, description="Of whom; for keys that stand for no user.")


class MemorySwitchRead(BaseModel):
    """Whether memories of a user are used."""

    object: Literal["memory.switch"] = "memory.switch"
    enabled: bool
    user_id: str | None


class TallyRead(BaseModel):
    """Sums over messages that are not deleted, those of other branches included."""

    messages: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: float
    mean_first_token_ms: float | None = Field(description="Of the answers whose time is known.")
    mean_total_ms: float | None


class RoleTally(TallyRead):
    """Of one role."""

    role: Role


class ModelTally(TallyRead):
    """Of one model; null = messages that no model wrote."""

    model: str | None


class UserTally(TallyRead):
    """Of one user; null = sessions of nobody."""

    user_id: str | None


class SessionTally(TallyRead):
    """Of one session."""

    session_id: str
    title: str


class SessionStats(BaseModel):
    """Numbers about one session."""

    object: Literal["session.stats"] = "session.stats"
    session_id: str
    branches: int
    first_message_at: datetime | None
    last_message_at: datetime | None
    total: TallyRead
    by_role: list[RoleTally]
    by_model: list[ModelTally] = Field(description="At most 100, the one with the most messages first.")


class SessionsStats(BaseModel):
    """Numbers about all your sessions; at most 100 entries by model, user and session, the largest first."""

    object: Literal["sessions.stats"] = "sessions.stats"
    sessions: int
    archived: int
    pinned: int
    deleted: int = Field(description="They count in nothing else here.")
    total: TallyRead
    by_model: list[ModelTally]
    by_user: list[UserTally]
    by_session: list[SessionTally]


class CleanupAsk(_Input):
    """Which sessions to clean up."""

    days: float = Field(gt=0, le=36_500, description="Not changed for so many days.")
    action: Literal["archive", "delete"] = "archive"
    dry_run: bool = Field(True, description="Only tell which they are.")
    user_id: Owner | None = Field(None, description="Only of this user.")


class CleanupRead(BaseModel):
    """What was cleaned up, or would be. Pinned sessions never are."""

    object: Literal["sessions.cleanup"] = "sessions.cleanup"
    action: Literal["archive", "delete"]
    dry_run: bool
    sessions: int
    messages: int
    session_ids: list[str] = Field(description="The first 100, the oldest first.")
