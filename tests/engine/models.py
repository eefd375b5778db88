"""Scripted models for tests of the engine: each answers, raises or streams what it was told."""

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.types import Answer, Caller, Decision, ModelRequest, Usage
from roundhouse.engine.model import Running


def ask(
    model: str = "m", *, stream: bool = False, site_id: str = "default", **fields: object
) -> ModelRequest:
    given = {"model": model, "messages": [{"role": "user", "content": "hello"}], **fields}
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in given.items()}
    return ModelRequest("chat", model, raw, Caller(key_id="key_a", site_id=site_id), stream=stream)


class Stream:
    def __init__(self, pieces: list[bytes | RoundhouseError]) -> None:
        self.pieces = pieces
        self.usage = Usage(3, 4)
        self.closed = 0

    async def __aiter__(self):
        for piece in self.pieces:
            if isinstance(piece, RoundhouseError):
                raise piece
            yield piece

    async def aclose(self) -> None:
        self.closed += 1


class ScriptedModel:
    """Plays one step of its script per call; the last one again and again."""

    def __init__(self, *script: bytes | RoundhouseError | list[bytes | RoundhouseError]) -> None:
        self.script = list(script)
        self.calls = 0
        self.streams: list[Stream] = []

    def _step(self):
        step = self.script[min(self.calls, len(self.script) - 1)]
        self.calls += 1
        if isinstance(step, RoundhouseError):
            raise step
        return step

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        decision.target = "scripted/m"
        return Answer(self._step(), Usage(1, 2))

    async def stream(self, request: ModelRequest, decision: Decision) -> Running:
        decision.target = "scripted/m"
        step = self._step()
        stream = Stream(step if isinstance(step, list) else [step])
        self.streams.append(stream)
        return Running(stream)


async def text(running: Running) -> bytes:
    return b"".join([piece async for piece in running])
