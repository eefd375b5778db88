"""The lifeline between a parent and its child process: a pipe that the parent holds open, and the kernel closes.

The child reads it on its standard input. Whatever kills the parent, the pipe ends, and the child knows within
milliseconds; where the system can, it also sends a signal, should anything else hold the pipe open.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

_PARENT_IS_GONE = 75
_PR_SET_PDEATHSIG = 1


def hold_on(on_cut: Callable[[], object], grace_s: float, end: Callable[[int], object] = os._exit) -> None:
    """Watch the lifeline from now on, in a thread; standard input is empty afterwards.

    Args:
        on_cut: Called in that thread when the parent is gone, or has cut the line.
        grace_s: A process that is still there so long after it is ended.
        end: Ends it; a fake in tests.
    """
    line = os.dup(0)
    # Nobody else, and no child, may read it.
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0, inheritable=True)
    os.close(empty)
    threading.Thread(target=_watch, args=(line, on_cut, grace_s, end), name="lifeline", daemon=True).start()


def die_with_parent() -> None:
    """Let the kernel send SIGTERM when the parent ends, where it can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _watch(line: int, on_cut: Callable[[], object], grace_s: float, end: Callable[[int], object]) -> None:
    try:
        while os.read(line, 4096):
            pass
    except OSError:
        pass  # Windows tells a broken pipe so.
    on_cut()
    time.sleep(grace_s)
    end(_PARENT_IS_GONE)
