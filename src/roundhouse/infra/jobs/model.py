"""The seams inside the job engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

Record = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""`await record(step_name, function)`: run it, put its output (JSON values) on disk, and only then return that."""


class RunLost(Exception):
    """The run was fenced: another executor took the job over; nothing of this run counts any more."""


class Durable(Protocol):
    """Keeps the outputs of finished steps. A run is one try at a job by one executor, called `<job id>.<number>`."""

    async def start(self) -> None:
        """Make the tables if need be; raises StorageUnavailable."""
        ...

    async def run(self, run_id: str, name: str, body: Callable[[Record], Awaitable[Any]]) -> Any:
        """Run `body` as a durable run; its return value is returned, its exception is raised.

        Args:
            run_id: Never used before.
            name: `<kind>@<revision>` of the pipeline.
            body: Is given a `Record`. What it does outside of `record` leaves no trace.

        Raises:
            RunLost: The run was fenced; told by the next `record` before its work, by a run's first one after it. That
                a run came to its end is judged by the caller, not here.
            StorageUnavailable, StorageFull: Nothing can be recorded just now.
        """
        ...

    async def finished(self, run_ids: Sequence[str]) -> dict[str, Any]:
        """Outputs by step name of all steps that these runs finished; unknown runs have none."""
        ...

    async def fence(self, run_ids: Sequence[str]) -> None:
        """From now on these runs record nothing, whoever still runs them; unknown runs are left alone."""
        ...

    async def delete(self, run_ids: Sequence[str]) -> None:
        """Forget these runs and their outputs."""
        ...

    async def close(self) -> None:
        """Release what it holds; quick, also while runs are going on."""
        ...


def run_id(job_id: str, run: int) -> str:
    """The id of a job's run."""
    return f"{job_id}.{run}"


def run_ids(job_id: str, first: int, last: int) -> list[str]:
    """Ids of a job's runs, both ends included."""
    return [run_id(job_id, number) for number in range(first, last + 1)]
