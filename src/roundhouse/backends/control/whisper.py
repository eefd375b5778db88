"""What Whisper models there are on this machine, and their coming and going."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from roundhouse.backends.asr.hub import Hub, HubFile, HubModel
from roundhouse.backends.asr.whisper_models import (
    NEEDED,
    REPOSITORIES,
    UNFINISHED,
    WEIGHTS,
    WhisperModels,
    is_model,
)
from roundhouse.core.errors import ModelNotFound, NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel

_WANTED = (*NEEDED, "preprocessor_config.json", "vocabulary.json", "vocabulary.txt")
_ORIGIN = "origin.json"
_PARTIAL, _OLD = UNFINISHED
_PULL_TOTAL_S = 24 * 3600.0
_PULL_IDLE_S = 60.0


class _Origin(msgspec.Struct):
    """Where a folder's files come from; kept in it."""

    repository: str
    revision: str


class WhisperControl:
    """`core.ports.ModelControl` for the kind `whisper`; a model that is unloaded leaves with its process."""

    manages_memory = True
    can_pull = True

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = WhisperModels(provider, context)
        timeouts = msgspec.structs.replace(provider.timeouts, idle_s=_PULL_IDLE_S, total_s=_PULL_TOTAL_S)
        self._hub = Hub(context.http, self._models.options.hub_url, provider.key, timeouts)

    async def models(self) -> list[ModelInfo]:
        """Models in the folders."""
        return await asyncio.to_thread(self._models.every)

    async def running(self) -> list[RunningModel]:
        """Models whose process is there, by whichever of our processes it was started."""
        folders = await asyncio.to_thread(self._models.folders)
        states = await asyncio.gather(
            *(self._models.host(name, folder).look() for name, folder in folders.items())
        )
        return [
            RunningModel(name, vram_mib=state.vram_mib, ram_mib=state.ram_mib)
            for name, state in zip(folders, states, strict=True)
            if state is not None
        ]

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Start its process; the memory ledger ends it. Raises ModelNotFound, and what loading raises."""
        await self._models.host(model, await self._folder(model)).start()

    async def unload(self, model: str) -> None:
        """End its process; one that is not there is no error. Raises ModelNotFound."""
        await self._models.host(model, await self._folder(model)).stop()

    def offers(self, model: str) -> bool:
        """Whether a hub may have this model: a size, or `org/name`."""
        return self._models.offers(model)

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Download a size, or `org/name`, into `models/whisper` of the data folder.

        Raises:
            ModelNotFound: There is no such size, or the hub has no such model.
            NotSupported: It is no Whisper in the format of CTranslate2.
            BackendFailed: And its kin; another try goes on where this one ended.
            StorageFull: The disk is full.
        """
        if not self.offers(model):
            sizes = ", ".join(REPOSITORIES)
            raise ModelNotFound(f"No Whisper is called {model!r}: {sizes}, or org/name.", param="model")
        repository = REPOSITORIES.get(model, model)
        yield PullProgress("looking")
        found = await self._hub.model(repository)
        files = [one for one in found.files if one.name in _WANTED]
        missing = sorted(set(NEEDED) - {one.name for one in files})
        if missing:
            raise NotSupported(
                f"{repository} is no Whisper in the format of CTranslate2: it has no {', '.join(missing)}.",
                param="model",
            )
        home = self._models.home / model
        origin = _Origin(repository, found.revision)
        total = sum(one.size or 0 for one in files)
        if not await asyncio.to_thread(_is_here, home, origin):
            async for done in self._downloaded(home, origin, found, files):
                yield PullProgress("pulling", done, total)
        yield PullProgress("success", total, total)

    async def _downloaded(
        self, home: Path, origin: _Origin, found: HubModel, files: list[HubFile]
    ) -> AsyncGenerator[int, None]:
        partial = home.with_name(home.name + _PARTIAL)
        await asyncio.to_thread(_prepare, partial, origin)
        done = 0
        # The largest last: whatever is wrong with the small ones is known early.
        for file in sorted(files, key=lambda one: one.name == WEIGHTS):
            there = 0
            target = partial / file.name
            async for there in self._hub.download(origin.repository, found.revision, file, target):
                yield done + there
            done += there
        await asyncio.to_thread(_put_in_place, partial, home)

    async def _folder(self, model: str) -> Path:
        folders = await asyncio.to_thread(self._models.folders)
        if model not in folders:
            raise ModelNotFound(f"No Whisper model {model!r} is on this machine.", param="model")
        return folders[model]

    async def close(self) -> None:
        """Nothing is held; processes end with who started them."""


def _is_here(home: Path, origin: _Origin) -> bool:
    return is_model(home) and _read_origin(home) == origin


def _read_origin(folder: Path) -> _Origin | None:
    try:
        return msgspec.json.decode((folder / _ORIGIN).read_bytes(), type=_Origin)
    except (OSError, msgspec.DecodeError):
        return None


def _prepare(partial: Path, origin: _Origin) -> None:
    """A folder to download into; what came of another revision is thrown away."""
    if partial.exists() and _read_origin(partial) != origin:
        shutil.rmtree(partial)
    partial.mkdir(parents=True, exist_ok=True)
    (partial / _ORIGIN).write_bytes(msgspec.json.encode(origin))


def _put_in_place(partial: Path, home: Path) -> None:
    old = home.with_name(home.name + _OLD)
    if home.exists():
        if old.exists():
            shutil.rmtree(old)
        home.rename(old)
    partial.rename(home)
    if old.exists():
        shutil.rmtree(old)
