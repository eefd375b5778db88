"""`roundhouse webhooks …`: who is told of events, and how it is taken."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import AsJson, talks
from roundhouse.cli.exits import FAILED
from roundhouse.cli.terminal import clean, good, say, show_json, show_table

commands = typer.Typer(help="Events that are sent to others.", no_args_is_help=True)

WebhookId = Annotated[str, typer.Argument(help="The webhook's id, `whk_…`.")]
_COLUMNS = ("webhook", "address", "events", "state", "waiting", "given up")


@commands.command("ls")
@talks
def list_webhooks(client: Client, *, as_json: AsJson = False) -> None:
    """Show all webhooks of the site, oldest first."""
    found = client.pages("/v1/webhooks", limit=100)
    if as_json:
        show_json({"object": "list", "data": found})
        return
    rows = [
        (
            one["id"],
            one["url"] or "(single tasks)",
            ", ".join(one["events"]),
            _state(one),
            one["pending"],
            one["failed"],
        )
        for one in found
    ]
    show_table(_COLUMNS, rows, empty="No webhook.")


@commands.command("test")
@talks
def try_webhook(
    client: Client,
    webhook_id: WebhookId,
    *,
    wait: Annotated[float, typer.Option(help="Seconds that the try is waited for.", min=0, max=30)] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Send `webhook.test` now; exit code 1 when it is not taken."""
    tried = client.call("POST", f"/v1/webhooks/{quote(webhook_id, safe='')}/test?wait={wait}")
    if as_json:
        show_json(tried)
    else:
        say(_told(tried), err=tried["state"] != "delivered")
    if tried["state"] != "delivered":
        raise typer.Exit(FAILED)


@commands.command("deliveries")
@talks
def list_deliveries(
    client: Client,
    webhook_id: WebhookId,
    *,
    state: Annotated[
        str | None, typer.Option(help="Only those that are `pending`, `delivered`, `failed` or `gone`.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Most of them.", min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what was sent to a webhook and how it was taken, newest first."""
    path = f"/v1/webhooks/{quote(webhook_id, safe='')}/deliveries"
    answer = client.get(path, limit=limit, state=state)
    if as_json:
        show_json(answer)
        return
    rows = [
        (one["created_at"], one["event_type"], one["subject"], one["state"], one["attempts"], _last(one))
        for one in answer["data"]
    ]
    show_table(("at", "event", "of", "state", "tries", "last answer"), rows, empty="Nothing was sent.")


def _state(webhook: dict[str, Any]) -> str:
    if not webhook["enabled"]:
        return f"off: {webhook['disabled_reason']}" if webhook["disabled_reason"] else "off"
    return "failing" if webhook["failing_since"] else "on"


def _last(delivery: dict[str, Any]) -> str:
    if not delivery["tries"]:
        return ""
    last = delivery["tries"][-1]
    return f"{last['status'] or last['error']} in {last['ms']} ms"


def _told(tried: dict[str, Any]) -> str:
    if tried["state"] == "delivered":
        return f"{good('taken')}: {_last(tried)}"
    if not tried["tries"]:
        return "It was not sent yet: is there an executor?"
    last = tried["tries"][-1]
    return f"not taken: {_last(tried)}. {clean(last['detail'])}"
