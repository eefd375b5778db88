"""Recognition by Whisper models of this machine, each in a process of its own (`whisper_host`)."""

from __future__ import annotations

import msgspec

from roundhouse.backends.asr.hosted import HostedTranscription
from roundhouse.backends.asr.whisper_models import WhisperModels
from roundhouse.core.audio import TranscriptionRequest
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider


class WhisperTranscription:
    """`core.ports.TranscriptionBackend` for the kind `whisper`; options: `WhisperOptions`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = WhisperModels(provider, context)
        self._idle_s = provider.timeouts.idle_s

    async def transcribe(self, request: TranscriptionRequest, model: str) -> HostedTranscription:
        """Hear a file; others that the model hears go first.

        Raises:
            WeightsMissing: The model is not on this machine.
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
                "prompt": request.prompt,
                "vocabulary": list(request.vocabulary),
                "temperature": request.temperature,
                "word_times": request.word_times,
                "beam_size": options.beam_size,
                "batch_size": options.batch_size,
                "batched_from_s": options.batched_from_s,
            },
            idle_s=self._idle_s,
        )
        return HostedTranscription(work)

    async def close(self) -> None:
        """Nothing is held; the process is the memory ledger's, and ends with who started it."""
