"""The coming and going of models that lie in folders of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.backends.hub import Hub, HubFile
from roundhouse.backends.model_folders import ModelFolders
from roundhouse.backends.weights import Origin, brought, origin_of
from roundhouse.core.errors import ModelNotFound
from roundhouse.core.hosting import ModelHost
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel

_PULL_TOTAL_S = 24 * 3600.0
_PULL_IDLE_S = 60.0


class FolderControl:
    """`core.ports.ModelControl` of models in folders; what is unloaded leaves with its process.

    Args:
        models: Which there are.
        provider: Whose they are; its key is the hub's token.
        context: For the way out.
    """

    manages_memory = True
    can_pull = True

    def __init__(self, models: ModelFolders[Any], provider: Provider, context: BackendContext) -> None:
        self._models = models
        self.default: str = models.options.model
        timeouts = msgspec.structs.replace(provider.timeouts, idle_s=_PULL_IDLE_S, total_s=_PULL_TOTAL_S)
        self._hub = Hub(context.http, models.options.hub_url, provider.key, timeouts)

    async def models(self) -> list[ModelInfo]:
        """Models in the folders; none while their environment is not there."""
        return await asyncio.to_thread(self._models.every)

    async def running(self) -> list[RunningModel]:
        """Models whose process is there, by whichever of our processes it was started."""
        hosts = await asyncio.to_thread(self._models.hosts)
        states = await asyncio.gather(*(host.look() for host in hosts.values()))
        return [
            RunningModel(name, vram_mib=state.vram_mib, ram_mib=state.ram_mib)
            for name, state in zip(hosts, states, strict=True)
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
        """What must be known before it is brought here; empty = a request may begin the download."""
        return self._models.terms(model)

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        """Build the environment, where there is to be one, and download a model into the data folder.

        One that lies in a folder, and did not come from a hub, is taken from there.

        Raises:
            ModelNotFound: There is no such model.
            NotSupported: It is no model of this kind.
            EnvironmentFailed: The environment could not be built.
            BackendFailed: And its kin; another try goes on where this one ended.
            StorageFull: The disk is full.
        """
        models = self._models
        if not await asyncio.to_thread(models.offers, model):
            names = ", ".join(models.repositories)
            raise ModelNotFound(
                f"No {models.title} is called {model!r}: {names}, or org/name.", param="model"
            )
        yield PullProgress("looking")
        folder = (await asyncio.to_thread(models.folders)).get(model)
        ready = await asyncio.to_thread(models.is_ready)
        files: list[HubFile] = []
        origin: Origin | None = None
        if folder is None or (ready and origin_of(folder) is not None):
            repository = models.repositories.get(model, model)
            found = await self._hub.model(repository)
            files = models.wanted(found, repository)
            origin = Origin(repository, found.revision, found.licence)
            if models.terms(model):
                yield PullProgress(f"licence of its weights: {origin.licence or 'the hub tells none'}")
        async for step in models.made_ready():
            yield PullProgress(f"environment: {step}")
        total = sum(one.size or 0 for one in files)
        home = models.home / model
        if origin is not None and not await asyncio.to_thread(self._is_here, home, origin):
            async for done in brought(self._hub, home, origin, files):
                yield PullProgress("pulling", done, total)
        yield PullProgress("success", total, total, "" if origin is None else origin.licence)

    async def close(self) -> None:
        """Nothing is held; processes end with who started them."""

    async def _host(self, model: str) -> ModelHost:
        found = (await asyncio.to_thread(self._models.hosts)).get(model)
        if found is None:
            raise ModelNotFound(f"No {self._models.title} {model!r} is on this machine.", param="model")
        return found

    def _is_here(self, home: Path, origin: Origin) -> bool:
        there = origin_of(home)
        return self._models.is_model(home) and there is not None and there.revision == origin.revision
