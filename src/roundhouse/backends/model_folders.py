"""Models that lie in folders of this machine, each heard or asked in a process of its own: what their kinds share.

A model's name is its folder's, or the last two folders' for one that came as `org/name` from a hub. Processes of models
import this too, in environments of their own: it needs nothing but msgspec.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from roundhouse.backends.hub import HubFile, HubModel
from roundhouse.backends.weights import models_in
from roundhouse.core.errors import BadInput, NotSupported, WeightsMissing
from roundhouse.core.hosting import ModelHost, Recipe
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider


class FolderOptions(msgspec.Struct, frozen=True):
    """`provider.options` that all kinds have.

    Attributes:
        model: Taken where none is named.
        folders: Of models, besides the one that they are downloaded into.
        device: `auto`, `cpu`, `cuda`.
        cpu_threads: Of a process; 0 = as many as its library takes.
        hub_url: Where models are downloaded from.
    """

    model: str = ""
    folders: tuple[str, ...] = ()
    device: str = "auto"
    cpu_threads: int = 0
    hub_url: str = "https://huggingface.co"


Options = TypeVar("Options", bound=FolderOptions)


class ModelFolders(ABC, Generic[Options]):
    """The models of one provider. A subclass says what a model of its kind is.

    Args:
        provider: Whose they are.
        context: For the data folder and the processes.
        options_type: What the provider's options are read as.

    Attributes:
        options: Of the provider.
        home: Folder that models are downloaded into.

    Raises:
        BadInput: An option has the wrong type.
    """

    family: ClassVar[str]
    """Of the models; also the name of `home`."""

    title: ClassVar[str]
    """What such a model is called."""

    layout: ClassVar[str]
    """What such a model must be, for who has something else."""

    process: ClassVar[str]
    """`module:Class` of what runs in a model's process."""

    repositories: ClassVar[Mapping[str, str]]
    """Short names and where the hub has them; any other model is pulled as `org/name`."""

    def __init__(self, provider: Provider, context: BackendContext, options_type: type[Options]) -> None:
        try:
            self.options = msgspec.convert(provider.options, options_type)
        except msgspec.ValidationError as error:
            raise BadInput(f"options of provider {provider.name}: {error}", param="options") from None
        self.home = context.data_dir / "models" / self.family
        self._provider = provider.name
        self._hosts = context.hosts
        self._known: dict[tuple[Path, int], ModelInfo] = {}

    # What a kind says.

    @abstractmethod
    def weights_in(self, folder: Path) -> Path | None:
        """The file of weights of the model in a folder; None = it holds no whole model. Reads the disk."""

    @abstractmethod
    def describe(self, name: str, folder: Path) -> ModelInfo:
        """What is known of a model beside its size and age. Reads the disk."""

    @abstractmethod
    def files_of(self, found: HubModel) -> tuple[list[HubFile], set[str]]:
        """Files to bring of what a hub has, and the names of those that it should have and has not."""

    def argument(self) -> dict[str, Any]:
        """What a process is told beside name, folder, device and threads."""
        return {}

    def terms(self, model: str) -> str:
        """What must be known before it is brought here; empty = a request may begin the download."""
        return ""

    def is_ready(self) -> bool:
        """Whether processes can be started: their environment is there. Reads the disk."""
        return True

    def interpreter(self) -> str | None:
        """Python of the processes, once `is_ready`; None = ours. Reads the disk."""
        return None

    def made_ready(self) -> AsyncIterator[str]:
        """Have `is_ready` become true; tells what is being done.

        Raises:
            EnvironmentFailed: The environment could not be built.
            NotSupported: The operator's own is not there.
            StorageFull: The disk is full.
        """
        return _nothing()

    # What they share.

    def folders(self) -> dict[str, Path]:
        """Folders by name, those in `home` first; reads the disk."""
        return models_in(
            [self.home, *(Path(one).expanduser() for one in self.options.folders)], self.is_model
        )

    def is_model(self, folder: Path) -> bool:
        """Whether all that is needed is in a folder."""
        return self.weights_in(folder) is not None

    def every(self) -> list[ModelInfo]:
        """What is known of each that can be used now; reads the disk, the files of a model once."""
        infos: dict[tuple[Path, int], ModelInfo] = {}
        for name, folder in self.folders().items() if self.is_ready() else ():
            weights = self.weights_in(folder)
            if weights is not None:
                key = (folder, weights.stat().st_mtime_ns)
                infos[key] = self._known.get(key) or self._info(name, folder, weights)
        self._known = infos
        return list(infos.values())

    def hosts(self) -> dict[str, ModelHost]:
        """The processes of all that can be used now, started or not; reads the disk."""
        if not self.is_ready():
            return {}
        interpreter = self.interpreter()
        return {name: self._host(name, folder, interpreter) for name, folder in self.folders().items()}

    async def host(self, model: str) -> ModelHost:
        """The process of a model; raises WeightsMissing when it, or the environment, is not there."""
        found = (await asyncio.to_thread(self.hosts)).get(model)
        if found is None:
            target = f"{self._provider}/{model}"
            terms = self.terms(model)
            raise WeightsMissing(
                f"{target} is not on this machine. {f'{terms} ' if terms else ''}"
                f"Bring it with: roundhouse models pull {target}",
                model=target,
                by_command=bool(terms),
                param="model",
            )
        return found

    def offers(self, model: str) -> bool:
        """Whether a hub may have it, by a short name or as `org/name`, or it lies in a folder; may read the disk."""
        return model in self.repositories or model.count("/") == 1 or model in self.folders()

    def wanted(self, found: HubModel, repository: str) -> list[HubFile]:
        """Files to bring of what a hub has; raises NotSupported when it is no model of this kind."""
        files, missing = self.files_of(found)
        if missing:
            raise NotSupported(
                f"{repository} is no {self.layout}: it has no {', '.join(sorted(missing))}.", param="model"
            )
        return files

    def _info(self, name: str, folder: Path, weights: Path) -> ModelInfo:
        return msgspec.structs.replace(
            self.describe(name, folder),
            family=self.family,
            size_bytes=sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()),
            created_s=math.floor(weights.stat().st_mtime),
        )

    def _host(self, model: str, folder: Path, interpreter: str | None) -> ModelHost:
        argument = {
            "name": f"{self._provider}/{model}",
            "folder": str(folder.resolve()),
            "device": self.options.device,
            "cpu_threads": self.options.cpu_threads,
            **self.argument(),
        }
        return self._hosts.host(f"{self._provider}-{model}", self.process, argument, interpreter)


class IsolatedOptions(FolderOptions, frozen=True):
    """`provider.options` of kinds whose processes have an environment of their own.

    Attributes:
        python: Of an environment that the operator made; None = it is built.
    """

    python: str | None = None


Isolated = TypeVar("Isolated", bound=IsolatedOptions)


class IsolatedFolders(ModelFolders[Isolated]):
    """Models whose libraries may not stand beside ours.

    Attributes:
        environment: That processes run in, unless the options name a Python.
    """

    python_setting: ClassVar[str]
    """Setting that names the operator's Python."""

    def __init__(
        self, provider: Provider, context: BackendContext, options_type: type[Isolated], recipe: Recipe
    ) -> None:
        super().__init__(provider, context, options_type)
        self.environment = context.hosts.environment(recipe)

    def interpreter(self) -> str | None:
        """Python of the environment, or of the options; None while it is not there."""
        python = self.options.python
        if python is None:
            return self.environment.interpreter()
        path = Path(python).expanduser()
        return str(path) if path.is_file() else None

    def is_ready(self) -> bool:
        """Whether the environment is there."""
        return self.interpreter() is not None

    async def made_ready(self) -> AsyncGenerator[str, None]:
        """Build the environment; one of the operator's must be there."""
        if self.options.python is None:
            async for step in self.environment.build():
                yield step
        elif not await asyncio.to_thread(self.is_ready):
            raise NotSupported(f"{self.python_setting}: there is no {self.options.python}.")


async def _nothing() -> AsyncGenerator[str, None]:
    for step in list[str]():
        yield step
