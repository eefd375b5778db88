"""A model's process: `python -P -m roundhouse.infra.hosting.process`.

Standard input brings one frame (`wire.Birth`) and then is the lifeline to the process that started this one. It
listens before it loads: who calls meanwhile waits for the model. One thread holds the model, which does one piece of
work after the other; the event loop hears callers all the time.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import psutil

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.hosting import HostedModel, HostState
from roundhouse.infra.hosting import wire
from roundhouse.infra.jobs.child_wire import HEAD, Failure, failure_of
from roundhouse.infra.lifeline import hold_on
from roundhouse.infra.probe import NvmlProbe
from roundhouse.infra.rendezvous import Line, Rendezvous, process_space

_MIB = 1024 * 1024
_OOM_SCORE = "500"
_FAREWELL_S = 0.2

_decode = msgspec.json.Decoder(wire.Asked).decode
_encode = msgspec.json.encode


class ModelProcess:
    """The process from within.

    Args:
        birth: What it was told.
        cards: Tells what models take of a card.

    Attributes:
        failure: Why the model could not be loaded.
    """

    def __init__(self, birth: wire.Birth, cards: NvmlProbe) -> None:
        self.birth = birth
        self.failure: Failure | None = None
        self._cards = cards
        self._model: HostedModel | None = None
        self._vram_mib = 0
        self._thread = ThreadPoolExecutor(1, "model")
        self._works: asyncio.Queue[Caller] = asyncio.Queue()
        self._callers: set[Caller] = set()

    async def run(self) -> int:
        """Serve until somebody ends it; returns only when there is nothing to serve: an exit code."""
        meeting = Rendezvous(Path(self.birth.folder), self.birth.name)
        if not meeting.take():
            return wire.ANOTHER_LEADS
        await meeting.listen(self._greet)
        loop = asyncio.get_running_loop()
        self.failure = await loop.run_in_executor(self._thread, self._load)
        if self.failure is not None:
            for caller in tuple(self._callers):
                caller.loaded()
            # Who has just called hears it as well.
            await asyncio.sleep(_FAREWELL_S)
            return 1
        for caller in tuple(self._callers):
            caller.loaded()
        while True:
            caller = await self._works.get()
            if not caller.gone:
                caller.say(wire.Begun())
                caller.say(await loop.run_in_executor(self._thread, self._work, caller, loop))

    @property
    def is_settled(self) -> bool:
        """Whether the model is loaded, or cannot be."""
        return self._model is not None or self.failure is not None

    def state(self) -> HostState | None:
        """How it is; None before the model is loaded."""
        if self._model is None:
            return None
        ram_mib = psutil.Process().memory_info().rss // _MIB
        return HostState(
            os.getpid(), ram_mib, self._vram_mib, self._works.qsize(), dict(self._model.describe())
        )

    def queue(self, caller: Caller) -> None:
        """A caller has brought work."""
        self._works.put_nowait(caller)

    def left(self, caller: Caller) -> None:
        """A caller has hung up."""
        self._callers.discard(caller)

    def _greet(self, line: Line) -> Caller:
        caller = Caller(self, line)
        self._callers.add(caller)
        caller.say(wire.Hello(self.birth.digest, os.getpid(), process_space()))
        return caller

    def _load(self) -> Failure | None:
        """In the model's thread; an error of the model's own is printed, for the log of the starter."""
        before_mib = self._cards_mib()
        caught = _Caught()
        with caught:
            made = _find(self.birth.model, self.birth.packages)
            model: HostedModel = made(msgspec.json.decode(self.birth.argument))
            if str(model.describe().get("device", "")).startswith("cuda"):
                self._vram_mib = max(1, self._cards_mib() - before_mib)
            self._model = model
        return caught.failure

    def _work(self, caller: Caller, loop: asyncio.AbstractEventLoop) -> wire.Result | Failure:
        assert self._model is not None

        def tell(value: Any) -> None:
            loop.call_soon_threadsafe(caller.say, wire.Piece(msgspec.Raw(_encode(value))))

        value = None
        caught = _Caught()
        with caught:
            value = self._model.work(msgspec.json.decode(caller.request), tell, lambda: caller.gone)
        return caught.failure or wire.Result(msgspec.Raw(_encode(value)))

    def _cards_mib(self) -> int:
        return sum(card.used_mib for card in self._cards.devices())


class Caller:
    """Who called, as `Ears` of the line to it.

    Attributes:
        request: The work it brought.
        gone: Whether it has hung up.
    """

    def __init__(self, process: ModelProcess, line: Line) -> None:
        self.request = msgspec.Raw(b"null")
        self.gone = False
        self._process = process
        self._line = line
        self._waits = False
        self._brings_work = False

    def heard(self, frame: bytes) -> None:
        """It says something."""
        message = _decode(frame)
        if isinstance(message, wire.Quit):
            # At once: no thread of a native library may hold up the end.
            os._exit(0)
        if isinstance(message, wire.Look):
            self.say(wire.State(self._process.state()))
            return
        self._waits = True
        if isinstance(message, wire.Work):
            self._brings_work = True
            self.request = message.request.copy()
            self._process.queue(self)
        if self._process.is_settled:
            self.loaded()

    def lost(self) -> None:
        """It has hung up."""
        self.gone = True
        self._process.left(self)

    def loaded(self) -> None:
        """The model is there, or cannot be."""
        if not self._waits:
            return
        if self._process.failure is not None:
            self.say(self._process.failure)
        elif not self._brings_work:
            self.say(wire.State(self._process.state()))

    def say(self, message: wire.Told) -> None:
        """Tell it something."""
        if not self.gone:
            self._line.send(_encode(message))


class _Caught:
    """Keeps what a model raises inside, for who asked; a fault of its own is printed, for the log of the starter."""

    def __init__(self) -> None:
        self.failure: Failure | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failure = failure_of(error)
        if not self.failure.codes:
            sys.stderr.write(self.failure.trace)
            sys.stderr.flush()
        return True


def _find(name: str, packages: Sequence[str]) -> Any:
    module, _, attribute = name.partition(":")
    if module.split(".")[0] not in packages:
        raise RoundhouseError(f"{name} is not one of the models that run in a process of their own.")
    return getattr(import_module(module), attribute)


def _read_exactly(size: int) -> bytes:
    """No buffer may swallow what follows on the lifeline."""
    pieces: list[bytes] = []
    while size > 0:
        piece = os.read(0, min(size, 1 << 20))
        if not piece:
            os._exit(1)
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def main() -> int:
    """Run the process; returns its exit code."""
    # What anybody prints belongs to the log.
    os.dup2(2, 1)
    (size,) = HEAD.unpack(_read_exactly(HEAD.size))
    birth = msgspec.json.decode(_read_exactly(size), type=wire.Birth)
    hold_on(lambda: os._exit(0), 0.0)
    if sys.platform == "linux":
        # Who takes too much memory is here, not in the process that serves.
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, "ascii")
    return asyncio.run(ModelProcess(birth, NvmlProbe()).run())


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
