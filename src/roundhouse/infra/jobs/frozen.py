"""The end of an executor that is frozen: silent for longer than its lease, but its process is still there.

Its jobs can be taken over from it, but not what it holds: SQLite's write lock, if it was frozen in a transaction, and
the graphics cards. So whoever finds it on the same machine kills it; awake, it would end itself anyway.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ports import Clock
from roundhouse.infra.background import stop
from roundhouse.infra.jobs.executors import ExecutorRow
from roundhouse.infra.jobs.roster import Roster

_LOOK_S = 5.0

_STOPPED = ("T", "t")
"""By a signal, by a debugger (proc(5))."""

_log = structlog.get_logger(__name__)


class FrozenWatch:
    """Looks for frozen executors in a process that runs no jobs: there may be no other executor to do so.

    Args:
        roster: The executors.
        clock: Time.
    """

    def __init__(self, roster: Roster, clock: Clock) -> None:
        self._roster = roster
        self._clock = clock
        self._working = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, every few seconds."""
        self._task = asyncio.create_task(self._watch(), name="frozen executors")

    async def close(self) -> None:
        """Look no longer."""
        await stop(self._task, self._working)
        self._task = None

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_S)
            async with self._working:
                try:
                    await end_all_frozen(self._roster)
                except StorageUnavailable:
                    # Its absence is told by those who need it.
                    continue


async def end_all_frozen(roster: Roster) -> None:
    """Kill every frozen executor of this machine; raises StorageUnavailable."""
    for row in await roster.lost():
        if row.machine_id == roster.machine:
            await asyncio.to_thread(end_frozen, row)


def end_frozen(row: ExecutorRow) -> bool:
    """Kill the process of a silent executor, if it can be seen from here that it is stopped, and the right one.

    Another container numbers its processes on its own: the one of this number must have the executor's own lock file
    open. One that runs is about to end itself. Linux alone; elsewhere nothing is done. One that takes from no queue
    is a server that ran something for itself: whoever stopped it, a debugger say, will have it go on.

    Returns:
        Whether it was killed.
    """
    if sys.platform != "linux" or not row.queues:
        return False
    try:
        process = os.pidfd_open(row.pid)
    except OSError:
        return False
    try:
        if not (_is_stopped(row.pid) and _holds(row)):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(process)
    _log.warning("executor_frozen", executor=row.id, pid=row.pid)
    return True


def _is_stopped(pid: int) -> bool:
    # The name of the program, in brackets, may hold anything.
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state in _STOPPED


def _holds(row: ExecutorRow) -> bool:
    lock = Path(row.lock_path).stat()
    return any(os.path.samestat(lock, one) for one in _open_files(row.pid))


def _open_files(pid: int) -> list[os.stat_result]:
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(link.stat())
        except OSError:
            # Closed meanwhile.
            continue
    return found
