"""The pipeline of pyannote.audio that the settings name: whether it can be had here, and its process."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import msgspec

from roundhouse.core.errors import BadInput, DiarizationUnavailable
from roundhouse.core.hosting import ModelHost
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider

_HOST = "roundhouse.backends.diarization.pyannote_host:PyannoteHost"
_CONFIG = "config.yaml"
_MIB = 1024 * 1024
# Its networks are small; PyTorch around them is not.
_SIZE_BYTES = 400 * _MIB


class PyannoteOptions(msgspec.Struct, frozen=True):
    """`provider.options` of the kind `pyannote`; the settings section `diarization` tells what each means."""

    model: str = ""
    device: str = "auto"


class PyannoteModels:
    """The one model of a provider.

    Args:
        provider: Of the kind `pyannote`; its key is the hub's token.
        context: For the data folder and the processes.

    Raises:
        BadInput: An option has the wrong type.
    """

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        try:
            self._options = msgspec.convert(provider.options, PyannoteOptions)
        except msgspec.ValidationError as error:
            raise BadInput(f"options of provider {provider.name}: {error}", param="options") from None
        self._provider = provider
        self._hosts = context.hosts
        self._cache = context.data_dir / "models" / "pyannote"

    @property
    def name(self) -> str:
        """What the model is called: the last part of its path, or of its name at the hub."""
        return Path(self._options.model).name

    def every(self) -> list[ModelInfo]:
        """The model, if it can be used here; reads the disk."""
        if self._lack() is not None:
            return []
        return [
            ModelInfo(
                self.name,
                operations=("diarization",),
                inputs=("audio",),
                size_bytes=_SIZE_BYTES,
                family="pyannote",
            )
        ]

    def host(self, model: str) -> ModelHost:
        """The process of the model; raises DiarizationUnavailable."""
        lack = self._lack() if model == self.name else f"There is no {model!r} here."
        if lack is not None:
            raise DiarizationUnavailable(lack, param="model")
        argument = {
            "name": f"{self._provider.name}/{model}",
            "source": str(self._folder() or self._options.model),
            "token": self._provider.key,
            "cache": str(self._cache),
            "device": self._options.device,
        }
        return self._hosts.host(f"{self._provider.name}-{model}", _HOST, argument)

    def _lack(self) -> str | None:
        """What is missing; None = nothing."""
        if not _has_library():
            return "Telling speakers apart needs pyannote.audio: pip install 'roundhouse[diarization]'"
        if self._folder() is not None or self._provider.key or self._is_cached():
            return None
        return (
            f"{self._options.model} is not on this machine, and the hub gives it to those alone who accepted its "
            "conditions: set diarization.token, or diarization.model to a folder."
        )

    def _folder(self) -> Path | None:
        folder = Path(self._options.model).expanduser()
        return folder.resolve() if (folder / _CONFIG).is_file() else None

    def _is_cached(self) -> bool:
        """Whether the hub's library keeps it already, in its own way."""
        kept = self._cache / f"models--{self._options.model.replace('/', '--')}" / "snapshots"
        return kept.is_dir() and any(kept.glob(f"*/{_CONFIG}"))


def _has_library() -> bool:
    try:
        return importlib.util.find_spec("pyannote.audio") is not None
    except ModuleNotFoundError:
        return False
