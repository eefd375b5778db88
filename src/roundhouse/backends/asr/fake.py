"""A recogniser without a model, for tests and for trying the house: it hears what its script says."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from roundhouse.backends.fake_script import FakeScript, FaultPlayer, read_script
from roundhouse.core.audio import Recognition, Segment, TranscriptionRequest, Word
from roundhouse.core.ports import BackendContext, Clock
from roundhouse.core.types import Provider

DEFAULT = "this is a recording|and this is its end"


class FakeTranscription:
    """`core.ports.TranscriptionBackend` for the kind `fake`; options: `FakeScript`, whose `reply` is cut at `|`.

    Attributes:
        requests: Requests it was given, with the provider's model.
        open_streams: Transcriptions that are running and not closed.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self.script = read_script(provider)
        self.faults = FaultPlayer(self.script.fault)
        self.clock = context.clock
        self.requests: list[tuple[str, TranscriptionRequest]] = []
        self.open_streams = 0

    async def transcribe(self, request: TranscriptionRequest, model: str) -> FakeHearing:
        """The script's segments, spread over the file; raises the scripted error."""
        self.requests.append((model, request))
        if not self.faults.after_pieces:
            self.faults.play()
        return FakeHearing(self, request, model, self.script, self.clock)

    async def close(self) -> None:
        """Nothing is held."""


class FakeHearing:
    """`core.audio.Transcription` of a fake."""

    def __init__(
        self,
        owner: FakeTranscription,
        request: TranscriptionRequest,
        model: str,
        script: FakeScript,
        clock: Clock,
    ) -> None:
        self._owner = owner
        self._request = request
        self._model = model
        self._script = script
        self._clock = clock
        self._closed = False
        self.recognition = Recognition()
        owner.open_streams += 1

    async def __aiter__(self) -> AsyncGenerator[Segment, None]:
        try:
            reply = DEFAULT if self._script.reply is None else self._script.reply
            texts = [text.strip() for text in reply.split("|") if text.strip()]
            number = 0
            while number < len(texts) or (self._script.endless and texts):
                if self._owner.faults.after_pieces and number == self._owner.faults.after_pieces:
                    self._owner.faults.play()
                if self._script.delay_s or self._script.endless:
                    await self._clock.sleep(self._script.delay_s)
                if self._closed:
                    return
                yield self._segment(texts[number % len(texts)], number % len(texts), len(texts))
                number += 1
            language = self._request.language
            self.recognition = Recognition(
                language=language or "en",
                language_probability=None if language else 1.0,
                versions={"model": self._model},
            )
        finally:
            await self.aclose()

    def _segment(self, text: str, number: int, count: int) -> Segment:
        length_s = self._request.duration_s / count
        start_s = number * length_s
        words: tuple[Word, ...] = ()
        if self._request.word_times:
            told = text.split()
            step_s = length_s / len(told)
            words = tuple(
                Word(start_s + place * step_s, start_s + (place + 1) * step_s, word, 1.0)
                for place, word in enumerate(told)
            )
        return Segment(start_s=start_s, end_s=start_s + length_s, text=text, confidence=1.0, words=words)

    async def aclose(self) -> None:
        """Stop. Idempotent."""
        if not self._closed:
            self._closed = True
            self._owner.open_streams -= 1
