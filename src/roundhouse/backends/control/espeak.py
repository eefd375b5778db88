"""The one speaker that this machine may have without a server: the program espeak-ng."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

from roundhouse.backends.control.listed import SPEAKS, refusal
from roundhouse.backends.speech.espeak import MODEL, PROGRAM
from roundhouse.core.errors import NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel


class EspeakControl:
    """`core.ports.ModelControl` for the kind `espeak`: one model where the program is installed, else none."""

    manages_memory = False
    can_pull = False

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._refusal = refusal(provider)

    async def models(self) -> list[ModelInfo]:
        """`espeak-ng`, if it is there."""
        return [ModelInfo(MODEL, operations=SPEAKS, family="espeak")] if shutil.which(PROGRAM) else []

    async def running(self) -> list[RunningModel]:
        """It is started for every text anew."""
        return []

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Raises NotSupported."""
        raise NotSupported(self._refusal)

    async def unload(self, model: str) -> None:
        """Raises NotSupported."""
        raise NotSupported(self._refusal)

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Raises NotSupported."""
        raise NotSupported(self._refusal)

    async def close(self) -> None:
        """Nothing is held."""
