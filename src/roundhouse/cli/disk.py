"""`roundhouse disk`: how full the disks are, who fills them, and space when it is needed."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from roundhouse.cli.connection import AsJson, Config, DataDir, read_settings
from roundhouse.cli.exits import FAILED
from roundhouse.cli.terminal import bad, clean, good, say, show_json, show_table
from roundhouse.cli.upkeep import DryRun, Quiet, alone, show_cleaned, size, work

if TYPE_CHECKING:
    from roundhouse.features.ops.schemas import DiskReport


def disk(
    *,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=1, max=100, help="Per cent; a fuller disk is too full. (default: 80)"
        ),
    ] = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Clean when a disk is too full, until it is no more.")
    ] = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell how full the disks are and what fills them; ends with 1 when one is too full."""
    settings = read_settings(data_dir=data_dir, config=config, upkeep={"disk_threshold_percent": threshold})
    dry = dry_run or settings.upkeep.dry_run
    cleans = emergency or settings.upkeep.emergency
    with alone(settings.data_dir) if cleans and not dry else nullcontext():
        report = work(
            settings,
            lambda upkeep: upkeep.disk.emergency(dry_run=dry) if cleans else upkeep.disk.look(),
        )
    if as_json:
        show_json(report.model_dump(mode="json"))
    elif report.over or not quiet:
        _show(report)
    if report.cleaned is not None and not as_json:
        show_cleaned(report.cleaned, quiet=quiet)
    if report.over or (report.cleaned is not None and report.cleaned.kept):
        raise typer.Exit(FAILED)


def _show(report: DiskReport) -> None:
    for one in report.disks:
        mark = bad("too full") if one.over else good("ok")
        told = f"{one.percent:g} % of {size(one.total_bytes)}, {size(one.free_bytes)} free"
        say(f"{clean(one.path)}: {told}, threshold {report.threshold_percent:g} %: {mark}")
    rows = [
        (
            part.name,
            "unknown" if part.size_bytes is None else size(part.size_bytes),
            None if part.percent is None else f"{part.percent:g} %",
            part.place,
        )
        for part in report.parts
    ]
    show_table(("part", "size", "share", "place"), rows, empty="Nothing.")
