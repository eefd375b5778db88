"""`roundhouse sessions …`: the end of old conversations."""

from __future__ import annotations

from typing import Annotated

import typer

from roundhouse.cli.client import Client
from roundhouse.cli.connection import AsJson, talks
from roundhouse.cli.terminal import say, show_json

commands = typer.Typer(help="Sessions: archive or delete old ones.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Sessions: archive or delete old ones."""


@commands.command("cleanup")
@talks
def clean_up(
    client: Client,
    *,
    days: Annotated[float, typer.Option(min=0.001, max=36_500, help="Not changed for so many days.")],
    delete: Annotated[bool, typer.Option("--delete", help="Delete instead of archive.")] = False,
    user: Annotated[str | None, typer.Option(help="Only sessions of this user.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only tell which they are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Archive or delete the sessions that were not changed for long; pinned ones are left alone."""
    action = "delete" if delete else "archive"
    asked = {"days": days, "action": action, "dry_run": not yes, "user_id": user}
    answer = client.call("POST", "/v1/sessions/cleanup", asked)
    if as_json:
        show_json(answer)
        return
    done = "deleted" if delete else "archived"
    counted = f"{answer['sessions']} sessions with {answer['messages']} messages"
    say(f"{done} {counted}" if yes else f"{counted} would be {done}; --yes does it")
    for session_id in answer["session_ids"]:
        say(session_id)
