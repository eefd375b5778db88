"""What `run` and `executor` do alike before and while they start, as fast as it can be done."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from roundhouse.cli.exits import Stop
from roundhouse.cli.terminal import good, say

if TYPE_CHECKING:
    from roundhouse.core.settings import Settings

SETTLE_S = 1.0
"""So long after the start `settle` is to be called."""


def load_structlog() -> None:
    """Load structlog without rich: it would take it for tracebacks that we never print, 0.15 s and 8 MiB."""
    loaded = sys.modules.get("rich")
    if loaded is not None:
        return
    # None is how Python marks a module that cannot be imported; structlog then does without.
    sys.modules["rich"] = None  # type: ignore[assignment]  # see above
    try:
        import structlog  # noqa: F401 - loaded for those who come later
    finally:
        del sys.modules["rich"]


def prepare_folder(folder: Path) -> None:
    """Make the data folder; raises Stop when it cannot be written."""
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


def upgrade(settings: Settings) -> None:
    """Bring the database to the newest schema, or wait until another process has done so."""
    from roundhouse.infra.migrate import upgrade_blocking

    upgrade_blocking(settings.db_url)


def settle() -> None:
    """Collect what the start left over, and look at what remains never again: it lives as long as the process.

    What is freed from now on is kept for the next request.
    """
    from roundhouse.infra.allocator import keep_freed

    keep_freed()
    gc.enable()
    gc.collect()
    gc.freeze()


def step(text: str) -> None:
    """One line of progress."""
    mark = f"{good('✓')} " if sys.stderr.isatty() else ""
    say(f"{mark}{text}", err=True)
