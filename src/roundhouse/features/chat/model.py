"""The values of the chat room."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
MessageKind = Literal["message", "summary"]
MessageState = Literal["complete", "generating", "interrupted", "stopped", "failed"]
GenerationState = Literal["running", "completed", "stopped", "failed", "interrupted"]
OnDisconnect = Literal["finish", "cancel"]


class Session(msgspec.Struct, frozen=True):
    """A conversation; fields as in the table `sessions`, with its tags."""

    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    outside_id: str | None
    title: str
    title_from: Literal["nobody", "user", "auto"]
    model: str | None
    system: str
    context: dict[str, Any]
    uses_memory: bool
    metadata: dict[str, Any]
    pinned: bool
    archived_at_s: float | None
    deleted_at_s: float | None
    version: int
    branch: int
    branches: int
    message_count: int
    created_at_s: float
    updated_at_s: float
    last_message_at_s: float | None
    vector_store_ids: list[str] | None = None
    tags: tuple[str, ...] = ()


class Message(msgspec.Struct, frozen=True):
    """One message; fields as in the table `messages`."""

    seq: int
    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    session_id: str
    branch: int
    depth: int
    parent_id: str | None
    role: Role
    kind: MessageKind
    state: MessageState
    content: str
    attachments: list[str]
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
    created_at_s: float
    updated_at_s: float
    deleted_at_s: float | None


class NewMessage(msgspec.Struct, frozen=True):
    """A message that is to be written; fields as in `Message`."""

    role: Role
    content: str
    kind: MessageKind = "message"
    state: MessageState = "complete"
    attachments: list[str] = []
    citations: list[dict[str, Any]] = []
    model: str | None = None
    finish_reason: str | None = None
    error: dict[str, Any] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token_ms: float | None = None
    total_ms: float | None = None
    cost_usd: float | None = None
    pinned: bool = False
    metadata: dict[str, Any] = {}
    created_at_s: float | None = None


class Generation(msgspec.Struct, frozen=True):
    """One answer in the making, or made; fields as in the table `generations`."""

    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    session_id: str
    message_id: str
    state: GenerationState
    on_disconnect: OnDisconnect
    model: str
    options: dict[str, Any]
    continues_chars: int
    owner: str | None
    stop_requested: bool
    error: dict[str, Any] | None
    idempotency_digest: str | None
    started_at_s: float
    ended_at_s: float | None


class Memory(msgspec.Struct, frozen=True):
    """What is remembered of a user beyond one session; fields as in the table `memories`."""

    id: str
    site_id: str
    user_id: str | None
    app_id: str | None
    content: str
    session_id: str | None
    version: int
    created_at_s: float
    updated_at_s: float
