"""`roundhouse clean …`: delete what was kept long enough; by hand or by cron, with or without a running server."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roundhouse.cli.connection import AsJson, Config, DataDir, read_settings
from roundhouse.cli.exits import FAILED
from roundhouse.cli.terminal import show_json
from roundhouse.cli.upkeep import DryRun, Quiet, alone, show_cleaned, work

if TYPE_CHECKING:
    from roundhouse.core.settings import Settings
    from roundhouse.features.ops.schemas import Part

commands = typer.Typer(
    help="Delete old logs, recordings and leftovers; nothing of a job that has not ended.",
    no_args_is_help=True,
)

Days = Annotated[
    float | None,
    typer.Option(
        "--days", min=0, max=36_500, help="Older than so many days; by default as the settings say."
    ),
]


@commands.command()
def logs(
    *,
    days: Days = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete closed parts of the log; the file that is written to stays."""
    settings = read_settings(data_dir=data_dir, config=config)
    _clean(settings, ["logs"], days, dry_run=dry_run, quiet=quiet, as_json=as_json)


@commands.command()
def audio(
    *,
    days: Days = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete recordings, and the folders of jobs, whose jobs have ended; their results stay."""
    settings = read_settings(data_dir=data_dir, config=config)
    _clean(settings, ["audio"], days, dry_run=dry_run, quiet=quiet, as_json=as_json)


@commands.command()
def cache(
    *,
    days: Days = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete answers kept in Redis, uploads that broke off, and downloads of models that broke off."""
    settings = read_settings(data_dir=data_dir, config=config)
    _clean(settings, ["cache"], days, dry_run=dry_run, quiet=quiet, as_json=as_json)


@commands.command("all")
def everything(
    *,
    days: Days = None,
    skip_cache: Annotated[bool, typer.Option("--skip-cache", help="Leave the cache alone.")] = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete old logs, recordings and leftovers."""
    settings = read_settings(data_dir=data_dir, config=config)
    parts: list[Part] = ["logs", "audio"]
    if not (skip_cache or settings.upkeep.skip_cache):
        parts.append("cache")
    _clean(settings, parts, days, dry_run=dry_run, quiet=quiet, as_json=as_json)


def _clean(
    settings: Settings,
    parts: Sequence[Part],
    days: float | None,
    *,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    dry = dry_run or settings.upkeep.dry_run
    with nullcontext() if dry else alone(Path(settings.data_dir)):
        report = work(settings, lambda upkeep: upkeep.cleaning.clean(parts, days=days, dry_run=dry))
    if as_json:
        show_json(report.model_dump(mode="json"))
    else:
        show_cleaned(report, quiet=quiet)
    if report.kept:
        raise typer.Exit(FAILED)
