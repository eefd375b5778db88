"""`roundhouse keys …`: API keys of a running server."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import AsJson, Config, DataDir, first_key, read_settings, talks
from roundhouse.cli.exits import USAGE, Stop
from roundhouse.cli.terminal import clean, faint, good, say, show_json, show_table

commands = typer.Typer(help="API keys: make, list, replace, revoke.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(help="The key's id (`key_…`), as `keys ls` shows it.")]
Many = list[str] | None
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@commands.command()
@talks
def create(
    client: Client,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    *,
    scope: Annotated[Many, typer.Option(help="What it may do; repeatable. (default: inference)")] = None,
    model: Annotated[Many, typer.Option(help="Pattern of models it may use; repeatable.")] = None,
    route: Annotated[Many, typer.Option(help="Pattern of paths it may call; repeatable.")] = None,
    site: Annotated[str | None, typer.Option(help="Tenant; the caller's own by default.")] = None,
    user: Annotated[str | None, typer.Option(help="User it stands for.")] = None,
    app: Annotated[str | None, typer.Option(help="App it stands for.")] = None,
    expires_in: Annotated[str | None, typer.Option(help="Time until it ends: 12h, 30d, 8w.")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1)] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(min=1)] = None,
    concurrent_requests: Annotated[int | None, typer.Option(min=1)] = None,
    budget_usd: Annotated[float | None, typer.Option(min=0)] = None,
    budget_tokens: Annotated[int | None, typer.Option(min=1)] = None,
    budget_period: Annotated[str | None, typer.Option(help="`day`, `month` or `total`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    body = {
        "name": name,
        "scopes": scope,
        "models": model,
        "routes": route,
        "site_id": site,
        "user_id": user,
        "app_id": app,
        "expires_at": _moment(expires_in) if expires_in else None,
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "concurrent_requests": concurrent_requests,
        "budget_usd": budget_usd,
        "budget_tokens": budget_tokens,
        "budget_period": budget_period,
    }
    given = {field: value for field, value in body.items() if value is not None}
    _show_new(client.call("POST", "/v1/keys", given), as_json)


@commands.command("ls")
@talks
def list_keys(client: Client, *, as_json: AsJson = False) -> None:
    """Show the keys the caller can see, newest first; never the keys themselves."""
    found = client.pages("/v1/keys", limit=100)
    if as_json:
        show_json({"object": "list", "data": found})
        return
    rows = [
        (key["id"], key["name"], key["scopes"], key["site_id"], _state(key), key["last_used_at"])
        for key in found
    ]
    show_table(("id", "name", "scopes", "site", "state", "last used"), rows, empty="No key.")


@commands.command()
@talks
def revoke(client: Client, key_id: KeyId) -> None:
    """End a key now, in every process within a second."""
    client.call("DELETE", f"/v1/keys/{quote(key_id, safe='')}")
    say(f"{good('revoked')} {clean(key_id)}")


@commands.command()
@talks
def rotate(
    client: Client,
    key_id: KeyId,
    *,
    overlap: Annotated[str, typer.Option(help="The old key works this much longer: 0m, 1h, 7d.")] = "1h",
    as_json: AsJson = False,
) -> None:
    """Replace a key by a new one of the same rights, and print it, this once."""
    body = {"overlap_s": int(_span(overlap, "--overlap").total_seconds())}
    _show_new(client.call("POST", f"/v1/keys/{quote(key_id, safe='')}/rotate", body), as_json)


@commands.command("show-first")
def show_first(config: Config = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print the first admin key, from the data folder of this machine; needs no server."""
    folder = read_settings(config=config, data_dir=data_dir).data_dir
    key = first_key(folder)
    if key is None:
        raise Stop(
            f"There is no {folder / 'admin.key'}.",
            fix="It is made at the first `roundhouse run` with this data folder; name another with --data-dir.",
        )
    if as_json:
        show_json({"key": key, "path": str(folder / "admin.key")})
    else:
        say(key)


def _span(text: str, option: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if match is None:
        raise Stop(f"{option} {text!r} is no time such as 45m, 12h, 30d or 8w.", code=USAGE)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _moment(text: str) -> str:
    """The RFC 3339 time that lies this far ahead."""
    ahead = datetime.now(UTC) + _span(text, "--expires-in")
    return ahead.isoformat(timespec="seconds").replace("+00:00", "Z")


def _show_new(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(made)
        return
    say(made["key"])
    sys.stdout.flush()
    say(faint(f"{clean(made['id'])} ({clean(made['name'])}): shown this once, keep it."), err=True)


def _state(key: dict[str, Any]) -> str:
    until = f" until {key['expires_at']}" if key["status"] == "active" and key["expires_at"] else ""
    return f"{key['status']}{until}"
