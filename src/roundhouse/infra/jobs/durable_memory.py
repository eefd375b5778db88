"""A fake of `Durable`: a dictionary stands for the disk. Tests "crash" one and open another on the same disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.infra.jobs.model import Record, RunLost


class KeptRun(msgspec.Struct):
    """A run on the disk; `steps` are its outputs in JSON by step name."""

    name: str
    is_fenced: bool = False
    steps: dict[str, bytes] = {}


Disk = dict[str, KeptRun]
"""Runs by id. Share it among those that stand for processes on one database."""


class MemoryDurable:
    """Implements `Durable` for tests; never chosen in the product.

    Args:
        disk: What outlives it.

    Attributes:
        fault: Set it, and every operation raises it until it is None again.
    """

    def __init__(self, disk: Disk) -> None:
        self.fault: StorageUnavailable | StorageFull | None = None
        self._disk = disk
        self._open = False
        self._here: set[str] = set()

    async def start(self) -> None:
        """Open it."""
        self._open = True
        self._touch()

    async def run(self, run_id: str, name: str, body: Callable[[Record], Awaitable[Any]]) -> Any:
        """Run `body` (see `Durable`); an id that was used before is RunLost."""
        self._touch()
        if run_id in self._disk:
            raise RunLost(run_id)
        self._disk[run_id] = KeptRun(name)
        self._here.add(run_id)
        try:
            return await body(partial(self._record, run_id))
        finally:
            self._here.discard(run_id)

    async def finished(self, run_ids: Sequence[str]) -> dict[str, Any]:
        """Outputs by step name; a later run's output wins."""
        self._touch()
        kept = (self._disk[run_id].steps for run_id in run_ids if run_id in self._disk)
        return {step: msgspec.json.decode(output) for steps in kept for step, output in steps.items()}

    async def fence(self, run_ids: Sequence[str]) -> None:
        """From now on these runs record nothing."""
        self._touch()
        for run_id in run_ids:
            if run_id in self._disk:
                self._disk[run_id].is_fenced = True

    async def delete(self, run_ids: Sequence[str]) -> None:
        """Forget these runs and their outputs."""
        self._touch()
        for run_id in run_ids:
            self._disk.pop(run_id, None)

    async def close(self) -> None:
        """Nothing is recorded from here any more."""
        self._open = False

    async def _record(self, run_id: str, step: str, function: Callable[[], Awaitable[Any]]) -> Any:
        self._running(run_id)
        output = msgspec.json.encode(await function())
        self._running(run_id).steps[step] = output
        return msgspec.json.decode(output)

    def _running(self, run_id: str) -> KeptRun:
        self._touch()
        kept = self._disk.get(run_id)
        if kept is None or kept.is_fenced or run_id not in self._here:
            raise RunLost(run_id)
        return kept

    def _touch(self) -> None:
        if not self._open:
            raise StorageUnavailable("The job engine is not open.")
        if self.fault is not None:
            raise self.fault
