"""`roundhouse search …`: the full-text index, straight in the database; needs no running server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roundhouse.cli.connection import AsJson, Config, DataDir, read_settings
from roundhouse.cli.starting import prepare_folder, upgrade
from roundhouse.cli.terminal import say, show_json

if TYPE_CHECKING:
    from roundhouse.infra.db import Database

commands = typer.Typer(help="The full-text index: its state, and making it anew.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """The full-text index: its state, and making it anew."""


@commands.command("status")
def status(*, config: Config = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """How each kind of thing is indexed, and how much waits."""
    answer = _with_database(_status, config, data_dir)
    if as_json:
        show_json(answer)
        return
    for one in answer["kinds"]:
        made = f", {one['done']} of {one['total']} made anew" if one["state"] == "rebuilding" else ""
        say(f"{one['kind']}: {one['state']}, analyser version {one['version']}{made}")
    say(f"{answer['waiting']} changes wait to be indexed")


@commands.command("rebuild")
def rebuild(
    *,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Only messages (message), titles (session) or recordings (recording); all by default."
        ),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make the index anew from what it finds; searches go on with the one before until it is complete.

    What was begun is gone on with, also after this command was ended. A running server helps.
    """

    async def work(db: Database) -> dict[str, Any]:
        return await _rebuild(db, kind, quiet=as_json)

    answer = _with_database(work, config, data_dir)
    if as_json:
        show_json(answer)


def _with_database(
    work: Callable[[Database], Awaitable[dict[str, Any]]], config: Config, data_dir: DataDir
) -> dict[str, Any]:
    from roundhouse.infra.db import Database
    from roundhouse.infra.event_loop import run

    settings = read_settings(data_dir=data_dir, config=config)
    prepare_folder(settings.data_dir)
    upgrade(settings)

    async def opened() -> dict[str, Any]:
        db = Database(settings.db, settings.db_url)
        try:
            return await work(db)
        finally:
            await db.close()

    return run(opened())


async def _status(db: Database) -> dict[str, Any]:
    from roundhouse.infra.search import generations, waiting

    async with db.read() as tx:
        known = await generations.all_kinds(tx)
        waits = await waiting.count(tx)
    kinds = [
        {
            "kind": one.kind,
            "state": "ready" if one.building is None else "rebuilding",
            "version": one.version,
            "done": one.done,
            "total": one.total,
        }
        for one in known
    ]
    return {"kinds": kinds, "waiting": waits}


async def _rebuild(db: Database, kind: str | None, *, quiet: bool) -> dict[str, Any]:
    from roundhouse.app.search import search_sources
    from roundhouse.core.errors import BadInput
    from roundhouse.infra.search import rebuilding

    sources = {source.kind: source for source in search_sources()}
    if kind is not None and kind not in sources:
        raise BadInput(f"The kinds are {', '.join(sorted(sources))}.", param="kind")
    done: dict[str, int] = {}
    for name, source in sorted(sources.items()):
        if kind not in (None, name):
            continue
        await rebuilding.begin(db, source)
        while (progress := await rebuilding.step(db, source)) is not None:
            done[name] = progress.done
            if not quiet:
                say(f"{name}: {progress.done} of {progress.total}")
    while await rebuilding.sweep(db, sorted(sources)):
        pass
    return {"rebuilt": done}
