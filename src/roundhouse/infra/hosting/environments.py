"""Python environments of models: built aside by pip, marked when they are whole, found again by their recipe.

A build goes into a folder of its own that takes the environment's name at the end, so nobody ever sees half of one.
What pip downloaded is kept until then: a build that broke off does not download it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from roundhouse.core.errors import EnvironmentFailed, StorageFull, StorageUnavailable
from roundhouse.core.hosting import Recipe
from roundhouse.infra.file_lock import FileLock
from roundhouse.infra.telemetry.redaction import redact_text

INSTALLER = "pip==26.2"
"""Goes on with a download that was cut off, and tells how far it is."""

PARTIAL = ".partial"
"""End of the name of a folder in which an environment is being made."""

CACHE = ".cache"
"""End of the name of a folder in which pip keeps what it downloaded, until the environment is whole."""

# What it unpacks would fill a small /tmp.
_PIP = "import runpy, sys, tempfile; tempfile.tempdir = sys.argv.pop(1); runpy.run_module('pip', run_name='__main__')"
# Of a trace only what happened: the last words have few lines.
_BRIEF = "import sys; sys.tracebacklimit = 0"
_READY = "ready.json"
_ASK_S = 1.0
_TAIL_LINES = 12
_TAIL_CHARS = 1500
_LINE_BYTES = 1 << 20
_FULL = "No space left on device"
_FETCHED = re.compile(r"\s*(?:Downloading|Using cached|Processing) (\S+)")
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_MB = 1e6


class _Ready(msgspec.Struct):
    """What is written into an environment that is whole."""

    recipe: Recipe
    python: str


class Environment:
    """`core.hosting.PythonEnvironment`.

    Args:
        folder: Of all environments; made at need.
        recipe: What it is made of.
        python: Makes it, and has the same version.
    """

    def __init__(self, folder: Path, recipe: Recipe, python: str = sys.executable) -> None:
        self._folder = folder
        self._recipe = recipe
        self._python = python
        told = msgspec.json.encode(recipe) + sys.version.encode()
        self.home = folder / f"{recipe.name}-{hashlib.sha256(told).hexdigest()[:12]}"

    def interpreter(self) -> str | None:
        """Path of its Python; None while it is not there."""
        python = _python_of(self.home)
        # A link whose Python was removed from the machine does not exist.
        return str(python) if (self.home / _READY).is_file() and python.exists() else None

    async def build(self) -> AsyncGenerator[str, None]:
        """Make it unless it is there; see `core.hosting.PythonEnvironment`."""
        lock = build_lock(self._folder, self._recipe.name)
        with _told_storage(self._folder):
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        try:
            while True:
                with _told_storage(self._folder):
                    if lock.take():
                        break
                yield "waiting for another process that builds it"
                await asyncio.sleep(_ASK_S)
            if self.interpreter() is None:
                async with aclosing(self._made()) as steps:
                    async for step in steps:
                        yield step
        finally:
            lock.give_back()

    async def _made(self) -> AsyncGenerator[str, None]:
        name = self._recipe.name
        cache = self._folder / f"{name}{CACHE}"
        aside = self._folder / f"{name}.{secrets.token_hex(4)}{PARTIAL}"
        # What a build left that was killed; nobody else builds while the lock is held.
        await asyncio.to_thread(_remove, self._folder.glob(f"{name}.*{PARTIAL}"))
        try:
            async with aclosing(self._installed(aside, cache)) as steps:
                async for step in steps:
                    yield step
            with _told_storage(self._folder):
                await asyncio.to_thread(self._put_in_place, aside)
        finally:
            await asyncio.to_thread(_remove, [aside])
        await asyncio.to_thread(_remove, [cache])

    async def _installed(self, aside: Path, cache: Path) -> AsyncGenerator[str, None]:
        yield "making it"
        await self._run([self._python, "-I", "-m", "venv", str(aside)])
        python, passing = str(_python_of(aside)), aside / "tmp"
        with _told_storage(self._folder):
            await asyncio.to_thread(passing.mkdir)
        pip = [python, "-I", "-c", _PIP, str(passing), "install", "--no-input", "--disable-pip-version-check"]
        # Of the thousands of modules few are ever imported: those are compiled then.
        pip += ["--cache-dir", str(cache), "--only-binary", ":all:", "--no-compile"]
        await self._run([*pip, "--quiet", INSTALLER])
        wanted = aside / "requirements.txt"
        with _told_storage(self._folder):
            await asyncio.to_thread(wanted.write_text, self._recipe.requirements, "utf-8")
        pip += ["--progress-bar", "raw"]
        every = [[*pip, "--requirement", str(wanted)]]
        if self._recipe.alone:
            every.append([*pip, "--no-deps", *self._recipe.alone])
        for command in every:
            async with aclosing(self._told(command)) as steps:
                async for step in steps:
                    yield step
        yield "trying it out"
        if self._recipe.imports:
            modules = ", ".join(self._recipe.imports)
            await self._run([python, "-P", "-c", f"{_BRIEF}; import {modules}"])

    async def _run(self, command: list[str]) -> None:
        async with aclosing(self._told(command)) as steps:
            async for _ in steps:
                pass

    async def _told(self, command: list[str]) -> AsyncGenerator[str, None]:
        """Run a program to its end; raises EnvironmentFailed, StorageFull."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                # So that what it starts ends with it.
                start_new_session=True,
                limit=_LINE_BYTES,
                cwd=self._folder,
            )
        except OSError as error:
            raise EnvironmentFailed(f"{command[0]} cannot be started: {error.strerror}.") from error
        assert process.stdout is not None
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        file = ""
        try:
            while raw := await process.stdout.readline():
                line = raw.decode("utf-8", "replace").rstrip()
                if (found := _PROGRESS.fullmatch(line)) is not None:
                    done, total = (int(one) / _MB for one in found.groups())
                    yield f"{file}: {done:.1f} of {total:.1f} MB"
                    continue
                tail.append(line)
                if (found := _FETCHED.match(line)) is not None:
                    file = _file(found[1])
                    yield f"fetching {file}"
                elif line.startswith("Installing"):
                    yield "unpacking"
            code = await process.wait()
        finally:
            await _end(process)
        if code:
            raise self._failure(tail)

    def _failure(self, tail: deque[str]) -> EnvironmentFailed | StorageFull:
        told = redact_text("\n".join(tail)).strip()[-_TAIL_CHARS:]
        if _FULL in told:
            return StorageFull(f"{self._folder} is on a full disk.")
        return EnvironmentFailed(f"The environment {self._recipe.name} could not be built:\n{told}")

    def _put_in_place(self, aside: Path) -> None:
        ready = msgspec.json.encode(_Ready(self._recipe, sys.version))
        _remove([aside / "tmp"])
        (aside / _READY).write_bytes(ready)
        # One of this recipe that is not whole any more, and those of other recipes.
        _remove(self._folder.glob(f"{self._recipe.name}-*"))
        aside.rename(self.home)


def build_lock(folder: Path, name: str) -> FileLock:
    """Held while an environment of this name is made in the folder of all environments."""
    return FileLock(folder / f"{name}.lock")


def _python_of(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def _file(place: str) -> str:
    """The file of an address or path, without where it is."""
    return unquote(urlsplit(place).path).rpartition("/")[2] or place


def _remove(folders: Iterator[Path] | list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program that is not wanted any more, and what it started."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@contextmanager
def _told_storage(folder: Path) -> Iterator[None]:
    """What the disk says, as errors of the tree."""
    try:
        yield
    except OSError as error:
        if _FULL in str(error):
            raise StorageFull(f"{folder} is on a full disk.") from error
        raise StorageUnavailable(f"{folder} cannot be written: {error.strerror}.") from error
