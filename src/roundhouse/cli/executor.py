"""`roundhouse executor`: a process that runs jobs. `roundhouse run` starts one as its child."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from roundhouse.cli.connection import Config, DataDir, read_settings
from roundhouse.cli.exits import FAILED, OK, Stop
from roundhouse.cli.starting import SETTLE_S, load_structlog, prepare_folder, settle, step, upgrade
from roundhouse.cli.terminal import complain

if TYPE_CHECKING:
    from roundhouse.core.settings import Settings

_GRACE_S = 3.0
"""Without its parent it must be gone after this time."""


def executor(
    queues: Annotated[
        str | None, typer.Option(help="Queues it takes jobs from, with commas. (default: gpu,cpu,io,flow)")
    ] = None,
    data_dir: DataDir = None,
    config: Config = None,
    supervised: Annotated[
        bool,
        typer.Option("--supervised", help="End when the standard input ends: whoever started it is gone."),
    ] = False,
    open_: Annotated[
        bool,
        typer.Option("--open", help="The server beside it is open: what users name may lie on this machine."),
    ] = False,
) -> None:
    """Run jobs, beside a server or on another machine; Ctrl-C or SIGTERM lets running jobs end first."""
    # As for `run`: collecting while modules are loaded finds nothing.
    gc.disable()
    ending = _Ending(supervised)
    load_structlog()
    try:
        wanted = [name.strip() for name in queues.split(",")] if queues is not None else None
        settings = read_settings(
            data_dir=data_dir, config=config, jobs={"queues": wanted}, server={"open": open_ or None}
        )
        prepare_folder(settings.data_dir)
        _work(settings, ending)
    finally:
        gc.enable()


def _work(settings: Settings, ending: _Ending) -> NoReturn:
    from roundhouse.core.errors import RoundhouseError
    from roundhouse.infra.telemetry import logs

    opened = logs.configure(settings.log, settings.log_dir)
    code = OK
    try:
        upgrade(settings)
        try:
            _run(settings, ending)
        except RoundhouseError as error:
            complain(Stop(error.detail))
            code = FAILED
    finally:
        opened.close()
    if not ending.supervised and code == OK:
        step("Stopped")
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that waits for a database server that does not answer would keep the process.
    os._exit(code)


def _run(settings: Settings, ending: _Ending) -> None:
    from roundhouse.app import create_executor
    from roundhouse.infra.event_loop import run as run_loop

    async def main() -> None:
        process = create_executor(settings)
        if not ending.supervised:
            step(f"Executor {process.membership.id}: {', '.join(settings.jobs.queues)}")
        asyncio.get_running_loop().call_later(SETTLE_S, settle)
        stop = asyncio.Event()
        ending.begin(stop, process.hurry, settings.jobs.drain_s)
        await process.run(stop)

    run_loop(main())


class _Ending:
    """What ends it: signals, and the end of its lifeline.

    The first signal lets it drain. A second one ends it at once, if a person sent it; to one that is supervised both
    the service manager and its parent may send one, and it is its parent who decides by cutting the line.
    """

    def __init__(self, supervised: bool) -> None:
        self.supervised = supervised
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._hurry: Callable[[], None] = self._stop.set
        self._drain_s = 0.0
        if supervised:
            from roundhouse.infra.lifeline import die_with_parent, hold_on

            hold_on(self._cut, _GRACE_S)
            die_with_parent()

    def begin(self, stop: asyncio.Event, hurry: Callable[[], None], drain_s: float) -> None:
        """From now on there is work to end; call it in its event loop."""
        self._stop, self._hurry, self._drain_s = stop, hurry, drain_s
        self._loop = asyncio.get_running_loop()
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._signalled)

    def _signalled(self, *_: Any) -> None:
        # A signal may come in the middle of anything: the loop does the work between two of its turns.
        self._soon(self._drain)

    def _cut(self) -> None:
        if self._loop is None:
            # Nothing has begun.
            os._exit(OK)
        self._soon(self._drain_in_a_hurry)

    def _soon(self, work: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    def _drain(self) -> None:
        if not self._stop.is_set():
            self._stop.set()
            if not self.supervised:
                step(f"Draining: running jobs have {self._drain_s:g} s to end")
        elif not self.supervised:
            self._hurry()

    def _drain_in_a_hurry(self) -> None:
        self._stop.set()
        self._hurry()
