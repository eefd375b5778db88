"""A recogniser of this machine as its caller sees it: segments come from a process, the whole is told at its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from roundhouse.core.audio import Recognition, Segment
from roundhouse.core.hosting import HostedWork


class HostedTranscription:
    """`core.audio.Transcription` by a process of ours: partial results are segments, the end is the recognition."""

    def __init__(self, work: HostedWork) -> None:
        self._work = work
        self.recognition = Recognition()

    async def __aiter__(self) -> AsyncGenerator[Segment, None]:
        async for piece in self._work:
            yield msgspec.convert(piece, Segment)
        told = self._work.result
        parameters = told.pop("parameters", {})
        self.recognition = msgspec.convert(told, Recognition)
        self.recognition.versions["parameters"] = parameters

    async def aclose(self) -> None:
        """Stop the recogniser; it ends at its next segment, or sooner."""
        await self._work.aclose()
