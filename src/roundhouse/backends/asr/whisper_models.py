"""Whisper models in folders of this machine: which there are, what each is, and what its process is told.

A model is a folder with weights in the format of CTranslate2. Its name is the folder's, or the last two folders' for
one that came as `org/name` from a hub.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.backends.asr.weights import models_in
from roundhouse.core.errors import BadInput, WeightsMissing
from roundhouse.core.hosting import ModelHost
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Operation, Provider

REPOSITORIES = {
    "tiny": "Systran/faster-whisper-tiny",
    "tiny.en": "Systran/faster-whisper-tiny.en",
    "base": "Systran/faster-whisper-base",
    "base.en": "Systran/faster-whisper-base.en",
    "small": "Systran/faster-whisper-small",
    "small.en": "Systran/faster-whisper-small.en",
    "medium": "Systran/faster-whisper-medium",
    "medium.en": "Systran/faster-whisper-medium.en",
    "large-v2": "Systran/faster-whisper-large-v2",
    "large-v3": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
}
"""Names of sizes and where the hub has them; any other model is pulled as `org/name`."""

WEIGHTS = "model.bin"
NEEDED = ("config.json", "tokenizer.json", WEIGHTS)
"""Without one of these a library would go and download it, or fail; such a folder is no model."""

_HOST = "roundhouse.backends.asr.whisper_host:WhisperHost"
_MULTILINGUAL_TOKENS = 51_865
_MIB = 1024 * 1024
# They were made from Whisper without its translating.
_NOT_TRANSLATING = ("turbo", "distil")


class WhisperOptions(msgspec.Struct, frozen=True):
    """`provider.options` of the kind `whisper`; the settings section `asr` tells what each means."""

    model: str = "small"
    folders: tuple[str, ...] = ()
    device: str = "auto"
    compute_type: str = "default"
    cpu_threads: int = 0
    beam_size: int = 5
    batch_size: int = 8
    batched_from_s: float = 90.0
    hub_url: str = "https://huggingface.co"


def read_options(provider: Provider) -> WhisperOptions:
    """Options of a provider; raises BadInput when one has the wrong type."""
    try:
        return msgspec.convert(provider.options, WhisperOptions)
    except msgspec.ValidationError as error:
        raise BadInput(f"options of provider {provider.name}: {error}", param="options") from None


class WhisperModels:
    """The models of one provider.

    Args:
        provider: Of the kind `whisper`.
        context: For the data folder and the processes.

    Attributes:
        home: Folder that models are downloaded into.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self.options = read_options(provider)
        self.home = context.data_dir / "models" / "whisper"
        self._provider = provider.name
        self._hosts = context.hosts
        self._known: dict[tuple[Path, int], ModelInfo] = {}

    def folders(self) -> dict[str, Path]:
        """Folders by name, those in `home` first; reads the disk."""
        roots = [self.home, *(Path(one).expanduser() for one in self.options.folders)]
        return models_in(roots, is_model)

    def every(self) -> list[ModelInfo]:
        """What is known of each; reads the disk, the files of a model once."""
        infos: dict[tuple[Path, int], ModelInfo] = {}
        for name, folder in self.folders().items():
            key = (folder, (folder / WEIGHTS).stat().st_mtime_ns)
            infos[key] = self._known.get(key) or _info(name, folder)
        self._known = infos
        return list(infos.values())

    def folder(self, model: str) -> Path:
        """The folder of a model; raises WeightsMissing."""
        found = self.folders().get(model)
        if found is None:
            target = f"{self._provider}/{model}"
            raise WeightsMissing(
                f"The weights of {target} are not on this machine. Bring them with: roundhouse models pull {target}",
                model=target,
                param="model",
            )
        return found

    def host(self, model: str, folder: Path) -> ModelHost:
        """The process of a model."""
        options = self.options
        argument = {
            "name": f"{self._provider}/{model}",
            "folder": str(folder.resolve()),
            "device": options.device,
            "compute_type": options.compute_type,
            "cpu_threads": options.cpu_threads,
        }
        return self._hosts.host(f"{self._provider}-{model}", _HOST, argument)

    def offers(self, model: str) -> bool:
        """Whether a hub may have it: a size, or `org/name`."""
        return model in REPOSITORIES or model.count("/") == 1


def translates(model: str) -> bool:
    """Whether a model of this name was trained to translate into English."""
    return not model.endswith(".en") and not any(part in model.lower() for part in _NOT_TRANSLATING)


def is_model(folder: Path) -> bool:
    """Whether all that is needed is in a folder."""
    return all((folder / name).is_file() for name in NEEDED)


def _info(name: str, folder: Path) -> ModelInfo:
    size = sum(one.stat().st_size for one in folder.iterdir() if one.is_file())
    english = name.endswith(".en") or _tokens(folder) < _MULTILINGUAL_TOKENS
    operations: tuple[Operation, ...] = ("transcriptions",)
    if translates(name) and not english:
        operations += ("translations",)
    return ModelInfo(
        name,
        operations=operations,
        inputs=("audio",),
        size_bytes=size,
        family="whisper",
        languages=("en",) if english else (),
        created_s=math.floor((folder / WEIGHTS).stat().st_mtime),
    )


def _tokens(folder: Path) -> int:
    """Size of the vocabulary; many when that cannot be told."""
    try:
        found: Any = msgspec.json.decode((folder / "vocabulary.json").read_bytes())
        return len(found)
    except (OSError, msgspec.DecodeError, TypeError):
        pass
    try:
        return len((folder / "vocabulary.txt").read_bytes().splitlines())
    except OSError:
        return _MULTILINGUAL_TOKENS
