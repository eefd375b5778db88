"""A piece of a live conversation, heard once: by way of a file, like any recording."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from roundhouse.core.audio import SAMPLE_RATE_HZ, Region, TranscriptionRequest
from roundhouse.core.types import Caller, Decision, Usage
from roundhouse.features.gateway.call import Call, Desk
from roundhouse.features.gateway.realtime.options import Options
from roundhouse.features.gateway.sound.answers import joined
from roundhouse.features.gateway.sound.transcriptions import Workshop
from roundhouse.infra.audio import filter_segments
from roundhouse.infra.audio.wave import WaveWriter

_SAMPLE_BYTES = 2


class Heard(msgspec.Struct, frozen=True):
    """What was heard, without what nobody said; `language` is None when the recogniser tells none."""

    text: str
    language: str | None


class Hearer:
    """Hears sound for one caller.

    Args:
        desk: Its surroundings.
        workshop: For recordings.
        caller: Who asks.
        folder: For sound while it is heard; nothing else is in it.
    """

    def __init__(self, desk: Desk, workshop: Workshop, caller: Caller, folder: Path) -> None:
        self._desk = desk
        self._workshop = workshop
        self._caller = caller
        self._folder = folder
        self._count = 0

    async def check(self, options: Options) -> None:
        """Whether there is a recogniser for a configuration; raises as `Workshop.check`, and NotAllowed."""
        await self._workshop.check(self._desk.engine, self._request(options, self._folder, 0.0, ""))

    async def hear(self, sound: bytes, options: Options, call: Call, *, whole: bool) -> Heard:
        """The text of a piece; nothing goes on when it is cancelled.

        Args:
            sound: 16 bit, 16 kHz.
            options: Of the session.
            call: What it is counted as.
            whole: Whether unclear passages are tried again, as in a recording.

        Raises:
            RoundhouseError: Any of the tree's.
        """
        # Not the name of the last one: its reader may be at it still, though nobody waits for it.
        self._count += 1
        path = self._folder / f"{self._count}.wav"
        duration_s = len(sound) / _SAMPLE_BYTES / SAMPLE_RATE_HZ
        request = self._request(options, path, duration_s, call.request_id)
        if not whole:
            request.temperature = 0.0
        call.decision = Decision(options.model)
        await self._workshop.check(self._desk.engine, request)
        try:
            await asyncio.to_thread(_write, path, sound)
            hearing = await self._desk.engine.transcribe(request, call.decision)
            try:
                segments = [segment async for segment in hearing]
            finally:
                await hearing.aclose()
        finally:
            path.unlink(missing_ok=True)
        call.usage = Usage(audio_s=duration_s)
        language = hearing.recognition.language or options.language
        found = filter_segments(segments, regions=[Region(0.0, duration_s)], language=language)
        return Heard(joined(found.kept, language), language)

    def _request(
        self, options: Options, audio: Path, duration_s: float, request_id: str
    ) -> TranscriptionRequest:
        return TranscriptionRequest(
            model=options.model,
            caller=self._caller,
            audio=audio,
            duration_s=duration_s,
            language=options.language,
            prompt=options.prompt,
            vocabulary=options.vocabulary,
            request_id=request_id,
        )


def _write(path: Path, sound: bytes) -> None:
    with WaveWriter(path) as writer:
        writer.write(sound)
