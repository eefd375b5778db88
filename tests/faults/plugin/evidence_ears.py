"""A recogniser that leaves evidence: what it began to hear and when it ended, in a file that no crash loses.

The product loads it as it loads any plugin's, by the entry point that `product.install` writes: the kind `evidence`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from typing import Any

from roundhouse.core.audio import Recognition, Segment, TranscriptionRequest
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Provider


class EvidenceEars:
    """`core.ports.TranscriptionBackend`.

    Options: `ledger`, the file; `reply`, its segments, cut at `|`; `delay_s`, its wait before each.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._options = dict(provider.options)

    async def transcribe(self, request: TranscriptionRequest, model: str) -> EvidenceHearing:
        """The script's segments, spread over the file."""
        return EvidenceHearing(request, self._options)

    async def close(self) -> None:
        """Nothing is held."""


class EvidenceHearing:
    """`core.audio.Transcription`."""

    def __init__(self, request: TranscriptionRequest, options: dict[str, Any]) -> None:
        self._request = request
        self._options = options
        self._hears = False
        self.recognition = Recognition()

    async def __aiter__(self) -> AsyncGenerator[Segment, None]:
        texts = self._options["reply"].split("|")
        step_s = self._request.duration_s / len(texts)
        self._note("hear")
        self._hears = True
        for number, text in enumerate(texts):
            await asyncio.sleep(self._options["delay_s"])
            start_s = number * step_s
            self._note("heard")
            yield Segment(start_s=start_s, end_s=start_s + step_s, text=text, confidence=1.0)
        self.recognition = Recognition(language="en", versions={"model": "evidence"})

    async def aclose(self) -> None:
        """Stop."""
        if self._hears:
            self._hears = False
            self._note("end")

    def _note(self, what: str) -> None:
        """One line, in one write: time of the clock that all processes share, job, process, what."""
        line = f"{time.monotonic():.4f} {self._request.request_id} {os.getpid()} {what}\n"
        file = os.open(self._options["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
