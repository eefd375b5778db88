"""What ChunkFormer models there are on this machine, and their coming and going."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from roundhouse.backends.asr.chunkformer_models import (
    CONFIG,
    MEANS,
    REPOSITORIES,
    VOCABULARY,
    WEIGHTS,
    ChunkFormerModels,
    is_model,
)
from roundhouse.backends.asr.hub import Hub, HubFile, HubModel
from roundhouse.backends.asr.weights import Origin, brought, origin_of
from roundhouse.core.errors import ModelNotFound, NotSupported
from roundhouse.core.hosting import ModelHost
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel

_PULL_TOTAL_S = 24 * 3600.0
_PULL_IDLE_S = 60.0


class ChunkFormerControl:
    """`core.ports.ModelControl` for the kind `chunkformer`; a model that is unloaded leaves with its process."""

    manages_memory = True
    can_pull = True

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = ChunkFormerModels(provider, context)
        self.default = self._models.options.model
        timeouts = msgspec.structs.replace(provider.timeouts, idle_s=_PULL_IDLE_S, total_s=_PULL_TOTAL_S)
        self._hub = Hub(context.http, self._models.options.hub_url, provider.key, timeouts)

    async def models(self) -> list[ModelInfo]:
        """Models in the folders; none while the environment is not there."""
        return await asyncio.to_thread(self._models.every)

    async def running(self) -> list[RunningModel]:
        """Models whose process is there, by whichever of our processes it was started."""
        interpreter = await asyncio.to_thread(self._models.interpreter)
        if interpreter is None:
            return []
        folders = await asyncio.to_thread(self._models.folders)
        states = await asyncio.gather(
            *(self._models.host_in(name, folder, interpreter).look() for name, folder in folders.items())
        )
        return [
            RunningModel(name, vram_mib=state.vram_mib, ram_mib=state.ram_mib)
            for name, state in zip(folders, states, strict=True)
            if state is not None
        ]

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Start its process; the memory ledger ends it. Raises ModelNotFound, and what loading raises."""
        await (await self._host(model)).start()

    async def unload(self, model: str) -> None:
        """End its process; one that is not there is no error. Raises ModelNotFound."""
        await (await self._host(model)).stop()

    def offers(self, model: str) -> bool:
        """Whether it is in a folder, or a hub may have it: a short name, or `org/name`."""
        return self._models.offers(model)

    def terms(self, model: str) -> str:
        """What must be known before it is brought here."""
        return self._models.terms(model)

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Build the environment and download a model into `models/chunkformer` of the data folder.

        One that lies in a folder of the operator's is taken from there.

        Raises:
            ModelNotFound: There is no such model.
            NotSupported: It is no ChunkFormer.
            EnvironmentFailed: The environment could not be built.
            BackendFailed: And its kin; another try goes on where this one ended.
            StorageFull: The disk is full.
        """
        if not await asyncio.to_thread(self._models.offers, model):
            names = ", ".join(REPOSITORIES)
            raise ModelNotFound(f"No ChunkFormer is called {model!r}: {names}, or org/name.", param="model")
        yield PullProgress("looking")
        folder = (await asyncio.to_thread(self._models.folders)).get(model)
        ready = await asyncio.to_thread(self._models.interpreter) is not None
        found: HubModel | None = None
        licence = ""
        if folder is None or (ready and origin_of(folder) is not None):
            repository = REPOSITORIES.get(model, model)
            found = await self._hub.model(repository)
            licence = found.licence
            yield PullProgress(f"licence of its weights: {licence or 'the hub tells none'}")
        if self._models.options.python is None:
            async for step in self._models.environment.build():
                yield PullProgress(f"environment: {step}")
        elif not ready:
            raise NotSupported(f"asr.chunkformer_python: there is no {self._models.options.python}.")
        total = 0
        if found is not None:
            files = _files(found, repository)
            total = sum(one.size or 0 for one in files)
            origin = Origin(repository, found.revision, licence)
            home = self._models.home / model
            if not await asyncio.to_thread(_is_here, home, origin):
                async for done in brought(self._hub, home, origin, files):
                    yield PullProgress("pulling", done, total)
        yield PullProgress("success", total, total, licence)

    async def _host(self, model: str) -> ModelHost:
        folders = await asyncio.to_thread(self._models.folders)
        interpreter = await asyncio.to_thread(self._models.interpreter)
        if model not in folders or interpreter is None:
            raise ModelNotFound(f"No ChunkFormer model {model!r} is on this machine.", param="model")
        return self._models.host_in(model, folders[model], interpreter)

    async def close(self) -> None:
        """Nothing is held; processes end with who started them."""


def _files(found: HubModel, repository: str) -> list[HubFile]:
    """What is needed of a model; raises NotSupported when it is no ChunkFormer."""
    there = {one.name: one for one in found.files}
    weights = next((name for name in WEIGHTS if name in there), WEIGHTS[0])
    missing = sorted({CONFIG, VOCABULARY, weights} - there.keys())
    if missing:
        raise NotSupported(f"{repository} is no ChunkFormer: it has no {', '.join(missing)}.", param="model")
    return [there[name] for name in (CONFIG, VOCABULARY, MEANS, weights) if name in there]


def _is_here(home: Path, origin: Origin) -> bool:
    there = origin_of(home)
    return is_model(home) and there is not None and there.revision == origin.revision
