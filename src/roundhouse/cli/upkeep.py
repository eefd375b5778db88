"""What `clean` and `disk` have in common: the parts they work with, their lock, and how they tell what went."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from roundhouse.cli.exits import BUSY, Stop
from roundhouse.cli.terminal import clean, say, show_table

if TYPE_CHECKING:
    from roundhouse.app.upkeep import Upkeep
    from roundhouse.core.settings import Settings
    from roundhouse.features.ops.schemas import CleanRead

T = TypeVar("T")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would be deleted, and delete nothing.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say only what is wrong, as cron likes it.")]

_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_LOCK = "clean.lock"


def work(settings: Settings, does: Callable[[Upkeep], Awaitable[T]]) -> T:
    """Do something with the parts of this installation, whether its server runs or not."""
    from roundhouse.app.upkeep import open_upkeep
    from roundhouse.infra.event_loop import run
    from roundhouse.infra.telemetry import logs

    async def main() -> T:
        async with open_upkeep(settings) as upkeep:
            return await does(upkeep)

    # Not into the log's file: it may be the very thing that is to be cleaned.
    opened = logs.configure(settings.log.model_copy(update={"level": "warning"}), None, sys.stderr)
    try:
        return run(main())
    finally:
        opened.close()


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Nobody else on this machine cleans this folder meanwhile; raises Stop when somebody does."""
    from roundhouse.infra.file_lock import FileLock

    if not data_dir.is_dir():
        # Nothing was ever kept.
        yield
        return
    lock = FileLock(data_dir / _LOCK)
    try:
        taken = lock.take()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Stop(
            f"{lock.path} cannot be opened: {reason}.", fix="Run it as the user of the service."
        ) from None
    if not taken:
        raise Stop("Another clean-up is at it.", code=BUSY, passing=True)
    try:
        yield
    finally:
        lock.give_back()


def show_cleaned(report: CleanRead, *, quiet: bool) -> None:
    """What went, or would go, and what should have gone and could not."""
    if report.dry_run or not quiet:
        rows = [
            (one.kind, one.name, size(one.size_bytes), one.at and f"{one.at:%Y-%m-%d %H:%M}", one.label)
            for one in report.removed
        ]
        if rows or not report.kept:
            show_table(("kind", "name", "size", "time (UTC)", "called"), rows, empty="Nothing to delete.")
        if rows:
            told = "would be deleted" if report.dry_run else "deleted"
            say(f"{len(rows)} {told}, {size(report.removed_bytes)}", err=True)
    for kept in report.kept:
        name = f" {clean(kept.name)}" if kept.name else ""
        say(f"not deleted: {kept.kind}{name}: {clean(kept.reason)}", err=True)


def size(size_bytes: int) -> str:
    """Bytes as people read them."""
    for unit_bytes, unit in _UNITS:
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}"
    return f"{size_bytes} B"
