"""`roundhouse providers …` and `roundhouse aliases …`: where models come from and what they are called."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import AsJson, talks
from roundhouse.cli.exits import FAILED, USAGE, Stop
from roundhouse.cli.terminal import clean, good, say, show_json, show_table

provider_commands = typer.Typer(help="Model servers and cloud services.", no_args_is_help=True)
alias_commands = typer.Typer(help="Names that stand for one or more models.", no_args_is_help=True)

ProviderName = Annotated[str, typer.Argument(help="The provider's name.")]
AliasName = Annotated[str, typer.Argument(help="The name that clients write.")]


@provider_commands.command("ls")
@talks
def list_providers(client: Client, *, as_json: AsJson = False) -> None:
    """Show all providers, in order of preference."""
    answer = client.get("/v1/providers")
    if as_json:
        show_json(answer)
        return
    rows = [
        (
            one["name"],
            one["kind"],
            one["url"],
            one["has_key"],
            one["source"],
            one["model_count"],
            one["state"],
        )
        for one in answer["data"]
    ]
    columns = ("provider", "kind", "address", "key", "from", "models", "state")
    show_table(columns, rows, empty="No provider.")


@provider_commands.command("add")
@talks
def add_provider(
    client: Client,
    name: ProviderName,
    *,
    kind: Annotated[
        str,
        typer.Option(help="`openai` (and whatever speaks its API), `ollama`, `vllm`, `anthropic`, `jina`."),
    ],
    address: Annotated[str, typer.Option(help="Address of its API; with the `/v1` for `openai`.")],
    provider_key: Annotated[
        str | None,
        typer.Option(
            envvar="ROUNDHOUSE_PROVIDER_KEY",
            help="Its key; `-` reads it from stdin, where others on this machine cannot see it.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model, when it cannot list them; repeatable.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="A setting of its kind, `name=value` (JSON or text); repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a provider; in force at once, then asked for its models."""
    key = sys.stdin.readline().strip() if provider_key == "-" else provider_key
    body: dict[str, Any] = {"name": name, "kind": kind, "url": address, "models": model or []}
    body["options"] = dict(_option(text) for text in option or [])
    if key:
        body["key"] = key
    made = client.call("POST", "/v1/providers", body)
    tried = client.call("POST", f"/v1/providers/{quote(name, safe='')}/test")
    if as_json:
        show_json(made | {"test": tried})
    else:
        say(f"{good('added')} {clean(name)}")
        _show_test(name, tried)


@provider_commands.command("test")
@talks
def try_provider(client: Client, name: ProviderName, *, as_json: AsJson = False) -> None:
    """Ask a provider for its models now; exit code 1 when it does not answer well."""
    tried = client.call("POST", f"/v1/providers/{quote(name, safe='')}/test")
    if as_json:
        show_json(tried)
    else:
        _show_test(name, tried)
    if not tried["ok"]:
        raise typer.Exit(FAILED)


@provider_commands.command("rm")
@talks
def remove_provider(client: Client, name: ProviderName) -> None:
    """Remove a provider."""
    client.call("DELETE", f"/v1/providers/{quote(name, safe='')}")
    say(f"{good('removed')} {clean(name)}")


@alias_commands.command("ls")
@talks
def list_aliases(client: Client, *, as_json: AsJson = False) -> None:
    """Show all aliases."""
    answer = client.get("/v1/aliases")
    if as_json:
        show_json(answer)
        return
    rows = [
        (one["name"], " → ".join(one["targets"]), " → ".join(one["context_fallbacks"]), one["source"])
        for one in answer["data"]
    ]
    show_table(("alias", "models", "for long requests", "from"), rows, empty="No alias.")


@alias_commands.command("set")
@talks
def set_alias(
    client: Client,
    name: AliasName,
    targets: Annotated[list[str], typer.Argument(help="Models in order of preference, `provider/model`.")],
    *,
    context_fallback: Annotated[
        list[str] | None, typer.Option(help="A model for requests too long for the others; repeatable.")
    ] = None,
    cache_ttl_s: Annotated[
        float | None, typer.Option(help="Keep answers this many seconds; 0 = never.", min=0)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put models behind a name, or other models behind a name that is there."""
    body = {"targets": targets, "context_fallbacks": context_fallback or [], "cache_ttl_s": cache_ttl_s}
    made = client.call("PUT", f"/v1/aliases/{quote(name)}", body)
    if as_json:
        show_json(made)
    else:
        say(f"{clean(name)} → {' → '.join(clean(target) for target in targets)}")


@alias_commands.command("rm")
@talks
def remove_alias(client: Client, name: AliasName) -> None:
    """Remove an alias."""
    client.call("DELETE", f"/v1/aliases/{quote(name)}")
    say(f"{good('removed')} {clean(name)}")


def _option(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise Stop(f"--option {text!r} is not name=value.", code=USAGE)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _show_test(name: str, tried: dict[str, Any]) -> None:
    if tried["ok"]:
        say(f"{good('answers')} in {tried['latency_ms']} ms with {len(tried['models'])} models")
    else:
        message = (tried["error"] or {}).get("message", "no reason given")
        say(f"{clean(name)} does not answer well: {clean(str(message))}", err=True)
