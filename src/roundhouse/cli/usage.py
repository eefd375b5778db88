"""`roundhouse usage`: who used what."""

from __future__ import annotations

from typing import Annotated

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import AsJson, talks
from roundhouse.cli.terminal import show_json, show_table


@talks
def usage(
    client: Client,
    *,
    group_by: Annotated[str, typer.Option(help="`key`, `model`, `site`, `user` or `day`.")] = "key",
    from_: Annotated[str | None, typer.Option("--from", help="RFC 3339 time or date, included.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="RFC 3339 time or date, excluded.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show requests, tokens, seconds of sound and cost by key, model, site, user or day."""
    found = client.pages("/v1/usage", group_by=group_by, from_=from_, to=to)
    if as_json:
        show_json({"object": "list", "data": found})
        return
    columns = (group_by, "requests", "errors", "from cache", "prompt", "completion", "sound, s", "US dollars")
    rows = [
        (
            one["group"],
            one["requests"],
            one["errors"],
            one["cache_hits"],
            one["prompt_tokens"],
            one["completion_tokens"],
            f"{one['audio_s']:.0f}",
            f"{one['cost_usd']:.4f}",
        )
        for one in found
    ]
    show_table(columns, rows, empty="No usage.")
