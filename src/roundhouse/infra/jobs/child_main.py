"""A child process that runs one function: `python -P -m roundhouse.infra.jobs.child_main module:function package…`.

Standard input brings the argument and then is the lifeline to the parent; standard output carries frames
(`child_wire`), and is taken away before anybody else can write to it; what is printed goes to standard error, which
the parent logs. On POSIX the process splits: a keeper watches, the worker works.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from types import TracebackType
from typing import Any, NoReturn

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.infra.jobs import child_wire as wire
from roundhouse.infra.lifeline import hold_on

_PLUGINS = "roundhouse.children"
_PROGRESS_S = 0.05
_MOST_MESSAGE = 500

Function = Callable[[Any, Callable[..., None]], Any]


def main(name: str, packages: Sequence[str]) -> int:
    """Run a function to its end in a process of its own.

    Args:
        name: `module:function`, written by our own code, never by a user.
        packages: Packages it may be in; besides them, what plugins name under `roundhouse.children`.

    Returns:
        Exit code: 0 = a last frame was written.
    """
    frames = _Frames(os.dup(1))
    os.dup2(2, 1)
    argument = _read_argument()
    if argument is None:
        return 1
    if sys.platform == "win32":
        hold_on(int, 0.0)
        _work(frames, name, packages, argument)
    from roundhouse.infra.jobs.child_keeper import Keeper

    line = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    keeper = Keeper(line, wire.GRACE_S)
    worker = os.fork()
    if worker == 0:
        keeper.become_worker()
        _work(frames, name, packages, argument)
    return keeper.keep(worker)


def find(name: str, packages: Sequence[str]) -> Function:
    """Import a function.

    Raises:
        RoundhouseError: It is in none of the packages and no plugin names it, or it is a coroutine.
    """
    module, _, attribute = name.partition(":")
    if module.split(".")[0] not in packages and not _is_plugin(name):
        raise RoundhouseError(f"{name} is not one of the functions that run in a child process.")
    function: Function = getattr(import_module(module), attribute)
    if inspect.iscoroutinefunction(function):
        raise RoundhouseError(f"{name} is a coroutine; a child process runs plain functions.")
    return function


def _is_plugin(name: str) -> bool:
    from importlib.metadata import entry_points

    return any(point.value == name for point in entry_points(group=_PLUGINS))


def _read_argument() -> bytes | None:
    """The one frame on standard input; None when the parent is gone already. No buffer may swallow what follows."""
    head = _read(wire.HEAD.size)
    return None if head is None else _read(*wire.HEAD.unpack(head))


def _read(size: int) -> bytes | None:
    pieces: list[bytes] = []
    while size > 0:
        piece = os.read(0, min(size, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _work(frames: _Frames, name: str, packages: Sequence[str], argument: bytes) -> NoReturn:
    frames.send(wire.Started(os.getpgid(0) if sys.platform != "win32" else 0))
    tell = _Tell(frames)
    with _Reported(frames, tell):
        value = find(name, packages)(msgspec.json.decode(argument), tell)
        result = msgspec.json.encode(value)
        if len(result) > wire.MOST_BYTES:
            raise RoundhouseError(
                f"{name} returned more than {wire.MOST_BYTES >> 20} MiB; it must write a file."
            )
        tell.flush()
        frames.send(wire.Result(msgspec.Raw(result)))
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: a thread of a native library must not hold up the end.
    os._exit(0)


class _Frames:
    """The way to the parent; threads may share it."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._marked = False

    def send(self, message: wire.Message) -> None:
        content = wire.frame(msgspec.json.encode(message))
        with self._lock:
            rest = memoryview(content if self._marked else wire.MARK + content)
            self._marked = True
            while rest:
                rest = rest[os.write(self._pipe, rest) :]


class _Tell:
    """What the function reports progress with: never waits; the newest is sent, twenty times a second at most."""

    def __init__(self, frames: _Frames) -> None:
        self._frames = frames
        self._newest: wire.Progress | None = None
        self._told = threading.Event()
        self._sender: threading.Thread | None = None

    def __call__(self, fraction: float, message: str = "") -> None:
        self._newest = wire.Progress(float(fraction), str(message)[:_MOST_MESSAGE])
        self._told.set()
        if self._sender is None:
            self._sender = threading.Thread(target=self._send, name="progress", daemon=True)
            self._sender.start()

    def flush(self) -> None:
        newest, self._newest = self._newest, None
        if newest is not None:
            self._frames.send(newest)

    def _send(self) -> None:
        while self._told.wait():
            self._told.clear()
            self.flush()
            time.sleep(_PROGRESS_S)


class _Reported:
    """Sends what is raised inside to the parent, as the last frame."""

    def __init__(self, frames: _Frames, tell: _Tell) -> None:
        self._frames = frames
        self._tell = tell

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            # Nothing, or somebody ends the process: its exit code tells.
            return False
        self._tell.flush()
        self._frames.send(wire.failure_of(error))
        return True


if __name__ == "__main__":
    # The keeper's last act: no thread and no exit handler is left to wait for.
    os._exit(main(sys.argv[1], sys.argv[2:]))
