"""The sign by which others see that a process lives: a lock file, which the kernel frees whatever ends the process.

The files of one boot of one machine lie in a folder of their own: only those can be judged from here. A database file
is shared within one machine only, so there all can.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Literal

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.infra.file_lock import FileLock, look, remove_if_free
from roundhouse.infra.machine import machine_id

Sign = Literal["alive", "dead", "unseen"]

_MOMENT_S = 0.01


class Presence:
    """One process among those that run generations.

    Args:
        folder: Where the lock files lie.
        one_machine: Whether all processes of the database are on this machine.
        machine: This machine; None = as `infra.machine` tells.

    Attributes:
        id: `own_…`, a new one for each process.
    """

    def __init__(self, folder: Path, *, one_machine: bool, machine: str | None = None) -> None:
        self.id = new_id("own")
        self._folder = folder
        self._one_machine = one_machine
        name = hashlib.sha256((machine_id() if machine is None else machine).encode()).hexdigest()[:16]
        self._near = folder / name
        self._lock = FileLock(self._near / f"{self.id}.lock")

    async def join(self) -> None:
        """From now on this process is seen to live.

        Raises:
            StorageUnavailable: The lock file cannot be made.
        """
        try:
            self._near.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Somebody who clears up holds each file for a moment.
            while not self._lock.take():  # noqa: ASYNC110 - it is no event of this process
                await asyncio.sleep(_MOMENT_S)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StorageUnavailable(f"{self._lock.path} cannot be made: {reason}.") from error

    def leave(self, *, clean: bool) -> None:
        """Go.

        Args:
            clean: Whether nothing of this process is left; else the file stays, free, and tells that it died.
        """
        self._lock.give_back()
        if clean:
            remove_if_free(self._lock.path)

    def sign_of(self, owner: str) -> Sign:
        """What the lock file of a process tells; `unseen` where it cannot be seen, or not judged from here."""
        if owner == self.id:
            return "alive"
        signs = [look(path) for path in self._files(f"{owner}.lock")]
        if "held" in signs:
            return "alive"
        return "dead" if "free" in signs else "unseen"

    def left(self) -> list[str]:
        """Processes whose lock files lie there and are free."""
        found = {path.stem for path in self._files("own_*.lock")}
        return [owner for owner in found if self.sign_of(owner) == "dead"]

    def bury(self, owner: str) -> None:
        """Remove the lock file of a dead process."""
        for path in self._files(f"{owner}.lock"):
            remove_if_free(path)

    def _files(self, name: str) -> list[Path]:
        return list(self._folder.glob(f"*/{name}") if self._one_machine else self._near.glob(name))
