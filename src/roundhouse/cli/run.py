"""`roundhouse run`: starts the server and says what a person needs to know to use it.

Nothing is imported before it is needed: from the start to the first answer there are 1.5 s for everything.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roundhouse import __version__
from roundhouse.cli.connection import Config, DataDir, reachable, read_settings
from roundhouse.cli.exits import USAGE, Stop
from roundhouse.cli.starting import SETTLE_S, load_structlog, prepare_folder, settle, step, upgrade
from roundhouse.cli.terminal import clean, faint, good, say, strong

if TYPE_CHECKING:
    from roundhouse.core.ports import Clock
    from roundhouse.core.settings import Settings
    from roundhouse.infra.jobs.supervisor import Supervisor

_NAMED_MODELS = 4
_EXECUTOR_AFTER_S = 0.2


def run(
    host: Annotated[str | None, typer.Option(help="Address to listen on. (default: 127.0.0.1)")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 = any free one. (default: 8000)")
    ] = None,
    data_dir: DataDir = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Serve without keys; only where this machine alone can reach it.")
    ] = False,
    config: Config = None,
    no_executor: Annotated[
        bool, typer.Option("--no-executor", help="Start no process for jobs; `roundhouse executor` does it.")
    ] = False,
) -> None:
    """Start the server; Ctrl-C or SIGTERM lets running requests end first."""
    # Collecting while modules are loaded finds nothing and costs a tenth of the start; `settle` turns it on.
    gc.disable()
    load_structlog()
    try:
        settings = read_settings(
            data_dir=data_dir,
            config=config,
            server={"host": host, "port": port, "open": open_ or None},
            jobs={"executor": False if no_executor else None},
        )
        _check(settings)
        prepare_folder(settings.data_dir)
        _check_address(settings)
        _serve(settings, config)
    finally:
        gc.enable()
    step("Stopped")


def _check(settings: Settings) -> None:
    from roundhouse.core.errors import BadInput
    from roundhouse.core.settings_load import check_admin_key, check_open

    try:
        check_open(settings)
        check_admin_key(settings)
    except BadInput as error:
        fixes = {
            "server.open": "Leave out --open, or listen on 127.0.0.1.",
            "access.secret_api_key": 'A good one: python3 -c "import secrets; print(secrets.token_urlsafe(32))"',
        }
        raise Stop(error.detail, code=USAGE, fix=fixes[error.param or ""]) from None


def _check_address(settings: Settings) -> None:
    """Before the database is touched: the process that holds the port may hold the database as well."""
    from roundhouse.core.errors import RoundhouseError
    from roundhouse.infra.server import bind

    server = settings.server
    try:
        for listening in bind(server.host, server.port):
            listening.close()
    except RoundhouseError as error:
        from roundhouse.features.ops.doctor_machine import is_roundhouse_blocking

        running = is_roundhouse_blocking(server.host, server.port)
        raise Stop(
            f"{error.detail}{' Roundhouse is running there already.' if running else ''}",
            fix=f"roundhouse run --port {server.port + 1 if server.port < 65_535 else 0}",
        ) from None


def _serve(settings: Settings, config: Path | None) -> None:
    from roundhouse.infra.telemetry import logs

    opened = logs.configure(settings.log, settings.log_dir)
    try:
        upgrade(settings)
        step("Database ready")
        _listen(settings, config)
    finally:
        opened.close()


def _listen(settings: Settings, config: Path | None) -> None:
    from roundhouse.app import create_app
    from roundhouse.app.api import SOCKET_PATHS
    from roundhouse.infra.event_loop import run as run_loop
    from roundhouse.infra.server import Listener

    async def main() -> None:
        app = create_app(settings)
        if settings.jobs.executor:
            app.supervisor = _supervisor(settings, config, app.clock)

        def started(address: str) -> None:
            loop = asyncio.get_running_loop()
            loop.call_later(SETTLE_S, settle)
            if app.supervisor is not None:
                # The first requests have this machine's cores for themselves.
                loop.call_later(_EXECUTOR_AFTER_S, app.supervisor.start)
            _summary(settings, address, app.first_key, app.found)

        def draining() -> None:
            app.drain()
            if app.supervisor is not None:
                app.supervisor.drain()
            step(f"Draining: running requests have {settings.server.drain_s:g} s to end")

        listener = Listener(app.asgi, settings.server, started, draining, SOCKET_PATHS)
        try:
            await listener.run()
        finally:
            if app.supervisor is not None:
                await app.supervisor.close(hurry=listener.hurried)

    run_loop(main())


def _supervisor(settings: Settings, config: Path | None, clock: Clock) -> Supervisor:
    """Of an executor with the same settings; it reads secrets itself, for its arguments are seen by everybody."""
    from roundhouse.infra.jobs.supervisor import Supervisor

    # -P: what lies in the working folder is no module.
    command = [sys.executable, "-P", "-m", "roundhouse", "executor", "--supervised"]
    command += ["--data-dir", str(settings.data_dir)]
    if config is not None:
        command += ["--config", str(config.absolute())]
    if settings.server.open:
        command.append("--open")
    return Supervisor(command, drain_s=settings.jobs.drain_s, clock=clock)


def _summary(
    settings: Settings, listening: str, first_key: str | None, found: Sequence[tuple[str, Sequence[str]]]
) -> None:
    from roundhouse.features.console.files import UI_DIR, ConsoleFiles

    address = reachable(listening)
    kept = settings.data_dir / "admin.key"
    say(f"\n{strong(f'Roundhouse {__version__} is ready.')}\n")
    _line("Address", strong(f"{address}/v1"))
    if address != listening:
        _line("", faint("and at every address of this machine"))
    built = ConsoleFiles(UI_DIR).built
    _line("Console", strong(f"{address}/console/") if built else faint("not built; `make console` builds it"))
    _line("Docs", f"{address}/docs")
    for number, (provider, models) in enumerate(found):
        _line("" if number else "Models", _named(provider, models))
    if settings.jobs.executor:
        _line("Jobs", f"in a process beside this one: {', '.join(settings.jobs.queues)}")
    else:
        _line("Jobs", faint("wait for a `roundhouse executor`"))
    if settings.server.open:
        _line("Key", "none is needed (--open); only this machine can reach it")
    elif first_key is not None:
        _line("Admin key", good(first_key))
        _line("", faint(f"shown this once; kept in {kept}"))
    elif kept.exists():
        _line("Admin key", faint(f"in {kept}"))
    say()
    sys.stdout.flush()


def _line(name: str, text: str) -> None:
    say(f"  {name.ljust(10)} {text}")


def _named(provider: str, models: Sequence[str]) -> str:
    more = ", …" if len(models) > _NAMED_MODELS else ""
    names = ", ".join(clean(model) for model in models[:_NAMED_MODELS])
    return f"{clean(provider)} ({len(models)}): {names}{more}" if models else f"{clean(provider)}: none yet"
