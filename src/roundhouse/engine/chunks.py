"""What the chunks of a running answer say."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from roundhouse.core.errors import BackendBadAnswer


class _Delta(msgspec.Struct, gc=False):
    content: Any = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None


class Said(NamedTuple):
    """Text of the first choice, maybe empty, and why it ended, if it did."""

    text: str
    finish_reason: str | None


_decoder = msgspec.json.Decoder(_Chunk)
_several = msgspec.json.Decoder(list[_Chunk])


def read_events(piece: bytes) -> Said:
    """Read one or more whole events of a chat stream.

    A character that no database can hold (NUL) becomes the replacement character.

    Raises:
        BackendBadAnswer: An event is not a chunk of a chat.
    """
    texts: list[str] = []
    reason = None
    try:
        chunks = _chunks(piece)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BackendBadAnswer("The model server sent a chunk that cannot be read.") from None
    for chunk in chunks:
        for choice in chunk.choices or ():
            if choice.index:
                continue
            if choice.delta is not None and isinstance(choice.delta.content, str):
                texts.append(choice.delta.content)
            reason = choice.finish_reason or reason
    text = "".join(texts)
    return Said(text.replace("\0", "�") if "\0" in text else text, reason)


def _chunks(piece: bytes) -> list[_Chunk]:
    if piece.startswith(b"data: {") and b"\n:" not in piece:
        # Several at once cost half of what they cost one by one.
        body = piece[6:].rstrip(b"\n")
        if b"\n" not in body:
            return [_decoder.decode(body)]
        return _several.decode(b"[" + body.replace(b"\n\ndata: ", b",") + b"]")
    events = piece.split(b"\n\n")
    return [_decoder.decode(memoryview(event)[6:]) for event in events if event.startswith(b"data: ")]
