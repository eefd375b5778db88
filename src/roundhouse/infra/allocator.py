"""How the C library gives memory back, where that is glibc: what a request freed, the next one uses again."""

from __future__ import annotations

import ctypes
import sys

# Of <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_KEPT_BYTES = 16 * 1024**2
_MAPPED_BYTES = 4 * 1024**2


def keep_freed() -> bool:
    """Keep up to 16 MiB of freed memory of each arena, and map only what is larger than 4 MiB on its own.

    By itself glibc begins at 128 KiB each and doubles its way up to 64 and 32 MiB as larger things are freed. Until
    then, whoever reads some MiB at a time pays for a page fault per 4 KiB, each time: a seventh of a search.

    Returns:
        Whether it was done; elsewhere (musl, macOS, Windows) nothing is.
    """
    if not sys.platform.startswith("linux"):
        return False
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return False
    done = [set_option(_M_TRIM_THRESHOLD, _KEPT_BYTES), set_option(_M_MMAP_THRESHOLD, _MAPPED_BYTES)]
    return all(done)
