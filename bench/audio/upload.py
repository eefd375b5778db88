"""A large recording on its way in: the server's memory and speed, beside a plain program that writes the same bytes."""

from __future__ import annotations

import itertools
import struct
import time
from pathlib import Path

from bench.audio.service import Service
from bench.upload.measure import MIB, disk_mib_s

_BLOCK = b"0123456789abcdef" * (MIB // 16)


def measure(folder: Path, size_mib: int) -> None:
    """Print memory and speed of an upload of so many MiB, which nobody works on."""
    with Service(folder, JOBS__EXECUTOR="false", AUDIO__MAX_UPLOAD_MIB=str(size_mib + 1)) as service:
        # What the first upload brings into memory is there for good, however small it is.
        _send(service, 1)
        time.sleep(2)
        idle_mib = service.memory_mib("VmRSS")
        service.forget_peak()
        began_s = time.perf_counter()
        _send(service, size_mib)
        took_s = time.perf_counter() - began_s
        peak_mib = service.memory_mib("VmHWM")
    plain = disk_mib_s(folder, size_mib, _BLOCK)
    print(f"{size_mib} MiB to /v1/process: {size_mib / took_s:.0f} MiB/s, a plain program {plain:.0f} MiB/s")
    print(f"ratio {size_mib / took_s / plain:.2f}")
    print(f"peak memory {peak_mib:.1f} MiB, {peak_mib - idle_mib:.1f} MiB above idle ({idle_mib:.1f} MiB)")


def _send(service: Service, size_mib: int) -> None:
    """WAV, of so many MiB of noise and a header."""
    size = size_mib * MIB
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 2, 44_100, 176_400, 4, 16, b"data", size
    )  # fmt: skip
    service.send(
        itertools.chain([head], itertools.repeat(_BLOCK, size_mib)),
        len(head) + size,
        "talk.wav",
        features="raw_transcript",
    )
