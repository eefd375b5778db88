"""`roundhouse watch …`: the watched folders, straight in the database; needs no running server."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import typer

from roundhouse.cli.connection import AsJson, Config, DataDir, read_settings
from roundhouse.cli.starting import prepare_folder, upgrade
from roundhouse.cli.terminal import clean, say, show_json

if TYPE_CHECKING:
    from roundhouse.core.settings import Settings

commands = typer.Typer(help="Watched folders: their state, and one look at them.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Watched folders: their state, and one look at them."""


@commands.command("status")
def status(*, config: Config = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """What became of the files of each folder that was ever watched."""
    answer = _in_loop(_status, config, data_dir)
    if as_json:
        show_json({"folders": answer})
        return
    for one in answer:
        watched = "watched" if one["is_watched"] else "not watched now"
        told = f"{one['waiting']} waiting, {one['taken']} worked on, {one['done']} done"
        removed = f", {one['removed']} removed" if one["removed"] else ""
        say(
            f"{clean(one['path'])} ({one['kind']}): {watched}; {told}, "
            f"{one['failed'] + one['refused']} failed{removed}"
        )
        if one["error"]:
            say(f"  {clean(one['error'])}")
    if not answer:
        say(
            "No folder was ever watched: roundhouse.toml names them, [[watched_folders]] and [[watched_documents]]."
        )


@commands.command("once")
def once(*, config: Config = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look at each folder of the settings once, take in what lies still, and end.

    The work itself is done by whatever process runs jobs. A folder that a running one watches is left to that.
    """
    answer = _in_loop(_once, config, data_dir)
    if as_json:
        show_json({"folders": answer})
        return
    for one in answer:
        if one["error"]:
            say(f"{clean(one['path'])}: {clean(one['error'])}")
        elif not one["is_held"]:
            say(f"{clean(one['path'])}: another process watches it")
        else:
            told = f"{one['taken']} taken, {one['settled']} settled, {one['waiting']} waiting"
            told += f", {one['taken_out']} taken out" if one["taken_out"] else ""
            say(f"{clean(one['path'])}: {told}")


def _in_loop(
    work: Callable[[Settings], Awaitable[list[dict[str, Any]]]], config: Config, data_dir: DataDir
) -> list[dict[str, Any]]:
    from roundhouse.infra.event_loop import run
    from roundhouse.infra.telemetry import logs

    settings = read_settings(data_dir=data_dir, config=config)
    prepare_folder(settings.data_dir)
    upgrade(settings)

    async def main() -> list[dict[str, Any]]:
        return await work(settings)

    # What is printed may be JSON; what went wrong is told beside it.
    opened = logs.configure(settings.log.model_copy(update={"level": "warning"}), None, sys.stderr)
    try:
        return run(main())
    finally:
        opened.close()


async def _status(settings: Settings) -> list[dict[str, Any]]:
    from roundhouse.infra.clock import SystemClock
    from roundhouse.infra.db import Database
    from roundhouse.infra.watching.report import report

    db = Database(settings.db, settings.db_url)
    try:
        found = await report(db, SystemClock().now_s())
    finally:
        await db.close()
    return [{**one, "looked_at": one["looked_at"] and one["looked_at"].isoformat()} for one in found]


async def _once(settings: Settings) -> list[dict[str, Any]]:
    import asyncio

    import msgspec

    from roundhouse.app.watching import watch_alone

    found = []
    async with watch_alone(settings) as watches:
        every = [(watch, inbox) for watch in watches for inbox in watch.inboxes]
        before = [await watch.look(inbox) for watch, inbox in every]
        if every:
            await asyncio.sleep(max(inbox.folder.stable_s for _, inbox in every))
        for (watch, inbox), first in zip(every, before, strict=True):
            looked = msgspec.to_builtins(await watch.look(inbox))
            for name in ("taken", "settled", "taken_out"):
                looked[name] += getattr(first, name)
            found.append({"kind": inbox.folder.kind, "path": str(inbox.folder.path), **looked})
    return found
