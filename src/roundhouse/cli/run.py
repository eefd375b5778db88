"""`roundhouse run`: starts the server and says what a person needs to know to use it.

Nothing is imported before it is needed: from the start to the first answer there are 1.5 s for everything.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roundhouse import __version__
from roundhouse.cli.connection import Config, DataDir, reachable, read_settings
from roundhouse.cli.exits import USAGE, Stop
from roundhouse.cli.terminal import clean, faint, good, say, strong

if TYPE_CHECKING:
    from roundhouse.core.settings import Settings

_NAMED_MODELS = 4
_SETTLE_S = 1.0


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
) -> None:
    """Start the server; Ctrl-C or SIGTERM lets running requests end first."""
    # Collecting while modules are loaded finds nothing and costs a tenth of the start; `_settle` turns it on.
    gc.disable()
    _load_structlog()
    try:
        settings = read_settings(
            data_dir=data_dir, config=config, server={"host": host, "port": port, "open": open_ or None}
        )
        _check(settings)
        _prepare_folder(settings.data_dir)
        _check_address(settings)
        _serve(settings)
    finally:
        gc.enable()
    _step("Stopped")


def _load_structlog() -> None:
    """Load structlog without rich: it would take it for tracebacks that we never print, 0.15 s and 8 MiB."""
    loaded = sys.modules.get("rich")
    if loaded is not None:
        return
    # None is how Python marks a module that cannot be imported; structlog then does without.
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]


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


def _prepare_folder(folder: Path) -> None:
    probe = folder / f".write-test-{os.getpid()}"
    try:
        # Keys and usage lie here: nobody else's business.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Stop(
            f"The data folder {folder} cannot be written: {(error.strerror or str(error)).lower()}.",
            fix="Make it writable, or choose another with --data-dir.",
        ) from None


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


def _serve(settings: Settings) -> None:
    from roundhouse.infra.telemetry import logs

    opened = logs.configure(settings.log, settings.log_dir)
    try:
        _upgrade(settings)
        _listen(settings)
    finally:
        opened.close()


def _upgrade(settings: Settings) -> None:
    from roundhouse.infra.migrate import upgrade_blocking

    upgrade_blocking(settings.db_url)
    _step("Database ready")


def _listen(settings: Settings) -> None:
    from roundhouse.app import create_app
    from roundhouse.infra.server import run as run_loop
    from roundhouse.infra.server import serve

    async def main() -> None:
        app = create_app(settings)

        def started(address: str) -> None:
            asyncio.get_running_loop().call_later(_SETTLE_S, _settle)
            _summary(settings, address, app.first_key, app.found)

        def draining() -> None:
            app.drain()
            _step(f"Draining: running requests have {settings.server.drain_s:g} s to end")

        await serve(app.asgi, settings.server, started, draining)

    run_loop(main())


def _settle() -> None:
    """Collect what the start left over, and look at what remains never again: it lives as long as the process."""
    gc.enable()
    gc.collect()
    gc.freeze()


def _step(text: str) -> None:
    """One line of progress."""
    mark = f"{good('✓')} " if sys.stderr.isatty() else ""
    say(f"{mark}{text}", err=True)


def _summary(
    settings: Settings, listening: str, first_key: str | None, found: Sequence[tuple[str, Sequence[str]]]
) -> None:
    address = reachable(listening)
    kept = settings.data_dir / "admin.key"
    say(f"\n{strong(f'Roundhouse {__version__} is ready.')}\n")
    _line("Address", strong(f"{address}/v1"))
    if address != listening:
        _line("", faint("and at every address of this machine"))
    _line("Docs", f"{address}/docs")
    for number, (provider, models) in enumerate(found):
        _line("" if number else "Models", _named(provider, models))
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
