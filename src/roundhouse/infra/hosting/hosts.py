"""The processes of models as seen by who uses them: `core.hosting.ModelHosts`."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import structlog

from roundhouse.core.errors import BackendDown, RoundhouseError, StorageUnavailable
from roundhouse.core.hosting import HostState, Recipe
from roundhouse.infra.hosting import elsewhere, wire
from roundhouse.infra.hosting.calling import Call, Work
from roundhouse.infra.hosting.environments import Environment
from roundhouse.infra.jobs.child_output import ChildOutput
from roundhouse.infra.jobs.child_wire import frame
from roundhouse.infra.rendezvous import Line, Rendezvous, process_space

_MODULE = "roundhouse.infra.hosting.process"
_GREETING_S = 3.0
_BIRTH_S = 60.0
_END_S = 3.0
_POLL_S = 0.02
_TRIES = 3
_SAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_NAME = 40

_log = structlog.get_logger(__name__)


class Hosts:
    """`core.hosting.ModelHosts` in a folder that all processes of the installation share.

    Args:
        folder: Where callers and models meet; made at need.
        packages: Packages that models' classes may be in.
        environments: Folder of the environments; None = `environments` beside `folder`.
    """

    def __init__(
        self, folder: Path, packages: tuple[str, ...] = ("roundhouse",), environments: Path | None = None
    ) -> None:
        self.folder = folder
        self._packages = packages
        self._environments = environments or folder.parent / "environments"
        self._children: dict[str, _Child] = {}
        self._starting: dict[str, asyncio.Lock] = {}

    def environment(self, recipe: Recipe) -> Environment:
        """An environment; see `core.hosting.ModelHosts`."""
        return Environment(self._environments, recipe)

    def host(self, name: str, model: str, argument: Any, interpreter: str | None = None) -> Host:
        """The process of one model; see `core.hosting.ModelHosts`."""
        safe = _SAFE.sub("-", name)
        if safe != name or len(name) > _LONGEST_NAME:
            safe = f"{safe[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
        told = msgspec.Raw(msgspec.json.encode(argument))
        birth = wire.Birth(str(self.folder), safe, model, list(self._packages), told, interpreter or "")
        return Host(self, name, birth)

    def lock(self, name: str) -> asyncio.Lock:
        """Held while this process starts the one of this name."""
        return self._starting.setdefault(name, asyncio.Lock())

    async def start(self, birth: wire.Birth) -> _Child:
        """Start a process, which belongs to this one from now on; raises BackendDown, StorageUnavailable."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StorageUnavailable(f"{self.folder} cannot be made: {error.strerror}.") from error
        child = self._children[birth.name] = await _Child.born(birth)
        return child

    async def kill(self, name: str) -> None:
        """End a process of this one that did not end by itself."""
        child = self._children.get(name)
        if child is not None:
            await child.end(hurry=True)

    async def close(self) -> None:
        """End the processes that this one started."""
        children, self._children = list(self._children.values()), {}
        await asyncio.gather(*(child.end(hurry=False) for child in children))


class Host:
    """`core.hosting.ModelHost`.

    Args:
        hosts: Starts it.
        shown: Its name for people.
        birth: What it is told at its start.
    """

    def __init__(self, hosts: Hosts, shown: str, birth: wire.Birth) -> None:
        self._hosts = hosts
        self._shown = shown
        self._birth = birth

    async def start(self) -> HostState:
        """Have it loaded."""
        call = await self._reached()
        try:
            call.say(wire.Load())
            message = await call.next()
        finally:
            call.hang_up()
        if not isinstance(message, wire.State) or message.state is None:
            raise BackendDown(
                f"The process of the model {self._shown} said something else than it was asked."
            )
        return message.state

    async def look(self) -> HostState | None:
        """The process as it is."""
        found = await self._called()
        if found is None:
            return None
        call, _ = found
        try:
            call.say(wire.Look())
            async with asyncio.timeout(_GREETING_S):
                message = await call.next()
        except (RoundhouseError, TimeoutError):
            return None
        finally:
            call.hang_up()
        return message.state if isinstance(message, wire.State) else None

    async def work(self, request: Any, *, idle_s: float) -> Work:
        """Begin a piece of work."""
        call = await self._reached()
        call.say(wire.Work(msgspec.Raw(msgspec.json.encode(request))))
        return Work(call, idle_s, self.stop)

    async def stop(self) -> None:
        """End the process."""
        found = await self._called()
        if found is not None:
            await self._end(*found)
        await self._hosts.kill(self._birth.name)

    async def _reached(self) -> Call:
        """A call of the process, which is started if there is none, and replaced if it is another."""
        for _ in range(_TRIES):
            async with self._hosts.lock(self._birth.name):
                found = await self._called() or await self._started()
                call, hello = found
                if hello.digest == self._birth.digest:
                    return call
                await self._end(call, hello)
        raise BackendDown(f"The process of the model {self._shown} is replaced again and again.")

    async def _called(self) -> tuple[Call, wire.Hello] | None:
        """A call of the process that is there, once it has said who it is; None when there is none."""
        calls: list[Call] = []

        def greet(line: Line) -> Call:
            calls.append(Call(self._shown, line))
            return calls[0]

        if not await Rendezvous(self._hosts.folder, self._birth.name).call(greet) or not calls:
            return None
        try:
            async with asyncio.timeout(_GREETING_S):
                hello = await calls[0].next()
        except (BackendDown, TimeoutError):
            hello = None
        if isinstance(hello, wire.Hello):
            return calls[0], hello
        calls[0].hang_up()
        return None

    async def _started(self) -> tuple[Call, wire.Hello]:
        child = await self._hosts.start(self._birth)
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + _BIRTH_S
        while loop.time() < give_up_s:
            found = await self._called()
            if found is not None:
                return found
            if child.exit_code == wire.ANOTHER_LEADS:
                # It is about to listen, or about to be gone.
                await asyncio.sleep(_POLL_S)
                found = await self._called()
                if found is not None:
                    return found
                child = await self._hosts.start(self._birth)
            elif child.exit_code is not None:
                raise BackendDown(
                    f"The process of the model {self._shown} could not start; the log tells why."
                )
            await asyncio.sleep(_POLL_S)
        raise BackendDown(f"The process of the model {self._shown} did not start within {_BIRTH_S:g} s.")

    async def _end(self, call: Call, hello: wire.Hello) -> None:
        """Ask it to end; what does not hear is killed, if this process may."""
        call.say(wire.Quit())
        if not await call.until_gone(_END_S) and hello.space == process_space():
            with suppress(psutil.Error):
                psutil.Process(hello.pid).kill()
            await call.until_gone(_END_S)
        call.hang_up()


class _Child:
    """A process that this one started."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        assert process.stdin is not None
        assert process.stderr is not None
        self._process = process
        self._lifeline = process.stdin
        self._name = name
        self._output = ChildOutput(process.stderr, name)
        self._ending = False
        self._watcher = asyncio.create_task(self._watch(), name=f"process of {name}")

    @classmethod
    async def born(cls, birth: wire.Birth) -> _Child:
        """Start one; raises BackendDown."""
        command = [sys.executable, "-P", "-m", _MODULE]
        if birth.interpreter:
            command = [birth.interpreter, "-P", elsewhere.__file__]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise BackendDown(f"A process for a model cannot be started: {error.strerror}.") from error
        child = cls(process, birth.name)
        with suppress(ConnectionError):
            child._lifeline.write(frame(msgspec.json.encode(birth)))
            await child._lifeline.drain()
        return child

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def end(self, *, hurry: bool) -> None:
        """Cut its lifeline, and return when it is gone."""
        self._ending = True
        self._lifeline.close()
        if self.exit_code is None and hurry:
            with suppress(ProcessLookupError):
                self._process.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await asyncio.shield(self._watcher)
            return
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._watcher

    async def _watch(self) -> None:
        code = await self._process.wait()
        await self._output.close()
        self._lifeline.close()
        if code not in {0, wire.ANOTHER_LEADS} and not self._ending:
            _log.error("hosted_model_died", name=self._name, exit_code=code, output=list(self._output.tail))
