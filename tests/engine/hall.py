"""A place to meet that is nothing but memory, and processes in it that can be killed at any moment."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from engine.residency_fakes import FakeClock, FakeServer
from roundhouse.core.types import RunningModel
from roundhouse.infra.rendezvous import Ears, Greet

PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("PROCESS", default=None)


class Process:
    """Owner of tasks; when it is killed they end without a word to anybody."""

    def __init__(self, name: str, hall: Hall) -> None:
        self.name, self.hall = name, hall
        self.dead = False
        self.tasks: set[asyncio.Task[Any]] = set()
        self.ends: list[End] = []
        self.context = contextvars.copy_context()
        self.context.run(PROCESS.set, self)

    def run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.context.run(asyncio.create_task, work)

    def call(self, work: Callable[[], Any]) -> Any:
        return self.context.run(work)

    def kill(self) -> None:
        self.dead = True
        for end in self.ends:
            end.cut()
        if self.hall.holder is self:
            # The kernel gives the lock back; the card stays.
            self.hall.holder = self.hall.greet = None
        for task in list(self.tasks):
            task.cancel()


def track_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Let every task belong to the process that began it."""

    def made(loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, **how)
        context = how.get("context")
        process = PROCESS.get() if context is None else context.get(PROCESS)
        if process is not None:
            process.tasks.add(task)
            task.add_done_callback(process.tasks.discard)
        return task

    loop.set_task_factory(made)


class End:
    """One end of a connection. What was sent arrives, also when the sender dies."""

    is_full = False

    def __init__(self, process: Process) -> None:
        self.process = process
        self.other: End | None = None
        self.ears: Ears | None = None
        self.open = True
        process.ends.append(self)

    def send(self, frame: bytes) -> None:
        if self.open and not self.process.dead:
            self._to_other(lambda ears: ears.heard(frame))

    def close(self, *, at_once: bool = False) -> None:
        if not self.process.dead:
            self.cut()

    def cut(self) -> None:
        if not self.open:
            return
        self.open = False
        self._to_other(lambda ears: ears.lost())
        other = self.other
        if other is not None and other.open:
            other.open = False
            asyncio.get_running_loop().call_soon(self._lose, self)

    def _to_other(self, what: Callable[[Ears], None]) -> None:
        other = self.other
        if other is not None:
            asyncio.get_running_loop().call_soon(self._arrive, other, what, context=other.process.context)

    @staticmethod
    def _arrive(end: End, what: Callable[[Ears], None]) -> None:
        if end.ears is not None and not end.process.dead:
            what(end.ears)

    @staticmethod
    def _lose(end: End) -> None:
        if end.ears is not None and not end.process.dead:
            end.process.call(end.ears.lost)


class Hall:
    """The place itself."""

    def __init__(self) -> None:
        self.holder: Process | None = None
        self.greet: Greet | None = None
        self.led = False
        self.note = ""


class Seat:
    """`Meeting` of one process."""

    def __init__(self, hall: Hall, process: Process) -> None:
        self.hall, self.process = hall, process
        self.was_led = False
        self.former = ""

    @property
    def is_led(self) -> bool:
        return self.hall.led

    def take(self) -> bool:
        if self.hall.holder is not None:
            return self.hall.holder is self.process
        self.hall.holder = self.process
        self.was_led = self.hall.led
        self.former = self.hall.note
        return True

    async def listen(self, greet: Greet, note: str) -> None:
        self.hall.greet, self.hall.led, self.hall.note = greet, True, note

    def sign(self, note: str) -> None:
        if not self.process.dead and self.hall.holder is self.process:
            self.hall.note = note

    async def call(self, greet: Greet) -> bool:
        leader = self.hall.holder
        if leader is None or self.hall.greet is None:
            return False
        mine, yours = End(self.process), End(leader)
        mine.other, yours.other = yours, mine
        yours.ears = leader.call(lambda: self.hall.greet(yours))
        mine.ears = greet(mine)
        return True

    def leave(self, *, others: bool) -> None:
        if self.hall.holder is self.process:
            self.hall.holder = self.hall.greet = None
            self.hall.led = others


class StubbornServer(FakeServer):
    """What it was told to do it does, also when who told it is dead."""

    def __init__(self, clock: FakeClock, *args: Any, **how: Any) -> None:
        super().__init__(clock, *args, **how)
        self.under_way: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def load(self, model: str) -> None:
        if model not in self.holding:
            await self._do("load", model, super().load)

    async def unload(self, model: str) -> None:
        await self._do("unload", model, super().unload)

    async def _do(self, what: str, model: str, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        task = self.under_way.get((what, model))
        if task is None:
            nobody = contextvars.Context()
            task = asyncio.get_running_loop().create_task(work(model), context=nobody)
            self.under_way[what, model] = task
            task.add_done_callback(lambda _: self.under_way.pop((what, model), None))
        await asyncio.shield(task)


class Hands:
    """A process's own way to a server: the dead reach nobody."""

    def __init__(self, server: StubbornServer, process: Process) -> None:
        self.server, self.process = server, process

    async def _alive(self) -> None:
        if self.process.dead:
            await asyncio.Event().wait()

    async def load(self, model: str) -> None:
        await self._alive()
        await self.server.load(model)

    async def unload(self, model: str) -> None:
        await self._alive()
        await self.server.unload(model)

    async def measure(self) -> Sequence[RunningModel]:
        await self._alive()
        return await self.server.measure()

    async def alive(self) -> bool:
        return True
