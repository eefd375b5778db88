"""A vLLM server: it lists its models as OpenAI does, and can be put to sleep to free the card.

Sleep mode exists only when the server was started with `--enable-sleep-mode` and `VLLM_SERVER_DEV_MODE=1`; the
option `sleep` says so. A vLLM sleeps and wakes as a whole, with all that it serves.

Source:
    vLLM documentation, Sleep Mode (2026): `/sleep?level=`, `/wake_up`, `/is_sleeping`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from roundhouse.backends.answers import reader_of
from roundhouse.backends.control.openai_compat import OpenAIControl
from roundhouse.backends.openai_provider import provider_url, read_options, request_headers
from roundhouse.core.errors import BackendBadAnswer, BackendRefused, ModelNotFound, NotSupported
from roundhouse.core.ports import BackendContext, Endpoint
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel


class _Sleeping(msgspec.Struct):
    is_sleeping: bool


class VllmControl:
    """`core.ports.ModelControl` for the kind `vllm`; options: `OpenAIOptions.sleep`."""

    can_pull = False

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        options = read_options(provider)
        self._provider = provider
        self._reader = reader_of(provider, context.clock)
        self._openai = OpenAIControl(provider, context)
        self.manages_memory = options.sleep
        root = provider_url(provider).removesuffix("/v1")
        headers = request_headers(provider, options)
        self._is_sleeping = context.http.endpoint("GET", f"{root}/is_sleeping", headers)
        self._wake_up = context.http.endpoint("POST", f"{root}/wake_up", headers)
        # Level 1 keeps the weights in RAM; after level 2 they would have to be loaded by another call.
        self._sleep = context.http.endpoint("POST", f"{root}/sleep?level=1", headers)

    async def models(self) -> list[ModelInfo]:
        """Models that it serves; see `OpenAIControl.models`."""
        return await self._openai.models()

    async def running(self) -> list[RunningModel]:
        """All models that it serves, none while it sleeps; how much memory they hold it does not tell.

        Raises:
            BackendFailed: And its kin.
        """
        if self.manages_memory and await self._asleep():
            return []
        return [RunningModel(model.id) for model in await self._openai.models()]

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Wake the server up; it stays awake until told otherwise.

        Raises:
            ModelNotFound: It does not serve this model.
            NotSupported: It has no sleep mode.
            BackendFailed: And its kin.
        """
        await self._require(model)
        if await self._asleep():
            await self._call(self._wake_up)

    async def unload(self, model: str) -> None:
        """Put the server to sleep, which frees the memory of its models and their caches.

        Raises:
            ModelNotFound: It does not serve this model.
            NotSupported: It has no sleep mode.
            BackendFailed: And its kin.
        """
        await self._require(model)
        if not await self._asleep():
            await self._call(self._sleep)

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Raises NotSupported."""
        return self._openai.pull(model)

    async def close(self) -> None:
        """Nothing is held; the connections belong to the context's client."""

    async def _require(self, model: str) -> None:
        if not self.manages_memory:
            raise NotSupported(
                f"Provider {self._provider.name} can be loaded and unloaded only when its vLLM runs with "
                "--enable-sleep-mode and VLLM_SERVER_DEV_MODE=1 and the option sleep is set."
            )
        if all(served.id != model for served in await self._openai.models()):
            raise ModelNotFound(f"Provider {self._provider.name} does not serve {model!r}.", param="model")

    async def _asleep(self) -> bool:
        body = await self._call(self._is_sleeping)
        try:
            return msgspec.json.decode(body, type=_Sleeping).is_sleeping
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BackendBadAnswer("The vLLM server does not say whether it sleeps.") from None

    async def _call(self, endpoint: Endpoint) -> bytes:
        try:
            return await self._reader.collect(await endpoint.send(timeouts=self._provider.timeouts))
        except BackendRefused as error:
            if error.status in (404, 405):
                raise NotSupported(
                    f"The vLLM of provider {self._provider.name} runs without sleep mode: start it with "
                    "--enable-sleep-mode and VLLM_SERVER_DEV_MODE=1."
                ) from error
            raise
