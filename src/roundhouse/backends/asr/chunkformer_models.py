"""ChunkFormer models in folders of this machine, and the environment that their processes run in.

A model is a folder in the layout of the package `chunkformer`. Its name is the folder's, or the last two folders' for
one that came as `org/name` from a hub.
"""

from __future__ import annotations

import asyncio
import math
from importlib.resources import files
from pathlib import Path

import msgspec

from roundhouse.backends.asr.weights import models_in
from roundhouse.core.errors import BadInput, WeightsMissing
from roundhouse.core.hosting import ModelHost, Recipe
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider

PACKAGE = "chunkformer==1.2.2"

REPOSITORIES = {
    "large-vie": "khanhld/chunkformer-large-vie",
    "rnnt-large-vie": "khanhld/chunkformer-rnnt-large-vie",
}
"""Short names and where the hub has them; any other model is pulled as `org/name`."""

LICENCES = {"large-vie": "CC-BY-NC-4.0"}
"""Of weights, where it is known beforehand; of others the hub tells it."""

CONFIG, VOCABULARY, MEANS = "config.yaml", "vocab.txt", "global_cmvn"
WEIGHTS = ("pytorch_model.bin", "pytorch_model.pt", "pytorch_model.ckpt")
"""The package takes the first that is there."""

NEEDED = (CONFIG, VOCABULARY)
LANGUAGE = "vi"

_HOST = "roundhouse.backends.asr.chunkformer_host:ChunkFormerHost"


class ChunkFormerOptions(msgspec.Struct, frozen=True):
    """`provider.options` of the kind `chunkformer`; the settings section `asr` tells what each means."""

    model: str = "large-vie"
    folders: tuple[str, ...] = ()
    python: str | None = None
    device: str = "auto"
    cpu_threads: int = 0
    window_s: float = 120.0
    chunk_frames: int = 64
    left_frames: int = 128
    right_frames: int = 128
    hub_url: str = "https://huggingface.co"


def read_options(provider: Provider) -> ChunkFormerOptions:
    """Options of a provider; raises BadInput when one has the wrong type."""
    try:
        return msgspec.convert(provider.options, ChunkFormerOptions)
    except msgspec.ValidationError as error:
        raise BadInput(f"options of provider {provider.name}: {error}", param="options") from None


class ChunkFormerModels:
    """The models of one provider.

    Args:
        provider: Of the kind `chunkformer`.
        context: For the data folder, the processes and their environment.

    Attributes:
        home: Folder that models are downloaded into.
        environment: That processes run in, unless the options name a Python.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self.options = read_options(provider)
        self.home = context.data_dir / "models" / "chunkformer"
        self.environment = context.hosts.environment(recipe())
        self._provider = provider.name
        self._hosts = context.hosts

    def folders(self) -> dict[str, Path]:
        """Folders by name, those in `home` first; reads the disk."""
        return models_in([self.home, *(Path(one).expanduser() for one in self.options.folders)], is_model)

    def interpreter(self) -> str | None:
        """Python of the processes; None = the environment is not built. Reads the disk."""
        python = self.options.python
        if python is None:
            return self.environment.interpreter()
        path = Path(python).expanduser()
        return str(path) if path.is_file() else None

    def every(self) -> list[ModelInfo]:
        """What is known of each that can be used now; reads the disk."""
        if self.interpreter() is None:
            return []
        return [_info(name, folder) for name, folder in self.folders().items()]

    async def host(self, model: str) -> ModelHost:
        """The process of a model; raises WeightsMissing when it, or the environment, is not there."""
        folders = await asyncio.to_thread(self.folders)
        interpreter = await asyncio.to_thread(self.interpreter)
        if model not in folders or interpreter is None:
            raise self.missing(model)
        return self.host_in(model, folders[model], interpreter)

    def host_in(self, model: str, folder: Path, interpreter: str) -> ModelHost:
        """The process of a model that is there."""
        argument = {
            "name": f"{self._provider}/{model}",
            "folder": str(folder.resolve()),
            "device": self.options.device,
            "cpu_threads": self.options.cpu_threads,
        }
        return self._hosts.host(f"{self._provider}-{model}", _HOST, argument, interpreter)

    def missing(self, model: str) -> WeightsMissing:
        """The error that says how to bring a model here."""
        target = f"{self._provider}/{model}"
        return WeightsMissing(
            f"{target} is not on this machine. {self.terms(model)} Bring it with: roundhouse models pull {target}",
            model=target,
            by_command=True,
            param="model",
        )

    def offers(self, model: str) -> bool:
        """Whether it is in a folder, or a hub may have it: a short name, or `org/name`."""
        return model in REPOSITORIES or model.count("/") == 1 or model in self.folders()

    def terms(self, model: str) -> str:
        """What must be known before it is brought here."""
        licence = LICENCES.get(model)
        told = f"are under {licence}, not for commercial use" if licence else "have a licence of their own"
        return f"Its environment takes several GB, and its weights {told}."


def recipe() -> Recipe:
    """What the environment is made of."""
    text = files(__package__).joinpath("chunkformer_requirements.txt").read_text("utf-8")
    return Recipe("chunkformer", text, alone=(PACKAGE,), imports=("chunkformer", "msgspec", "psutil"))


def is_model(folder: Path) -> bool:
    """Whether all that is needed is in a folder."""
    return all((folder / name).is_file() for name in NEEDED) and weights_of(folder) is not None


def weights_of(folder: Path) -> Path | None:
    """The file of weights that the package takes."""
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)


def _info(name: str, folder: Path) -> ModelInfo:
    weights = weights_of(folder) or folder
    return ModelInfo(
        name,
        operations=("transcriptions",),
        inputs=("audio",),
        size_bytes=sum(one.stat().st_size for one in folder.iterdir() if one.is_file()),
        family="chunkformer",
        languages=(LANGUAGE,),
        created_s=math.floor(weights.stat().st_mtime),
    )
