"""Events of sessions, messages and answers."""

from __future__ import annotations

from roundhouse.core.events.model import EventKind, Schema, fields, nullable, text

_SESSION: Schema = fields(
    "session_id",
    session_id=text("The session."),
    user_id=nullable(text("Whose it is; null = nobody's.")),
    version={
        "type": "integer",
        "description": "After the change; not told of sessions that went by themselves.",
    },
)
_MESSAGE: Schema = fields(
    "message_id session_id version",
    message_id=text("The message."),
    session_id=text("Its session."),
    version={"type": "integer", "description": "After the change."},
)
_STARTED: Schema = fields(
    "session_id message_id question_id model continues_chars",
    session_id=text("Its session."),
    message_id=text("The answer."),
    question_id=text("What is answered."),
    model=text("What was asked for."),
    continues_chars={"type": "integer", "minimum": 0, "description": "Characters that were there before."},
)
_ENDED: Schema = fields("id", id=text("The message; the other members are those of the message itself."))
_GROUNDED: Schema = fields(
    "message_id citations",
    message_id=text("The message."),
    citations={"type": "array", "items": {"type": "object"}, "description": "What can be cited."},
)
_DELTA: Schema = fields(
    "index text", index={"type": "integer", "minimum": 0}, text=text("What was said since the last piece.")
)


def _session(what: str, about: str) -> EventKind:
    return EventKind(f"session.{what}", about, "the session", "chats:read", _SESSION)


def _message(what: str, about: str) -> EventKind:
    return EventKind(f"message.{what}", about, "the session", "chats:read", _MESSAGE)


def _ended(what: str, about: str) -> EventKind:
    return EventKind(f"generation.{what}", about, "the generation", "chats:read", _ENDED)


CHATS = (
    _session("created", "A session was made."),
    _session("updated", "A session was changed or archived."),
    _session("deleted", "A session was deleted."),
    _session("restored", "A deleted session is there again."),
    _message("created", "A message was written."),
    _message("updated", "A message was changed, or its answer has ended."),
    _message("deleted", "A message was deleted."),
    EventKind("generation.started", "An answer began.", "the generation", "chats:read", _STARTED),
    EventKind(
        "generation.grounded", "What an answer can cite was found.", "the generation", "chats:read", _GROUNDED
    ),
    EventKind("generation.delta", "A piece of an answer.", "the generation", "chats:read", _DELTA, "never"),
    EventKind("generation.stop_requested", "An answer is to stop.", "the generation", "chats:read", fields()),
    _ended("completed", "An answer has ended well."),
    _ended("stopped", "An answer was stopped; what it said is kept."),
    _ended("failed", "An answer has failed."),
    _ended("interrupted", "The process of an answer died; what it said is kept."),
)
