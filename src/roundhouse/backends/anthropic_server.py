"""Where a provider of kind `anthropic` is reached.

Source:
    Claude API documentation, platform.claude.com/docs (2026-11): headers, versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.core.types import Provider

DEFAULT_URL = "https://api.anthropic.com"


class AnthropicOptions(msgspec.Struct, frozen=True):
    """What an operator may set for a provider of kind `anthropic`.

    Attributes:
        version: Header `anthropic-version`. From 2026-10-21 on the API takes no sampling fields at all.
        max_tokens: Limit of an answer when the client sets none; the API demands one.
        sampling: What to do with temperature, top_p and top_k, which newer models refuse: `auto` leaves out what a
            model has refused once, `send` never, `drop` always.
        thinking: The API's `thinking` object for requests that bring none, e.g. `{"type": "adaptive"}`.
        beta: Header `anthropic-beta`.
    """

    version: str = "2023-06-01"
    max_tokens: int = 8192
    sampling: Literal["auto", "send", "drop"] = "auto"
    thinking: dict[str, Any] | None = None
    beta: str | None = None


def read_options(options: Mapping[str, Any]) -> AnthropicOptions:
    """The provider's options.

    Raises:
        BadInput: One of them has the wrong type.
    """
    try:
        return msgspec.convert(dict(options), AnthropicOptions)
    except msgspec.ValidationError as error:
        raise BadInput(f"The provider's options: {error}", param="options") from None


def server_url(provider: Provider) -> str:
    """Its address without `/v1`."""
    return (provider.url or DEFAULT_URL).rstrip("/").removesuffix("/v1")


def server_headers(provider: Provider, options: AnthropicOptions) -> dict[str, str]:
    """Headers of each call."""
    headers = {"content-type": "application/json", "anthropic-version": options.version}
    if options.beta:
        headers["anthropic-beta"] = options.beta
    if provider.key:
        headers["x-api-key"] = provider.key
    return {**headers, **{name.lower(): value for name, value in provider.headers.items()}}
