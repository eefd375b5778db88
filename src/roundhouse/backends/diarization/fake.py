"""Tells speakers apart without a model, for tests and for trying the house: they speak as its script says."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from roundhouse.backends.fake_script import FakeScript, FaultPlayer, read_script
from roundhouse.core.audio import DiarizationRequest, Recognition, Turn
from roundhouse.core.ports import BackendContext, Clock
from roundhouse.core.types import Provider

DEFAULT = "A|B"


class FakeDiarization:
    """`core.audio.DiarizationBackend` for the kind `fake`; options: `FakeScript`, whose `reply` is `A|B|A`.

    Attributes:
        requests: Requests it was given, with the provider's model.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self.script = read_script(provider)
        self.faults = FaultPlayer(self.script.fault)
        self.clock = context.clock
        self.requests: list[tuple[str, DiarizationRequest]] = []

    async def diarize(self, request: DiarizationRequest, model: str) -> FakeTurns:
        """The script's speakers, one after the other, each as long; raises the scripted error."""
        self.requests.append((model, request))
        self.faults.play()
        return FakeTurns(request, model, self.script, self.clock)

    async def close(self) -> None:
        """Nothing is held."""


class FakeTurns:
    """`core.audio.Diarization` of a fake."""

    def __init__(self, request: DiarizationRequest, model: str, script: FakeScript, clock: Clock) -> None:
        self._request = request
        self._script = script
        self._clock = clock
        self._model = model
        self._closed = False
        self.recognition = Recognition()

    async def __aiter__(self) -> AsyncGenerator[Turn, None]:
        names = [name.strip() for name in (self._script.reply or DEFAULT).split("|") if name.strip()]
        most = self._request.num_speakers or self._request.max_speakers or len(names)
        known = list(dict.fromkeys(names))[:most]
        number = 0
        while number < len(names) or self._script.endless:
            if self._script.delay_s or self._script.endless:
                await self._clock.sleep(self._script.delay_s)
            if self._closed:
                return
            name = names[number % len(names)]
            step_s = self._request.duration_s / len(names)
            start_s = (number % len(names)) * step_s
            yield Turn(start_s, start_s + step_s, name if name in known else known[-1])
            number += 1
        self.recognition = Recognition(versions={"model": self._model})

    async def aclose(self) -> None:
        """Stop. Idempotent."""
        self._closed = True
