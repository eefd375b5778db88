"""Whisper models in folders of this machine: which there are, what each is, and what its process is told.

A model is a folder with weights in the format of CTranslate2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from roundhouse.backends.hub import HubFile, HubModel
from roundhouse.backends.model_folders import FolderOptions, ModelFolders
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

_WANTED = (*NEEDED, "preprocessor_config.json", "vocabulary.json", "vocabulary.txt")
_MULTILINGUAL_TOKENS = 51_865
# They were made from Whisper without its translating.
_NOT_TRANSLATING = ("turbo", "distil")


class WhisperOptions(FolderOptions, frozen=True):
    """`provider.options` of the kind `whisper`; the settings section `asr` tells what each means."""

    model: str = "small"
    compute_type: str = "default"
    beam_size: int = 5
    batch_size: int = 8
    batched_from_s: float = 90.0


class WhisperModels(ModelFolders[WhisperOptions]):
    """The models of one provider.

    Args:
        provider: Of the kind `whisper`.
        context: For the data folder and the processes.
    """

    family = "whisper"
    title = "Whisper"
    layout = "Whisper in the format of CTranslate2"
    process = "roundhouse.backends.asr.whisper_host:WhisperHost"
    repositories = REPOSITORIES

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        super().__init__(provider, context, WhisperOptions)

    def argument(self) -> dict[str, Any]:
        """What its numbers are stored as."""
        return {"compute_type": self.options.compute_type}

    def weights_in(self, folder: Path) -> Path | None:
        """The weights, where all else that is needed is there."""
        return folder / WEIGHTS if all((folder / name).is_file() for name in NEEDED) else None

    def describe(self, name: str, folder: Path) -> ModelInfo:
        """Languages by the size of its vocabulary; whether it translates by its name."""
        english = name.endswith(".en") or _tokens(folder) < _MULTILINGUAL_TOKENS
        operations: tuple[Operation, ...] = ("transcriptions",)
        if translates(name) and not english:
            operations += ("translations",)
        return ModelInfo(name, operations=operations, inputs=("audio",), languages=("en",) if english else ())

    def files_of(self, found: HubModel) -> tuple[list[HubFile], set[str]]:
        """All that the library reads."""
        wanted = [one for one in found.files if one.name in _WANTED]
        return wanted, set(NEEDED) - {one.name for one in wanted}


def translates(model: str) -> bool:
    """Whether a model of this name was trained to translate into English."""
    return not model.endswith(".en") and not any(part in model.lower() for part in _NOT_TRANSLATING)


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
