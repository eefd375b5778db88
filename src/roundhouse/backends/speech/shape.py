"""Formats of spoken answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from roundhouse.core.audio import SpeechFormat

CONTENT_TYPES: dict[SpeechFormat, str] = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "pcm": "audio/pcm",
}
"""`opus` comes in Ogg; `pcm` is mono, signed 16 bit, little endian, 24 kHz."""

_PIECE_BYTES = 64 * 1024


class WholeSpeech:
    """`core.audio.Speech` that is complete already."""

    def __init__(self, content_type: str, sound: bytes) -> None:
        self.content_type = content_type
        self._sound = sound

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self._sound), _PIECE_BYTES):
            yield self._sound[start : start + _PIECE_BYTES]

    async def aclose(self) -> None:
        """Nothing runs."""
