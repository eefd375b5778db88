"""Recognition of Vietnamese by ChunkFormer models of this machine, each in a process of its own."""

from __future__ import annotations

import msgspec

from roundhouse.backends.asr.chunkformer_models import ChunkFormerModels
from roundhouse.backends.asr.hosted import HostedTranscription
from roundhouse.core.audio import TranscriptionRequest
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider


class ChunkFormerTranscription:
    """`core.ports.TranscriptionBackend` for the kind `chunkformer`; options: `ChunkFormerOptions`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = ChunkFormerModels(provider, context)
        self._idle_s = provider.timeouts.idle_s

    async def transcribe(self, request: TranscriptionRequest, model: str) -> HostedTranscription:
        """Hear a file; others that the model hears go first.

        Raises:
            WeightsMissing: The model or its environment is not on this machine.
            BackendDown: Its process died; another try starts a new one.
        """
        options = self._models.options
        host = await self._models.host(model)
        work = await host.work(
            {
                "path": str(request.audio),
                "regions": None if request.regions is None else msgspec.to_builtins(request.regions),
                "language": request.language,
                "task": request.task,
                "hinted": bool(request.prompt or request.vocabulary),
                "word_times": request.word_times,
                "window_s": options.window_s,
                "chunk_frames": options.chunk_frames,
                "left_frames": options.left_frames,
                "right_frames": options.right_frames,
            },
            idle_s=self._idle_s,
        )
        return HostedTranscription(work)

    async def close(self) -> None:
        """Nothing is held; the process is the memory ledger's, and ends with who started it."""
