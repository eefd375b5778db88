"""The events of a session, from the client and to it.

Source:
    OpenAI API reference (2026-11): realtime client and server events.
"""

from __future__ import annotations

import binascii
import math
from typing import Any

import msgspec

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.core.errors import BadInput, NotSupported, RoundhouseError
from roundhouse.core.ids import new_id
from roundhouse.core.types import Decision
from roundhouse.features.gateway.realtime.intake import Item
from roundhouse.infra.web import error_object

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class ClientEvent(msgspec.Struct):
    """What a client sent.

    Attributes:
        type: Which event.
        event_id: The client's own name of it.
        audio: Sound, base 64.
        session: Configuration.
    """

    type: str
    event_id: str | None = None
    audio: str | None = None
    session: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(ClientEvent).decode


def read(text: str | None) -> ClientEvent:
    """A message of the client; raises BadInput when it is no event."""
    if text is None:
        raise BadInput("Events are JSON in messages of text; sound goes into them as base 64.")
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        raise BadInput(f"This is no event: {error}.") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadInput("The message is not a JSON object.") from None


def sound_of(event: ClientEvent) -> bytes:
    """The sound of an event; raises BadInput when there is none."""
    if event.audio is None:
        raise BadInput("'audio' is missing.", param="audio")
    try:
        return binascii.a2b_base64(event.audio, strict_mode=True)
    except ValueError as error:
        raise BadInput(f"'audio' is not base 64: {error}.", param="audio") from None


def unknown(kind: str) -> NotSupported:
    """The error of an event that is not there."""
    if kind.startswith(("response.", "conversation.", "output_audio_buffer.")):
        return NotSupported(
            f"There is no {kind[:80]!r} here: what is said is written down, and not answered.", param="type"
        )
    return NotSupported(f"There is no event {kind[:80]!r}.", param="type")


def server_event(kind: str, **members: Any) -> dict[str, Any]:
    """An event to the client."""
    return {"type": kind, "event_id": new_id("event"), **members}


def error_event(error: RoundhouseError, event_id: str | None = None) -> dict[str, Any]:
    """What went wrong, and with which event."""
    return server_event("error", error=error_object(error) | {"event_id": event_id})


def item_events(item: Item, previous: str | None, *, beta: bool) -> list[dict[str, Any]]:
    """That an item is complete, and one of the conversation."""
    content = [{"type": "input_audio", "transcript": None}]
    shown = {
        "id": item.id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": content,
    }
    kinds = ["created"] if beta else ["added", "done"]
    committed = server_event("input_audio_buffer.committed", item_id=item.id, previous_item_id=previous)
    return [
        committed,
        *(server_event(f"conversation.item.{kind}", item=shown, previous_item_id=previous) for kind in kinds),
    ]


def delta(item: Item, text: str) -> dict[str, Any]:
    """Words that are sure."""
    return server_event(f"{_TRANSCRIPTION}.delta", item_id=item.id, content_index=0, delta=text)


def completed(item: Item, text: str, language: str | None, decision: Decision | None) -> dict[str, Any]:
    """All words of an item, and what hearing them took."""
    told = server_event(
        f"{_TRANSCRIPTION}.completed",
        item_id=item.id,
        content_index=0,
        transcript=text,
        usage={"type": "duration", "seconds": math.ceil(item.samples / SAMPLE_RATE_HZ)},
    )
    if language is not None:
        told["languages"] = [{"code": language}]
    if decision is not None:
        told["x_roundhouse"] = {"model": decision.target, "decision": decision.reason}
    return told


def failed(item: Item, error: RoundhouseError) -> dict[str, Any]:
    """That an item could not be heard."""
    return server_event(
        f"{_TRANSCRIPTION}.failed", item_id=item.id, content_index=0, error=error_object(error)
    )
