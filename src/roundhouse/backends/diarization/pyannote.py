"""Telling speakers apart with pyannote.audio, in a process of its own (`pyannote_host`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from roundhouse.backends.diarization.pyannote_models import PyannoteModels
from roundhouse.core.audio import DiarizationRequest, Recognition, Turn
from roundhouse.core.hosting import HostedWork
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider


class PyannoteDiarization:
    """`core.audio.DiarizationBackend` for the kind `pyannote`; options: `PyannoteOptions`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = PyannoteModels(provider, context)
        self._idle_s = provider.timeouts.idle_s

    async def diarize(self, request: DiarizationRequest, model: str) -> HostedDiarization:
        """Look who speaks when; other files go first.

        Raises:
            DiarizationUnavailable: The library or the pipeline is not here.
            BackendDown: Its process died; another try starts a new one.
        """
        host = await asyncio.to_thread(self._models.host, model)
        speakers = {
            name: value
            for name in ("num_speakers", "min_speakers", "max_speakers")
            if (value := getattr(request, name)) is not None
        }
        work = await host.work({"path": str(request.audio), "speakers": speakers}, idle_s=self._idle_s)
        return HostedDiarization(work)

    async def close(self) -> None:
        """Nothing is held; the process is the memory ledger's, and ends with who started it."""


class HostedDiarization:
    """`core.audio.Diarization` by a process of ours: turns come at the end, before them signs of life."""

    def __init__(self, work: HostedWork) -> None:
        self._work = work
        self.recognition = Recognition()

    async def __aiter__(self) -> AsyncGenerator[Turn, None]:
        async for piece in self._work:
            if piece is not None:
                yield msgspec.convert(piece, Turn)
        self.recognition = msgspec.convert(self._work.result, Recognition)

    async def aclose(self) -> None:
        """Stop it; it ends at its next step."""
        await self._work.aclose()
