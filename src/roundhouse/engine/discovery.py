"""Looks for model servers on this machine: Ollama, vLLM, llama.cpp, LM Studio, anything OpenAI-compatible.

Source:
    Ollama API docs (2026-11): GET /api/version. vLLM, llama.cpp server and LM Studio answer GET /v1/models and
    name themselves in `owned_by`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Http
from roundhouse.core.types import Provider, Timeouts

_TIMEOUTS = Timeouts(connect_s=0.5, first_byte_s=1.0, idle_s=1.0, total_s=2.0)
_OWNERS = {
    "vllm": "vllm",
    "llamacpp": "llamacpp",
    "organization_owner": "lmstudio",
    "organization-owner": "lmstudio",
}


async def discover(http: Http, urls: Sequence[str]) -> list[Provider]:
    """Ask each address who it is; silent ones are left out.

    Args:
        http: Outgoing HTTP.
        urls: Roots such as `http://127.0.0.1:11434`.

    Returns:
        Providers named after what they are; a second one of a kind gets its port in the name.
    """
    found = await asyncio.gather(*(_identify(http, url.rstrip("/")) for url in urls))
    providers: list[Provider] = []
    for provider in found:
        if provider is None:
            continue
        if any(other.name == provider.name for other in providers):
            port = provider.url.removesuffix("/v1").rpartition(":")[2]
            provider = msgspec.structs.replace(provider, name=f"{provider.name}-{port}")
        providers.append(provider)
    return providers


async def _identify(http: Http, url: str) -> Provider | None:
    version = await _json(http, f"{url}/api/version")
    if isinstance(version, dict) and "version" in version:
        return Provider(name="ollama", kind="ollama", url=url)
    listing = await _json(http, f"{url}/v1/models")
    if not isinstance(listing, dict) or not isinstance(listing.get("data"), list):
        return None
    owners = {model.get("owned_by") for model in listing["data"] if isinstance(model, dict)}
    if "roundhouse" in owners:
        return None
    name = next((_OWNERS[owner] for owner in owners if owner in _OWNERS), "local")
    return Provider(name=name, kind="vllm" if name == "vllm" else "openai", url=f"{url}/v1")


async def _json(http: Http, url: str) -> Any:
    """The JSON of an address, None when there is none."""
    try:
        answer = await http.endpoint("GET", url).send(timeouts=_TIMEOUTS)
        body = await answer.read(1024 * 1024)
    except RoundhouseError:
        return None
    if answer.status != 200:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
