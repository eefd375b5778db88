"""How a model is brought in, taken out and measured: the seam between the memory ledger and whatever holds models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from roundhouse.core.errors import BackendDown, RoundhouseError
from roundhouse.core.ports import ModelControl
from roundhouse.core.types import RunningModel


class Loader(Protocol):
    """Something that holds models in memory: a server, or child processes."""

    async def load(self, model: str) -> None:
        """Bring a model into memory; returns when it is ready. Raises an error of the tree."""
        ...

    async def unload(self, model: str) -> None:
        """Take it out; one that is not in is no error. Raises an error of the tree."""
        ...

    async def measure(self) -> Sequence[RunningModel]:
        """Every model in memory with what it holds (0 MiB = not told). Raises an error of the tree."""
        ...

    async def alive(self) -> bool:
        """Whether the process that holds the models is there; where it is not, neither is their memory."""
        ...


@runtime_checkable
class Killable(Protocol):
    """A loader that can end the process holding a model, when the memory does not come back otherwise."""

    async def kill(self, model: str) -> None:
        """End it; the operating system gives the memory back."""
        ...


class ControlLoader:
    """A model server as a `Loader`.

    Args:
        control: The provider's control.
        keep_alive_s: How long the server keeps a model by itself. Longer than the ledger's own time, so that the
            ledger decides while this process lives and the server cleans up after it.
    """

    def __init__(self, control: ModelControl, keep_alive_s: float) -> None:
        self.control = control
        self._keep_alive_s = keep_alive_s

    async def load(self, model: str) -> None:
        """Bring a model into memory."""
        await self.control.load(model, keep_alive_s=self._keep_alive_s)

    async def unload(self, model: str) -> None:
        """Take it out."""
        await self.control.unload(model)

    async def measure(self) -> Sequence[RunningModel]:
        """What the server says it holds."""
        return await self.control.running()

    async def alive(self) -> bool:
        """Whether there is a server, however badly it answers."""
        try:
            await self.control.running()
        except BackendDown:
            return False
        except RoundhouseError:
            return True
        return True


def held_mib(model: RunningModel) -> int:
    """Memory on the accelerator, or in RAM where it is not on one.

    A server may put the layers that do not fit into RAM; those are seen as RAM used by others.
    """
    return model.vram_mib or model.ram_mib


def find_model(models: Sequence[RunningModel], name: str) -> RunningModel | None:
    """The entry of a model; `llama3` and `llama3:latest` are the same."""
    return next((one for one in models if same_model(one.id, name)), None)


def same_model(one: str, other: str) -> bool:
    """Whether two names mean the same model of a server that writes `:latest` where no tag is given."""
    return one == other or one == f"{other}:latest" or other == f"{one}:latest"
