"""ChunkFormer models in folders of this machine, and the environment that their processes run in.

A model is a folder in the layout of the package `chunkformer`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from roundhouse.backends.hub import HubFile, HubModel
from roundhouse.backends.model_folders import IsolatedFolders, IsolatedOptions
from roundhouse.core.hosting import Recipe
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


class ChunkFormerOptions(IsolatedOptions, frozen=True):
    """`provider.options` of the kind `chunkformer`; the settings section `asr` tells what each means."""

    model: str = "large-vie"
    window_s: float = 120.0
    chunk_frames: int = 64
    left_frames: int = 128
    right_frames: int = 128


class ChunkFormerModels(IsolatedFolders[ChunkFormerOptions]):
    """The models of one provider.

    Args:
        provider: Of the kind `chunkformer`.
        context: For the data folder, the processes and their environment.
    """

    family = "chunkformer"
    title = layout = "ChunkFormer"
    process = "roundhouse.backends.asr.chunkformer_host:ChunkFormerHost"
    python_setting = "asr.chunkformer_python"
    repositories = REPOSITORIES

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        super().__init__(provider, context, ChunkFormerOptions, recipe())

    def terms(self, model: str) -> str:
        """What must be known before it is brought here."""
        licence = LICENCES.get(model)
        told = f"are under {licence}, not for commercial use" if licence else "have a licence of their own"
        return f"Its environment takes several GB, and its weights {told}."

    def weights_in(self, folder: Path) -> Path | None:
        """The file of weights that the package takes, where all else is there."""
        return weights_of(folder) if all((folder / name).is_file() for name in NEEDED) else None

    def describe(self, name: str, folder: Path) -> ModelInfo:
        """It hears Vietnamese, and nothing else."""
        return ModelInfo(name, operations=("transcriptions",), inputs=("audio",), languages=(LANGUAGE,))

    def files_of(self, found: HubModel) -> tuple[list[HubFile], set[str]]:
        """Of several files of weights the one that the package takes."""
        there = {one.name: one for one in found.files}
        weights = next((name for name in WEIGHTS if name in there), WEIGHTS[0])
        wanted = [there[name] for name in (CONFIG, VOCABULARY, MEANS, weights) if name in there]
        return wanted, {CONFIG, VOCABULARY, weights} - there.keys()


def recipe() -> Recipe:
    """What the environment is made of."""
    text = files(__package__).joinpath("chunkformer_requirements.txt").read_text("utf-8")
    return Recipe("chunkformer", text, alone=(PACKAGE,), imports=("chunkformer", "msgspec", "psutil"))


def weights_of(folder: Path) -> Path | None:
    """The file of weights that the package takes."""
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
