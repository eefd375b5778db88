"""What a terminal shows: data on stdout, progress and complaints on stderr, colour only where it is wanted.

Rich costs start-up time, so it is loaded for tables and progress bars only, never by `roundhouse run`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import typer

from roundhouse.cli.exits import Stop

Advance = Callable[[str, float], None]
"""Told what is done just now, and how much is done, 0 to 1."""

_TENTH = 0.1


def say(text: str = "", *, err: bool = False) -> None:
    """One line; colours are dropped unless a person looks at it and wants them."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    # A terminal of another encoding must not turn a message into a crash.
    shown = text.encode(encoding, "replace").decode(encoding)
    typer.echo(shown, err=err, color="\x1b" in shown and stream.isatty() and _wanted())


def _wanted() -> bool:
    # Not at the top: it costs a quarter of a second, and only a terminal asks.
    from roundhouse.core.settings import wants_no_color

    return not wants_no_color()


def good(text: str) -> str:
    """Text in the colour of success."""
    return typer.style(text, fg="green")


def bad(text: str) -> str:
    """Text in the colour of failure."""
    return typer.style(text, fg="red", bold=True)


def doubtful(text: str) -> str:
    """Text in the colour of a warning."""
    return typer.style(text, fg="yellow")


def strong(text: str) -> str:
    """Text that stands out."""
    return typer.style(text, bold=True)


def faint(text: str) -> str:
    """Text that stands back."""
    return typer.style(text, dim=True)


def complain(stop: Stop) -> None:
    """Say on stderr why a command ends."""
    first, *rest = stop.message.splitlines() or [""]
    say(f"{bad('error:')} {first}", err=True)
    for line in rest:
        say(f"       {line}", err=True)
    if stop.fix:
        say(f"{strong('fix:')}   {stop.fix}", err=True)


def show_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=not _speaks_utf8()) + "\n")


def _speaks_utf8() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """A table for a person; tab-separated lines without a head for a pipe.

    Args:
        columns: Heads.
        rows: Cells; None is an empty one.
        empty: Said on stderr when there is no row.
    """
    cells = [[_clean(cell) for cell in row] for row in rows]
    if not cells:
        say(faint(empty), err=True)
    elif not sys.stdout.isatty():
        for row in cells:
            say("\t".join(row))
    else:
        _rich_table(columns, cells)


def _rich_table(columns: Sequence[str], rows: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, not str: a model's name is no markup.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _clean(cell: object) -> str:
    """A cell without control characters: a server's text must not steer the terminal."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, (list, tuple)):
        return ", ".join(_clean(part) for part in cell)
    return clean(str(cell))


def clean(text: str) -> str:
    """Text on one line without control characters."""
    return "".join(char if char.isprintable() else " " for char in text)


@contextmanager
def progress_bar(name: str) -> Iterator[Advance]:
    """A bar on stderr for a person; for everything else a line per step, and per tenth of a long one."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(clean(name), total=1.0)

        def advance(step: str, share: float) -> None:
            bar.update(task, description=clean(f"{name}  {step}"), completed=share)

        yield advance


@contextmanager
def progress_bars(total: int) -> Iterator[Callable[[str], AbstractContextManager[Advance]]]:
    """Bars on stderr for several things at once, from any thread, and one for all; lines where nobody looks.

    Args:
        total: How many things there are.

    Yields:
        Opens the bar of a thing by its name; it goes away where that ends.
    """
    if not sys.stderr.isatty():

        @contextmanager
        def lines(name: str) -> Iterator[Advance]:
            yield _lines(f"{name}: ")

        yield lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        whole = bars.add_task(f"{total} in all", total=total)

        @contextmanager
        def bar(name: str) -> Iterator[Advance]:
            task = bars.add_task(clean(name), total=1.0)
            try:
                yield lambda step, share: bars.update(
                    task, description=clean(f"{name}  {step}"), completed=share
                )
            finally:
                bars.remove_task(task)
                bars.advance(whole)

        yield bar


def _lines(before: str = "") -> Advance:
    said: list[tuple[str, float]] = []

    def advance(step: str, share: float) -> None:
        words = "".join(char for char in step if not char.isdigit())
        if not said or said[-1][0] != words or share - said[-1][1] >= _TENTH:
            said.append((words, share))
            say(faint(clean(f"{before}{step}")), err=True)

    return advance
