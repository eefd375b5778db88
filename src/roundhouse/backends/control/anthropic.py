"""Models that Anthropic serves; it has no memory of ours to manage.

Source:
    Claude API reference, platform.claude.com/docs/en/api/models-list (2026-11): paging, model object.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from roundhouse.backends.anthropic_server import read_options, server_headers, server_url
from roundhouse.backends.translated import VendorCalls
from roundhouse.core.errors import BackendBadAnswer, NotSupported
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import ModelInfo, Provider, PullProgress, RunningModel

_PAGE = 1000
_MAX_PAGES = 20


class _Support(msgspec.Struct):
    supported: bool = False


class _Capabilities(msgspec.Struct):
    image_input: _Support | None = None


class _Model(msgspec.Struct):
    id: str
    created_at: str | None = None
    max_input_tokens: int | None = None
    capabilities: _Capabilities | None = None


class _Page(msgspec.Struct):
    data: list[_Model]
    has_more: bool = False
    last_id: str | None = None


_decode_page = msgspec.json.Decoder(_Page).decode


class AnthropicControl:
    """`core.ports.ModelControl` for a provider of kind `anthropic`."""

    manages_memory = False
    can_pull = False

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._provider = provider
        self._http = context.http
        self._calls = VendorCalls(provider, context)
        self._headers = server_headers(provider, read_options(provider.options))

    async def models(self) -> list[ModelInfo]:
        """Models that the key may use, page by page."""
        found: list[ModelInfo] = []
        after: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self._page(after)
            found += [_info(model) for model in page.data]
            if not page.has_more or not page.last_id:
                return found
            after = page.last_id
        raise BackendBadAnswer("Anthropic's list of models does not end.")

    async def running(self) -> list[RunningModel]:
        """None: its memory is not ours."""
        return []

    async def load(self, model: str, *, keep_alive_s: float | None = None) -> None:
        """Raises NotSupported."""
        raise NotSupported("Anthropic's models are always loaded.", param="model")

    async def unload(self, model: str) -> None:
        """Raises NotSupported."""
        raise NotSupported("Anthropic's models cannot be unloaded.", param="model")

    def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Raises NotSupported."""
        raise NotSupported("Anthropic's models cannot be downloaded.", param="model")

    async def close(self) -> None:
        """Nothing is held."""

    async def _page(self, after: str | None) -> _Page:
        query: dict[str, str | int] = {"limit": _PAGE}
        if after is not None:
            query["after_id"] = after
        url = f"{server_url(self._provider)}/v1/models?{urlencode(query)}"
        endpoint = self._http.endpoint("GET", url, self._headers)
        page: _Page = await self._calls.decoded(endpoint, b"", _decode_page)
        return page


def _info(model: _Model) -> ModelInfo:
    capabilities = model.capabilities
    # A list that tells no capabilities is of an older API, whose models all take images.
    images = capabilities is None or (
        capabilities.image_input is not None and capabilities.image_input.supported
    )
    return ModelInfo(
        id=model.id,
        operations=("chat", "completions"),
        inputs=("image",) if images else (),
        context_tokens=model.max_input_tokens,
        family="claude",
        tools=True,
        created_s=_unix_s(model.created_at),
    )


def _unix_s(text: str | None) -> int:
    try:
        return int(datetime.fromisoformat(text or "").timestamp())
    except (ValueError, OverflowError):
        return 0
