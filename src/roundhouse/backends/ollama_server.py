"""Where a provider of kind `ollama` is reached."""

from __future__ import annotations

from roundhouse.core.types import Provider

DEFAULT_URL = "http://127.0.0.1:11434"


def server_url(provider: Provider) -> str:
    """Its address without `/api` or `/v1`, which people add out of habit."""
    url = (provider.url or DEFAULT_URL).rstrip("/")
    for suffix in ("/v1", "/api"):
        url = url.removesuffix(suffix)
    return url


def server_headers(provider: Provider) -> dict[str, str]:
    """Headers of each call; a key is for an Ollama behind a proxy, or Ollama's cloud."""
    headers = {"content-type": "application/json", "accept": "application/json"}
    if provider.key:
        headers["authorization"] = f"Bearer {provider.key}"
    return {**headers, **{name.lower(): value for name, value in provider.headers.items()}}
