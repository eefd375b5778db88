"""`roundhouse import …`: histories that other programs kept, straight into the database; needs no running server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from roundhouse.cli.connection import AsJson, Config, DataDir, read_settings
from roundhouse.cli.exits import FAILED
from roundhouse.cli.starting import prepare_folder, upgrade
from roundhouse.cli.terminal import clean, say, show_json

if TYPE_CHECKING:
    from roundhouse.core.settings import Settings
    from roundhouse.features.chat.transfer.schemas import ImportReport

commands = typer.Typer(help="Bring in what other programs kept.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Bring in what other programs kept."""


@commands.command("mongo")
def from_mongo(
    uri: Annotated[
        str,
        typer.Argument(
            envvar="ROUNDHOUSE_MONGO_URI", help="mongodb://host/database; its user needs to read."
        ),
    ],
    *,
    database: Annotated[str | None, typer.Option(help="Its name; the one in the URI by default.")] = None,
    collection: Annotated[str, typer.Option(help="Of the histories.")] = "chat_history",
    site: Annotated[str, typer.Option(help="The tenant whose they become.")] = "default",
    config: Config = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring in chat histories of a MongoDB; what is here already is left alone, so it can be run again.

    Ends with 1 when something could not be read.
    """
    from roundhouse.infra.event_loop import run

    settings = read_settings(data_dir=data_dir, config=config)
    prepare_folder(settings.data_dir)
    upgrade(settings)
    report = run(_import(settings, uri, database, collection, site))
    if as_json:
        show_json(report.model_dump())
    else:
        _show(report)
    if report.refused or not report.complete:
        raise typer.Exit(FAILED)


async def _import(
    settings: Settings, uri: str, database: str | None, collection: str, site: str
) -> ImportReport:
    from roundhouse.core.types import Caller
    from roundhouse.features.chat.indexing import SearchIndex
    from roundhouse.features.chat.transfer.service import TransferService
    from roundhouse.infra.blobs.opening import open_staging
    from roundhouse.infra.clock import SystemClock
    from roundhouse.infra.db import Database

    db = Database(settings.db, settings.db_url)
    staging = open_staging(settings.files, settings.data_dir)
    try:
        transfer = TransferService(db, SearchIndex(), staging, SystemClock(), settings.chat.max_memories)
        caller = Caller("cli", site_id=site, scopes=frozenset({"admin"}))
        return await transfer.import_mongo(caller, uri, database, collection)
    finally:
        await staging.close()
        await db.close()


def _show(report: ImportReport) -> None:
    say(
        f"{report.imported} sessions with {report.messages} messages are new, {report.skipped} were here already"
    )
    for one in report.entries:
        if one.status == "refused":
            say(f"not read: {clean(one.place)}: {clean(one.reason or '')}")
    if report.error is not None:
        say(f"stopped: {clean(report.error)}")
