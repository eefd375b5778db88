"""What Whisper models there are on this machine, and their coming and going."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from roundhouse.backends.asr.hub import Hub
from roundhouse.backends.asr.weights import Origin, brought, origin_of
from roundhouse.backends.asr.whisper_models import NEEDED, REPOSITORIES, WhisperModels, is_model
from roundhouse.core.errors import ModelNotFound, NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel

_WANTED = (*NEEDED, "preprocessor_config.json", "vocabulary.json", "vocabulary.txt")
_PULL_TOTAL_S = 24 * 3600.0
_PULL_IDLE_S = 60.0


class WhisperControl:
    """`core.ports.ModelControl` for the kind `whisper`; a model that is unloaded leaves with its process."""

    manages_memory = True
    can_pull = True

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = WhisperModels(provider, context)
        self.default = self._models.options.model
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

    def terms(self, model: str) -> str:
        """Nothing must be agreed to: a request may begin the download."""
        return ""

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
        origin = Origin(repository, found.revision, found.licence)
        total = sum(one.size or 0 for one in files)
        if not await asyncio.to_thread(_is_here, home, origin):
            async for done in brought(self._hub, home, origin, files):
                yield PullProgress("pulling", done, total)
        yield PullProgress("success", total, total, found.licence)

    async def _folder(self, model: str) -> Path:
        folders = await asyncio.to_thread(self._models.folders)
        if model not in folders:
            raise ModelNotFound(f"No Whisper model {model!r} is on this machine.", param="model")
        return folders[model]

    async def close(self) -> None:
        """Nothing is held; processes end with who started them."""


def _is_here(home: Path, origin: Origin) -> bool:
    there = origin_of(home)
    return is_model(home) and there is not None and there.revision == origin.revision
