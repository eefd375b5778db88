"""Between the shapes of the house and the records of the studio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from roundhouse.core.errors import BadInput, RoundhouseError, Unprocessable, tree
from roundhouse.studio.records import ChatSession, Message, MessageRole

if TYPE_CHECKING:
    from roundhouse.features.chat.schemas import MessageRead, SessionRead

M = TypeVar("M", bound=BaseModel)

_OURS = {"model": "model_id", "content": "message", "days": "days_old"}


def checked(shape: type[M], given: Mapping[str, Any]) -> M:
    """What was given, as the house takes it.

    Raises:
        Unprocessable: A value is out of range or of another type; `param` names it.
    """
    try:
        return shape.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        param = _OURS.get(name, name) or None
        raise Unprocessable(f"{param or 'It'}: {first['msg']}", param=param) from None


def secret(value: object, name: str) -> SecretStr | None:
    """A key, hidden from whatever shows it; raises BadInput."""
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise BadInput(f"{name} must be a text.", param=name)
    return SecretStr(value)


def session_of(one: SessionRead) -> ChatSession:
    """A session as the studio knows it."""
    return ChatSession(
        id=one.id,
        title=one.title,
        model_id=one.model,
        user_id=one.user_id,
        created_at=one.created_at,
        updated_at=one.updated_at,
        message_count=one.message_count,
        is_archived=one.archived,
        metadata=one.metadata,
        tags=list(one.tags),
        pinned=one.pinned,
        is_deleted=one.deleted_at is not None,
    )


def message_of(one: MessageRead) -> Message:
    """A message as the studio knows it."""
    return Message(
        id=one.id,
        session_id=one.session_id,
        role=MessageRole(one.role),
        content=one.content,
        timestamp=one.created_at,
        model_id=one.model,
        tokens_used=tokens_of(one.prompt_tokens, one.completion_tokens),
        response_time=None if one.total_ms is None else one.total_ms / 1000,
        metadata=one.metadata,
        state=one.state,
    )


def tokens_of(prompt_tokens: int | None, completion_tokens: int | None) -> int | None:
    """Both together, None where neither is known."""
    if prompt_tokens is None and completion_tokens is None:
        return None
    return (prompt_tokens or 0) + (completion_tokens or 0)


def error_of(told: Mapping[str, Any] | None) -> RoundhouseError:
    """The error that a message or an event tells."""
    found = told or {}
    kind = next((one for one in tree() if one.code == found.get("code")), RoundhouseError)
    return kind(str(found.get("message") or ""), param=found.get("param"))
