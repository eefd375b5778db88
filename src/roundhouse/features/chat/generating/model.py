"""The values of generations."""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.features.chat import telling
from roundhouse.features.chat.model import Generation, Message, OnDisconnect
from roundhouse.infra.events.store import Event

STARTED = "generation.started"
GROUNDED = telling.GROUNDED
DELTA = telling.DELTA
STOP_REQUESTED = telling.STOP_REQUESTED
COMPLETED = telling.COMPLETED
STOPPED = telling.STOPPED
FAILED = telling.FAILED
INTERRUPTED = telling.INTERRUPTED
LAST = telling.LAST

RESUMABLE = frozenset({"interrupted", "stopped", "failed"})
"""States of a message that can be written on; one that is complete can where its length was the reason."""


class How(msgspec.Struct, frozen=True):
    """How an answer is wanted.

    Attributes:
        model: Name of the model; None = the session's, else the default.
        on_disconnect: What happens when the client that asked vanishes before the end.
        options: Members of the request to the model besides its messages.
        idempotency_key: A second request of the same caller under it is the first one.
        request_id: `req_…`, for the usage record.
    """

    model: str | None = None
    on_disconnect: OnDisconnect = "finish"
    options: dict[str, Any] = {}
    idempotency_key: str | None = None
    request_id: str = ""


class NewQuestion(msgspec.Struct, frozen=True):
    """What a user says.

    Attributes:
        content: Text, not empty.
        attachments: Ids of files.
        metadata: The client's own, a JSON object.
    """

    content: str
    attachments: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}


class Begun(msgspec.Struct, frozen=True):
    """A generation that was committed and is to be run.

    Attributes:
        generation: It.
        message: The message that it writes, as it stands.
        messages: What the model is given, in OpenAI's form, text only.
        attachments: Files of each of them, by place.
        prefix: What of the answer is there already.
        title: Title that the session gets with its first answer; None = it has one.
        afresh: Whether an answer from the cache will not do.
        request_id: `req_…`.
        started: Its first event.
        summarises: Whether older parts of the conversation are summed up after the answer.
        store_ids: Vector stores that the answer is made from.
    """

    generation: Generation
    message: Message
    messages: list[dict[str, Any]]
    attachments: list[tuple[str, ...]]
    prefix: str
    title: str | None
    afresh: bool
    request_id: str
    started: Event
    summarises: bool
    store_ids: tuple[str, ...] = ()


def ends_generation(event: Event) -> bool:
    """Whether an event is the last one of its generation."""
    return event.type in LAST
