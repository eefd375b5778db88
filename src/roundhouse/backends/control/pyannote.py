"""The coming and going of the pipeline that tells speakers apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from roundhouse.backends.diarization.pyannote_models import PyannoteModels
from roundhouse.core.errors import ModelNotFound, NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel


class PyannoteControl:
    """`core.ports.ModelControl` for the kind `pyannote`; what is unloaded leaves with its process."""

    manages_memory = True
    can_pull = False

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = PyannoteModels(provider, context)

    async def models(self) -> list[ModelInfo]:
        """The one of the settings, if it can be used here."""
        return await asyncio.to_thread(self._models.every)

    async def running(self) -> list[RunningModel]:
        """The same, if its process is there."""
        found = []
        for one in await self.models():
            state = await self._models.host(one.id).look()
            if state is not None:
                found.append(RunningModel(one.id, vram_mib=state.vram_mib, ram_mib=state.ram_mib))
        return found

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Start its process; the memory ledger ends it. Raises ModelNotFound, and what loading raises."""
        await self._known(model)
        await self._models.host(model).start()

    async def unload(self, model: str) -> None:
        """End its process; one that is not there is no error. Raises ModelNotFound."""
        await self._known(model)
        await self._models.host(model).stop()

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Raises NotSupported: it comes by itself at its first use."""
        raise NotSupported("The pipeline comes at its first use, or lies in a folder.")

    async def close(self) -> None:
        """Nothing is held; processes end with who started them."""

    async def _known(self, model: str) -> None:
        if model not in [one.id for one in await self.models()]:
            raise ModelNotFound(f"No pipeline {model!r} is on this machine.", param="model")
