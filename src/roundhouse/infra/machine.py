"""Which machine this is, for processes that want to know whether they run on the same one."""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
import uuid
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def machine_id() -> str:
    """One boot of one kernel, by a name that no other has.

    Processes with the same id share a monotonic clock; whether they share a file system is another question, for
    containers of one machine have the same id. Where the system names no boot (Windows), it is the machine's network
    address.
    """
    if sys.platform == "linux":
        try:
            return f"linux-{_BOOT_ID.read_text('ascii').strip()}"
        except OSError:
            pass  # A sandbox without it.
    if sys.platform == "darwin":
        found = _sysctl(b"kern.bootsessionuuid")
        if found:
            return f"darwin-{found}"
    return f"{sys.platform}-{uuid.getnode():012x}"


def _sysctl(name: bytes) -> str:
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    value = ctypes.create_string_buffer(80)
    size = ctypes.c_size_t(len(value))
    failed = library.sysctlbyname(name, value, ctypes.byref(size), None, ctypes.c_size_t(0))
    return "" if failed else value.value.decode("ascii", "replace")
