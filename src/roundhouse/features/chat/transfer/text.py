"""A conversation for people: Markdown and plain text, in pieces."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from roundhouse.features.chat.model import Message, Session

_SPEAKERS = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}
# Characters that would make something else of a line of Markdown.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
_STATES = {
    "generating": "unfinished",
    "interrupted": "interrupted",
    "stopped": "stopped",
    "failed": "failed",
}


def markdown_head(session: Session) -> str:
    """Title and facts of a session."""
    lines = [f"# {_plain(_title(session))}", ""]
    lines += [f"- {name}: {_plain(value)}" for name, value in _facts(session)]
    if session.system:
        lines += ["", "> " + session.system.replace("\n", "\n> ")]
    return "\n".join(lines) + "\n"


def markdown_message(message: Message) -> str:
    """One message under its own heading; its content is Markdown already."""
    heading = f"\n## {_speaker(message)} · {_time(message.created_at_s)}\n\n"
    notes = [f"*{_plain(note)}*" for note in _notes(message)]
    return heading + "\n\n".join([message.content, *notes] if message.content else notes) + "\n"


def text_head(session: Session) -> str:
    """Title and facts of a session."""
    title = _title(session)
    lines = [title, "=" * min(len(title), 79), *(f"{name}: {value}" for name, value in _facts(session))]
    return "\n".join(lines) + "\n"


def text_message(message: Message) -> str:
    """One message with who said it and when."""
    notes = "".join(f"\n({note})" for note in _notes(message))
    return f"\n[{_time(message.created_at_s)}] {_speaker(message)}:\n{message.content}{notes}\n"


def _title(session: Session) -> str:
    return " ".join(session.title.split()) or "Conversation"


def _facts(session: Session) -> list[tuple[str, str]]:
    facts = [("Begun", _time(session.created_at_s)), ("Changed", _time(session.updated_at_s))]
    if session.model:
        facts.append(("Model", session.model))
    if session.tags:
        facts.append(("Tags", ", ".join(session.tags)))
    return facts


def _speaker(message: Message) -> str:
    if message.kind == "summary":
        return "Summary"
    speaker = _SPEAKERS[message.role]
    return f"{speaker} ({message.model})" if message.model and message.role == "assistant" else speaker


def _notes(message: Message) -> list[str]:
    notes = [f"Attachment: {one}" for one in message.attachments]
    for number, citation in enumerate(message.citations, 1):
        told = [str(citation[name]) for name in ("title", "filename", "url") if citation.get(name)]
        notes.append(f"Source {number}: {' '.join(told) or 'without a name'}")
    if message.state in _STATES:
        notes.append(f"This message is {_STATES[message.state]}.")
    return notes


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
