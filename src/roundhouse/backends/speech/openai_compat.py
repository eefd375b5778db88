"""Speech over OpenAI's API: OpenAI, speaches, Kokoro-FastAPI and others. The sound is passed on as it comes.

Source:
    OpenAI API reference (2026-11): `/audio/speech`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from roundhouse.backends.answers import reader_of
from roundhouse.backends.openai_provider import Address, read_options
from roundhouse.backends.speech.shape import CONTENT_TYPES
from roundhouse.core.audio import SpeechRequest
from roundhouse.core.ports import BackendContext, HttpResponse
from roundhouse.core.types import Provider

_SOUND = frozenset(
    {
        *CONTENT_TYPES.values(),
        "",
        "application/octet-stream",
        "audio/mp3",
        "audio/mp4",
        "audio/opus",
        "audio/x-wav",
        "audio/wave",
        "audio/x-flac",
        "audio/l16",
        "audio/raw",
    }
)


class OpenAISpeech:
    """`core.ports.SpeechBackend` for the kinds `openai` and `vllm`; options: `OpenAIOptions`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        options = read_options(provider)
        self._timeouts = provider.timeouts
        self._reader = reader_of(provider, context.clock)
        self._address = Address(provider, options, context.http, "audio/speech")

    async def speak(self, request: SpeechRequest, model: str) -> RemoteSpeech:
        """Say a text; raises BackendFailed and its kin."""
        body = msgspec.json.encode(
            {
                "model": model,
                "input": request.text,
                "voice": request.voice or "alloy",
                "response_format": request.format,
                "speed": request.speed,
            }
        )
        response = await self._address.of(model).send(body, timeouts=self._timeouts)
        await self._reader.expect_stream(response, _SOUND)
        return RemoteSpeech(response, CONTENT_TYPES[request.format])

    async def close(self) -> None:
        """Nothing is held; the connections belong to the context's client."""


class RemoteSpeech:
    """`core.audio.Speech` of an answer that is passed on."""

    def __init__(self, response: HttpResponse, content_type: str) -> None:
        self.content_type = content_type
        self._response = response

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in self._response.pieces():
                yield piece
        finally:
            await self._response.aclose()

    async def aclose(self) -> None:
        """Stop the speaker at its source."""
        await self._response.aclose()
