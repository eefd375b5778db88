"""Where an MCP server is, and which of its tools is meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput

MOST_ANSWER_BYTES = 64 * 1024 * 1024


class McpEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `endpoint` of a capability whose transport is `mcp`: one of `url` and `server`.

    Attributes:
        url: http(s) URL of the server.
        server: Name of a program of the settings.
        tool: Name of the tool there; empty while it is asked what tools there are.
        digest: Of the tool as it was approved; empty = whatever it is.
        answer_limit_bytes: Largest answer.
    """

    url: str = ""
    server: str = ""
    tool: str = ""
    digest: str = ""
    answer_limit_bytes: int = 4 * 1024 * 1024


def read_endpoint(given: Mapping[str, Any]) -> McpEndpoint:
    """The endpoint as it is kept in a capability; raises BadInput."""
    try:
        endpoint = msgspec.convert(dict(given), McpEndpoint)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        field = place.strip("`").lstrip(".")
        raise BadInput(f"The endpoint: {what}.", param=f"endpoint.{field}".rstrip(".")) from None
    if bool(endpoint.url) == bool(endpoint.server):
        raise BadInput("An MCP server has a `url`, or is a `server` of the settings.", param="endpoint.url")
    if not 1024 <= endpoint.answer_limit_bytes <= MOST_ANSWER_BYTES:
        raise BadInput(
            f"answer_limit_bytes must be between 1024 and {MOST_ANSWER_BYTES}.",
            param="endpoint.answer_limit_bytes",
        )
    return endpoint
