"""What a child process may take, set by itself once its libraries are loaded."""

from __future__ import annotations

import sys
from pathlib import Path

_MIB = 1024 * 1024


def limit_memory(memory_mib: int) -> None:
    """Allow this process so much address space beyond what it has by now; Linux only, elsewhere it is not kept."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most_bytes = pages * resource.getpagesize() + memory_mib * _MIB
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        most_bytes = min(most_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, hard))
