"""`roundhouse jobs …`: what runs longer than a request."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import AsJson, talks
from roundhouse.cli.following import check_ended_well, path_of, watch
from roundhouse.cli.terminal import bad, clean, doubtful, faint, good, say, show_json, show_table, strong

commands = typer.Typer(help="Jobs: list, look at, follow, cancel, try again.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(help="The job's id (`job_…`), as `jobs ls` shows it.")]
Follow = Annotated[bool, typer.Option("--follow", help="Stay until it has ended; 1 if it did not complete.")]

_COLORS = {"completed": good, "failed": bad, "cancelled": doubtful}


@commands.command("ls")
@talks
def list_jobs(
    client: Client,
    *,
    state: Annotated[
        str | None,
        typer.Option(help="`queued`, `running`, `waiting`, `completed`, `failed` or `cancelled`."),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="e.g. `model.pull`.")] = None,
    queue: Annotated[str | None, typer.Option(help="`gpu`, `cpu`, `io` or `flow`.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most jobs shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the jobs the key can see, newest first."""
    answer = client.get("/v1/jobs", state=state, kind=kind, queue=queue, limit=limit)
    if as_json:
        show_json(answer)
        return
    rows = [
        (job["id"], job["kind"], _state(job), job["created_at"], job["message"] or _error(job["error"]))
        for job in answer["data"]
    ]
    show_table(("id", "kind", "state", "created", "message"), rows, empty="No job.")


@commands.command()
@talks
def show(client: Client, job_id: JobId, *, follow: Follow = False, as_json: AsJson = False) -> None:
    """Show one job: its stages, its attempts, its place in the queue, what came of it."""
    job = client.get(path_of(job_id))
    if follow:
        job = watch(client, job_id, job["kind"])
    if as_json:
        show_json(job)
    else:
        _show(job)
    if follow:
        check_ended_well(job)


@commands.command()
@talks
def cancel(client: Client, job_ids: Annotated[list[str], typer.Argument(help="Ids of jobs.")]) -> None:
    """Cancel jobs; those that have ended stay as they are."""
    for job_id in job_ids:
        job = client.call("POST", path_of(job_id, "/cancel"))
        stopping = job["cancel_requested"] and job["ended_at"] is None
        say(f"{doubtful('stopping') if stopping else _colored(job['state'])} {clean(job['id'])}")


@commands.command()
@talks
def retry(client: Client, job_id: JobId, *, follow: Follow = False, as_json: AsJson = False) -> None:
    """Queue a failed or cancelled job again; its finished stages are not done again."""
    job = client.call("POST", path_of(job_id, "/retry"))
    if follow:
        job = watch(client, job_id, job["kind"], since=job["updated_at"])
    if as_json:
        show_json(job)
    else:
        say(f"{_colored(job['state'])} {clean(job['id'])}")
    if follow:
        check_ended_well(job)


def _show(job: dict[str, Any]) -> None:
    say(f"{strong(clean(job['id']))}  {clean(job['kind'])}  {_colored(job['state'])}")
    for name, value in _facts(job):
        say(f"  {name.ljust(9)} {clean(str(value))}")
    stages = [(one["name"], one["state"], _seconds(one["duration_s"])) for one in job["stages"]]
    show_table(("stage", "state", "seconds"), stages, empty="No stage.")
    history = [
        (one["run"], one["outcome"], one["started_at"], _seconds(one["duration_s"]), _error(one["error"]))
        for one in job["history"]
    ]
    if history:
        show_table(("run", "outcome", "started", "seconds", "error"), history, empty="")


def _facts(job: dict[str, Any]) -> list[tuple[str, Any]]:
    """What is worth a line, of what is there."""
    waits = f", {job['expected_wait_s']:g} s to go" if job["expected_wait_s"] is not None else ""
    attempts = f"{job['attempts']} of {job['max_attempts']}"
    facts = [
        ("queue", f"{job['queue']}, priority {job['priority']}"),
        ("input", ", ".join(f"{name}={value}" for name, value in job["input"].items())),
        ("created", job["created_at"]),
        ("starts", f"after {job['position']} others{waits}" if job["position"] is not None else None),
        ("not before", job["run_after"] if job["state"] == "queued" else None),
        ("waits for", job["waiting_for"]),
        ("attempts", attempts if job["attempts"] else None),
        ("progress", f"{job['progress']:.0%} {job['message']}" if job["state"] == "running" else None),
        ("time", f"{job['timings']['running_s']:g} s running, {job['timings']['total_s']:g} s in all"),
        ("error", _error(job["error"])),
        ("result", None if job["result"] is None else json.dumps(job["result"], ensure_ascii=False)),
    ]
    return [(name, value) for name, value in facts if value is not None and value != ""]


def _state(job: dict[str, Any]) -> str:
    return f"{job['state']} {job['progress']:.0%}" if job["state"] == "running" else str(job["state"])


def _colored(state: str) -> str:
    return _COLORS.get(state, faint)(clean(state))


def _error(error: dict[str, Any] | None) -> str | None:
    return None if error is None else f"{error.get('code')}: {error.get('message')}"


def _seconds(duration_s: float | None) -> str | None:
    return None if duration_s is None else f"{duration_s:.1f}"
