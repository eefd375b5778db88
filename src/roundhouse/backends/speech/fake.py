"""A speaker without a voice, for tests and for trying the house: silence as long as its text."""

from __future__ import annotations

import struct

from roundhouse.backends.fake_script import FaultPlayer, read_script
from roundhouse.backends.speech.shape import CONTENT_TYPES, WholeSpeech
from roundhouse.core.audio import SAMPLE_RATE_HZ, SpeechRequest
from roundhouse.core.errors import NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider

_CHARS_PER_S = 15


class FakeSpeech:
    """`core.ports.SpeechBackend` for the kind `fake`; options: `FakeScript`. It knows `wav` and `pcm`.

    Attributes:
        requests: Requests it was given, with the provider's model.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._script = read_script(provider)
        self._faults = FaultPlayer(self._script.fault)
        self._clock = context.clock
        self.requests: list[tuple[str, SpeechRequest]] = []

    async def speak(self, request: SpeechRequest, model: str) -> WholeSpeech:
        """Silence; raises the scripted error, NotSupported."""
        self.requests.append((model, request))
        self._faults.play()
        if request.format not in {"wav", "pcm"}:
            raise NotSupported(f"The fake speaks wav and pcm, not {request.format}.", param="response_format")
        if self._script.delay_s:
            await self._clock.sleep(self._script.delay_s)
        sound = bytes(2 * SAMPLE_RATE_HZ * max(1, len(request.text)) // _CHARS_PER_S // 2 * 2)
        if request.format == "wav":
            sound = _head(len(sound)) + sound
        return WholeSpeech(CONTENT_TYPES[request.format], sound)

    async def close(self) -> None:
        """Nothing is held."""


def _head(size: int) -> bytes:
    rate = SAMPLE_RATE_HZ
    shape = (b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", *shape)
