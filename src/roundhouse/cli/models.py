"""`roundhouse models …`: what there is, what is in memory, downloads."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import AsJson, read_settings, talks
from roundhouse.cli.exits import FAILED, USAGE, Stop
from roundhouse.cli.following import check_ended_well, watch
from roundhouse.cli.terminal import clean, complain, good, say, show_json, show_table

commands = typer.Typer(help="Models: list, load, unload, download, choose.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The model, as `models ls` shows it.")]


@commands.command("ls")
@talks
def list_models(client: Client, *, as_json: AsJson = False) -> None:
    """Show every model and alias the key may use."""
    answer = client.get("/v1/models")
    if as_json:
        show_json(answer)
        return
    rows = [
        (
            model["id"],
            ", ".join(model["operations"]) or " → ".join(model["targets"] or []),
            model["context_tokens"],
            _parameters(model["parameters_b"]),
            _size(model["size_bytes"]),
            model["quantization"],
        )
        for model in answer["data"]
    ]
    columns = ("model", "does", "context", "parameters", "size", "quantization")
    show_table(columns, rows, empty="No model.")


@commands.command()
@talks
def status(client: Client, *, as_json: AsJson = False) -> None:
    """Show which models are in memory, where, how large and in use."""
    answer = client.get("/v1/models/status")
    if as_json:
        show_json(answer)
        return
    rows = [
        (
            f"{model['provider']}/{model['model_id']}",
            model["state"] + (", pinned" if model["pinned"] else ""),
            model["device"],
            _mib(model["footprint_mib"], measured=model["footprint_measured"]),
            model["leases"],
            model["queue_length"],
            model["last_used_at"],
        )
        for model in answer["data"]
    ]
    columns = ("model", "state", "device", "memory", "in use", "waiting", "last used")
    show_table(columns, rows, empty="No model is in memory.")
    devices = [
        (device["device"], device["budget_mib"], device["used_mib"], device["unmanaged_mib"])
        for device in answer["devices"]
    ]
    show_table(("device", "budget MiB", "used MiB", "others MiB"), devices, empty="No device.")


@commands.command()
@talks
def discover(client: Client, *, as_json: AsJson = False) -> None:
    """Look for Ollama, vLLM, llama.cpp and their like on the server's machine again."""
    answer = client.call("POST", "/v1/providers/discover")
    if as_json:
        show_json(answer)
        return
    rows = [
        (provider["name"], provider["kind"], provider["url"], provider["model_count"], provider["state"])
        for provider in answer["data"]
        if provider["source"] == "discovered"
    ]
    empty = "None found. `roundhouse providers add` adds one by its address."
    show_table(("provider", "kind", "address", "models", "state"), rows, empty=empty)


@commands.command()
@talks
def pull(
    client: Client,
    name: Annotated[str | None, typer.Argument(help="The model, as `models ls` shows it.")] = None,
    *,
    configured: Annotated[
        bool,
        typer.Option(
            "--configured", help="Every model that an alias or a setting names, if it is not there."
        ),
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait: print the job's id.")] = False,
    as_json: AsJson = False,
) -> None:
    """Download a model through its provider, as a job that goes on whatever becomes of this command."""
    if configured == (name is not None):
        raise Stop("Name a model, or say --configured.", code=USAGE)
    if name is None:
        _pull_configured(client, detach=detach, as_json=as_json)
        return
    job = _pull(client, name, detach=detach)
    if as_json:
        show_json(job)
    elif detach:
        say(clean(job["id"]))
    if not detach:
        check_ended_well(job)
        if not as_json:
            say(ready_line(job, name))


def ready_line(job: dict[str, Any], name: str) -> str:
    """What is said of a download that is done; the licence of the weights is part of it."""
    licence = (job.get("result") or {}).get("licence")
    return f"{good('ready')} {clean(name)}" + (
        f" (licence of its weights: {clean(licence)})" if licence else ""
    )


def _pull(client: Client, name: str, *, detach: bool) -> dict[str, Any]:
    job: dict[str, Any] = client.call("POST", "/v1/models/pull", {"model_id": name})
    return job if detach else watch(client, job["id"], name)


def _pull_configured(client: Client, *, detach: bool, as_json: bool) -> None:
    """One after the other; what fails is told, and the others are downloaded all the same."""
    wanted = _missing(client)
    jobs, failed = [], []
    for name in wanted:
        try:
            job = _pull(client, name, detach=detach)
            jobs.append(job)
            if not detach:
                check_ended_well(job)
        except Stop as stop:
            if stop.code != FAILED:
                raise
            complain(stop)
            failed.append(name)
            continue
        if not as_json:
            say(f"{job['id']} {clean(name)}" if detach else ready_line(job, name))
    if as_json:
        show_json({"object": "list", "data": jobs})
    elif not wanted:
        say("Every configured model is there.")
    if failed:
        raise Stop(f"{len(failed)} of {len(wanted)} were not downloaded: {', '.join(map(clean, failed))}.")


def _missing(client: Client) -> list[str]:
    """Models that an alias of the server or a setting of this folder names, and that the server does not have."""
    aliases = client.get("/v1/aliases")["data"]
    known = {one["name"] for one in aliases} | {"auto"}
    for model in client.get("/v1/models")["data"]:
        bare = model["id"].partition("/")[2]
        # Ollama's tag, where none is said.
        known |= {name.removesuffix(end) for name in (model["id"], bare) for end in ("", ":latest")}
    named = [target for one in aliases for target in (*one["targets"], *one["context_fallbacks"])]
    settings = read_settings()
    named += [settings.chat.default_model, settings.audio.model, settings.asr.model]
    if "chunkformer_model" in settings.asr.model_fields_set:
        # Several GB, and not for every purpose: only for who named it.
        named.append(settings.asr.chunkformer_model)
    return [name for name in dict.fromkeys(named) if name not in known]


@commands.command()
@talks
def load(
    client: Client,
    name: Name,
    *,
    pin: Annotated[bool, typer.Option("--pin", help="Keep it until it is unloaded.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a model into memory, making room if needed."""
    asked = {"model_id": name} | ({"pin": True} if pin else {})
    _show_state(client.call("POST", "/v1/models/load", asked), as_json)


@commands.command()
@talks
def unload(client: Client, name: Name, *, as_json: AsJson = False) -> None:
    """Take a model out of memory."""
    _show_state(client.call("POST", "/v1/models/unload", {"model_id": name}), as_json)


@commands.command()
@talks
def recommend(
    client: Client,
    *,
    task: Annotated[
        str,
        typer.Option(
            help="`chat`, `code`, `summarize`, `translate`, `reasoning`, `vision`, `embedding` or `rerank`."
        ),
    ] = "chat",
    language: Annotated[str, typer.Option(help="ISO 639 code.")] = "en",
    complexity: Annotated[str, typer.Option(help="`low`, `medium` or `high`.")] = "medium",
    as_json: AsJson = False,
) -> None:
    """Name the models for a task, best first, each with the reason."""
    answer = client.get("/v1/models/recommend", task=task, language=language, complexity=complexity)
    if as_json:
        show_json(answer)
        return
    rows = [(choice["model_id"], f"{choice['score']:.2f}", choice["reason"]) for choice in answer["data"]]
    show_table(("model", "score", "reason"), rows, empty="No model does this.")


def _show_state(state: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(state)
        return
    place = f" on {clean(state['device'])}" if state["device"] else ""
    memory = f", {state['footprint_mib']} MiB" if state["footprint_mib"] is not None else ""
    say(f"{clean(state['model_id'])}: {good(clean(state['state']))}{place}{memory}")


def _parameters(billions: float | None) -> str | None:
    return None if billions is None else f"{billions:g}B"


def _size(size_bytes: int | None) -> str | None:
    if size_bytes is None:
        return None
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"


def _mib(footprint_mib: int | None, *, measured: bool) -> str | None:
    if footprint_mib is None:
        return None
    return f"{footprint_mib} MiB{'' if measured else ' (estimated)'}"
