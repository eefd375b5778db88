"""The keeper of a child process: a small process between the executor and the one that does the work.

The worker may be deep in native code, where neither a signal handler nor a thread of Python gets its turn, and a
signal that the kernel sends when a parent dies kills it alone, not the programs that it started. So another process
watches, which does nothing else: when the parent dies, when the parent asks, or when the worker ends, the keeper ends
everything that came of the worker, and only then itself. On Linux that includes programs that left the process group.

The two part before the worker imports what it needs: the keeper stays small.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OOM_SCORE = "500"


class Keeper:
    """Make it before the fork: from then on no signal is missed; SIGTERM waits until both sides are ready for it.

    Args:
        line: Read end of a pipe that ends when the parent does.
        grace_s: Time between asking the worker to end and killing it.
    """

    def __init__(self, line: int, grace_s: float) -> None:
        self._line = line
        self._grace_s = grace_s
        self._kill_at_s: float | None = None
        self._status: int | None = None
        self._worker = 0
        self._pid = os.getpid()
        self._woken, waker = os.pipe()
        self._pipe = (self._woken, waker)
        for end in self._pipe:
            os.set_blocking(end, False)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _noted)
        signal.signal(signal.SIGTERM, self._on_term)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def become_worker(self) -> None:
        """In the forked process: forget the keeper, and die when it dies."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for end in (*self._pipe, self._line):
            os.close(end)
        os.setpgid(0, 0)
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != self._pid:
            # It died before the line above.
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        if _LINUX:
            # Who takes too much memory is here, not in the process that serves.
            with suppress(OSError):
                Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, "ascii")

    def keep(self, worker: int) -> int:
        """Stay until the worker has ended and nothing of it is left.

        Returns:
            Its exit code, 128 + n when signal n killed it.
        """
        self._worker = worker
        with suppress(OSError):
            os.setpgid(worker, worker)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        while not self._ended():
            ready, _, _ = select.select([self._line, self._woken], [], [], self._wait_s())
            with suppress(BlockingIOError):
                while os.read(self._woken, 4096):
                    pass
            if self._line in ready and not os.read(self._line, 4096):
                break
            if self._kill_at_s is not None and time.monotonic() >= self._kill_at_s:
                break
        self._end_everything()
        return _exit_code(self._status)

    def _on_term(self, _number: int, _frame: object) -> None:
        if self._kill_at_s is None:
            self._kill_at_s = time.monotonic() + self._grace_s
            if self._worker and self._status is None:
                _kill_group(self._worker, signal.SIGTERM)

    def _wait_s(self) -> float | None:
        return None if self._kill_at_s is None else max(0.0, self._kill_at_s - time.monotonic())

    def _ended(self) -> bool:
        """Collect what has ended, orphans of the worker as well."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == self._worker:
                    self._status = status
                if pid == 0:
                    break
        return self._status is not None

    def _end_everything(self) -> None:
        _kill_group(self._worker, signal.SIGKILL)
        if self._status is None:
            _, self._status = os.waitpid(self._worker, 0)
        # What is left was left to us by its dead parent.
        while children := _children(self._pid):
            for child in children:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(child, signal.SIGKILL)
            for child in children:
                with suppress(ChildProcessError):
                    os.waitpid(child, 0)


def _noted(_number: int, _frame: object) -> None:
    """The wake-up pipe has told it."""


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _kill_group(group: int, number: int) -> None:
    # macOS says EPERM of a group in which only a zombie is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _children(pid: int) -> list[int]:
    """Children of this process, where the system tells (Linux)."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def _exit_code(status: int | None) -> int:
    code = 1 if status is None else os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code
