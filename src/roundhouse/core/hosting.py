"""Models in processes of their own on this machine: what a backend asks of such a process, and what runs inside it.

A model that is unloaded leaves with its process, and all its memory with it; a fault of a native library ends that
process and no other. One process per model serves all processes of an installation. A model whose libraries may not
stand beside ours has an environment of its own, and its process runs under that one's Python.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import msgspec


class HostedModel(Protocol):
    """What runs inside the process. `__init__(argument: Any)` loads the model; it may raise errors of the tree."""

    def describe(self) -> dict[str, Any]:
        """What is known of it now that it is loaded, as JSON values; `device` is `cpu`, `cuda:0` or the like."""
        ...

    def work(self, request: Any, tell: Callable[[Any], None], stopped: Callable[[], bool]) -> Any:
        """Do one piece of work; the process gives one at a time.

        Args:
            request: A JSON value.
            tell: Takes partial results, JSON values, in order.
            stopped: Whether nobody wants the result any more; to be asked between partial results at least.

        Returns:
            The end of the result, a JSON value.
        """
        ...


class HostState(msgspec.Struct):
    """A process whose model is loaded.

    Attributes:
        pid: Its number.
        ram_mib: What it holds in RAM.
        vram_mib: What the card holds since it was loaded; 0 = nothing, or not told.
        waiting: Pieces of work that wait behind the one under way.
        about: What the model describes itself as.
    """

    pid: int
    ram_mib: int = 0
    vram_mib: int = 0
    waiting: int = 0
    about: dict[str, Any] = {}


class HostedWork(Protocol):
    """A piece of work under way. Iterate once, then close."""

    @property
    def result(self) -> Any:
        """What the work returned; None before the end."""
        ...

    def __aiter__(self) -> AsyncIterator[Any]:
        """Partial results as they come.

        Raises:
            RoundhouseError: What the work raised, of the same class.
            BackendDown: The process died.
            BackendTimeout: Nothing came for too long; the process is ended.
            BackendFailed: It raised something else.
        """
        ...

    async def aclose(self) -> None:
        """Let the work stop at its next partial result. Idempotent."""
        ...


class ModelHost(Protocol):
    """One model's process, wherever it was started."""

    async def start(self) -> HostState:
        """Have it loaded; returns at once where it is. Raises what loading raised, BackendDown."""
        ...

    async def look(self) -> HostState | None:
        """The process as it is; None while there is none, or it still loads."""
        ...

    async def work(self, request: Any, *, idle_s: float) -> HostedWork:
        """Begin a piece of work, in a process that is started if there is none. Raises like `start`.

        Args:
            request: A JSON value.
            idle_s: Longest time between two partial results once its turn has come.
        """
        ...

    async def stop(self) -> None:
        """End the process; returns when it is gone. No error when there is none."""
        ...


class Recipe(msgspec.Struct, frozen=True):
    """What an environment of its own is made of.

    Attributes:
        name: Of its folder: letters, digits, `-`.
        requirements: Text of a requirements file of pip, every package with its version. `msgspec` and `psutil` are
            among them: a model's process needs them.
        alone: Further packages with their versions, installed without what they ask for.
        imports: Modules that must be importable at the end.
    """

    name: str
    requirements: str
    alone: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


class PythonEnvironment(Protocol):
    """A virtual environment for models' processes. A half-built one is never seen."""

    def interpreter(self) -> str | None:
        """Path of its Python; None while it is not there, or was made by another recipe. Looks at the disk."""
        ...

    def build(self) -> AsyncIterator[str]:
        """Make it unless it is there; tells what is being done, as often as there is something new.

        Raises:
            EnvironmentFailed: The installer failed, or a module cannot be imported; the detail has its last words.
            StorageFull: The disk is full.
            StorageUnavailable: The folder cannot be written.
        """
        ...


class ModelHosts(Protocol):
    """The processes of models, and the environments that some of them need."""

    def host(self, name: str, model: str, argument: Any, interpreter: str | None = None) -> ModelHost:
        """The process of one model; nothing is started yet.

        Args:
            name: Unique in this installation: letters, digits, `-`, `.` and `_`.
            model: `module:Class` of a `HostedModel`, written by our own code, never by a user.
            argument: For the model, a JSON value. A process that was started with another one is replaced.
            interpreter: Python of another environment; None = ours. The module of `model` may import only what is
                installed there, and of this package what needs nothing else.
        """
        ...

    def environment(self, recipe: Recipe) -> PythonEnvironment:
        """An environment, whether it is there or not."""
        ...
