"""What the services of the studio take and give: plain data classes, with `to_dict` and `from_dict` through JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from roundhouse.core.errors import BadInput


class MessageRole(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class SessionStatus(StrEnum):
    """Whether a session is in use, put away, or deleted and can be restored."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    DELETED = "deleted"


class Record:
    """A data class that goes through JSON and back."""

    def to_dict(self) -> dict[str, Any]:
        """Its fields as JSON can hold them: times as RFC 3339, roles as words."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}  # type: ignore[arg-type]  # a data class in use

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The same again. Members that are not known are left aside; those with a default may be missing.

        Raises:
            BadInput: A member is missing, or not what it should be; `param` names it.
        """
        if not isinstance(data, Mapping):
            raise BadInput(f"A {cls.__name__} is made from a mapping.")
        known = {one.name for one in fields(cls)}  # type: ignore[arg-type]  # likewise
        try:
            return cls(**{name: value for name, value in data.items() if name in known})
        except TypeError as error:
            raise BadInput(f"This is no {cls.__name__}: {str(error).partition(')')[2].strip()}.") from None


@dataclass
class ChatSession(Record):
    """A conversation.

    Attributes:
        id: `ses_…`.
        title: Empty until the first answer gives it one.
        model_id: Model of its answers; None = the active model.
        user_id: Whose it is; None = nobody's.
        created_at: When it was begun. A time without an offset is UTC.
        updated_at: When it or one of its messages was last changed.
        message_count: Messages of all branches.
        is_archived: Whether it is put away.
        metadata: Yours; a JSON object.
        tags: Words to find it by.
        pinned: Whether it is left alone by clean-ups.
        is_deleted: Whether it is deleted and can be restored.
    """

    id: str
    title: str
    model_id: str | None
    user_id: str | None
    created_at: datetime
    updated_at: datetime
    message_count: int = 0
    is_archived: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    pinned: bool = False
    is_deleted: bool = False

    def __post_init__(self) -> None:
        _check(self, str, "id", "title")
        _check(self, (str, type(None)), "model_id", "user_id")
        _check_count(self.message_count, "message_count")
        _check(self, bool, "is_archived", "pinned", "is_deleted")
        _check(self, dict, "metadata")
        _check(self, list, "tags")
        self.created_at = _moment(self.created_at, "created_at")
        self.updated_at = _moment(self.updated_at, "updated_at")

    @property
    def status(self) -> SessionStatus:
        """Deleted, archived, or active."""
        if self.is_deleted:
            return SessionStatus.DELETED
        return SessionStatus.ARCHIVED if self.is_archived else SessionStatus.ACTIVE


@dataclass
class Message(Record):
    """One message of a conversation.

    Attributes:
        id: `msg_…`; empty for one that is to be saved.
        session_id: Of its session.
        role: Who speaks.
        content: Text.
        timestamp: When it was written. A time without an offset is UTC.
        model_id: Who answered, as `provider/model`.
        tokens_used: Of the question with its context, and of the answer.
        response_time: Seconds from the question to the end of the answer.
        metadata: Yours; a JSON object.
        state: `complete`, `generating`, `stopped`, `interrupted` or `failed`.
    """

    id: str
    session_id: str
    role: MessageRole
    content: str
    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))
    model_id: str | None = None
    tokens_used: int | None = None
    response_time: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    state: str = "complete"

    def __post_init__(self) -> None:
        _check(self, str, "id", "session_id", "content", "state")
        _check(self, (str, type(None)), "model_id")
        _check(self, dict, "metadata")
        self.role = _role(self.role)
        self.timestamp = _moment(self.timestamp, "timestamp")
        if self.tokens_used is not None:
            _check_count(self.tokens_used, "tokens_used")
        self.response_time = _seconds(self.response_time, "response_time")


@dataclass
class ChatResponse(Record):
    """An answer.

    Attributes:
        content: What the model said.
        model_id: Who answered, as `provider/model`; None = nobody got so far.
        tokens_used: Of the question with its context, and of the answer; 0 = not told.
        response_time: Seconds from the question to the end of the answer.
        success: False where somebody stopped it: `content` is what was said until then.
        error_message: Why it is not whole.
        metadata: `message_id`, `generation_id`, `finish_reason`.
    """

    content: str
    model_id: str | None
    tokens_used: int
    response_time: float
    success: bool
    error_message: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self, str, "content")
        _check(self, (str, type(None)), "model_id", "error_message")
        _check(self, bool, "success")
        _check(self, dict, "metadata")
        _check_count(self.tokens_used, "tokens_used")
        self.response_time = _seconds(self.response_time, "response_time") or 0.0


@dataclass
class LLMModel(Record):
    """A model that can be asked.

    Attributes:
        id: What to write as `model_id`: `provider/model`, or an alias.
        provider: Who runs it; None for an alias.
        capabilities: What it does: `chat`, `embeddings` …
        context_window: Tokens of question and answer together; None = not told.
        is_active: Whether it answers where neither question nor session names one.
        targets: Of an alias: the models behind it.
    """

    id: str
    provider: str | None = None
    capabilities: list[str] = field(default_factory=list)
    context_window: int | None = None
    is_active: bool = False
    targets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _check(self, str, "id")
        _check(self, (str, type(None)), "provider")
        _check(self, list, "capabilities", "targets")
        _check(self, bool, "is_active")
        if self.context_window is not None:
            _check_count(self.context_window, "context_window")


@dataclass
class LLMProvider(Record):
    """Who runs models.

    Attributes:
        name: First part of the ids of its models.
        kind: `openai`, `ollama`, `vllm`, `anthropic`, `builtin` …
        api_base_url: Where it is.
        has_api_key: Whether a key is kept for it; keys are never told.
        is_connected: Whether it answered when it was last asked for its models.
        error_message: Why not.
        source: `api`, `config`, `discovered` or `builtin`; only the first can be changed here.
    """

    name: str
    kind: str
    api_base_url: str
    has_api_key: bool = False
    is_connected: bool = False
    error_message: str | None = None
    source: str = "api"

    def __post_init__(self) -> None:
        _check(self, str, "name", "kind", "api_base_url", "source")
        _check(self, bool, "has_api_key", "is_connected")
        _check(self, (str, type(None)), "error_message")


@dataclass
class ConnectionTest(Record):
    """What a provider answered; true when it did.

    Attributes:
        success: Whether it told its models.
        response_time: Seconds that it took.
        models: Their names, as the provider calls them.
        error_message: What went wrong.
    """

    success: bool
    response_time: float
    models: list[str] = field(default_factory=list)
    error_message: str | None = None

    def __post_init__(self) -> None:
        _check(self, bool, "success")
        _check(self, list, "models")
        _check(self, (str, type(None)), "error_message")
        self.response_time = _seconds(self.response_time, "response_time") or 0.0

    def __bool__(self) -> bool:
        """Whether it went well."""
        return self.success


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, StrEnum) else value


def _check(record: object, kinds: type | tuple[type, ...], *names: str) -> None:
    for name in names:
        if not isinstance(getattr(record, name), kinds):
            raise BadInput(f"{name} has the wrong type.", param=name)


def _check_count(value: object, name: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadInput(f"{name} must be a whole number, 0 or more.", param=name)


def _seconds(value: object, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise BadInput(f"{name} must be a number of seconds, 0 or more.", param=name)
    return float(value)


def _role(value: object) -> MessageRole:
    try:
        return MessageRole(str(value))
    except ValueError:
        raise BadInput(f"role is one of {', '.join(MessageRole)}.", param="role") from None


def _moment(value: object, name: str) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise BadInput(f"{name} must be a time, such as 2030-01-31T12:00:00+00:00.", param=name)
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
