"""CPU of decoding against FFmpeg's program in the same run, and the peak of the child. Linux or macOS."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.audio.sounds import FORMATS, LIMITS, make
from roundhouse.infra.audio import VadSettings, prepare
from roundhouse.infra.audio.channels import Mix
from roundhouse.infra.audio.decoding import Decoding
from roundhouse.infra.audio.opening import opened


def compare(folder: Path, minutes: int, rounds: int, only: Sequence[str]) -> None:
    """Ours and FFmpeg's, one after the other, so that both meet the same disturbances."""
    print(
        f"{minutes} min of speech to 16 kHz mono; CPU s, median of {rounds} rounds (times FFmpeg, lowest .. highest);"
        " then the least of each, which others on the machine disturbed least"
    )
    for ending in only:
        goal, options = FORMATS[ending]
        path = make(folder / f"a.{ending}", minutes * 60.0, options)
        ours: list[float] = []
        theirs: list[float] = []
        decode_here(path, folder)
        for _ in range(rounds):
            theirs.append(ffmpeg_cpu_s(path))
            ours.append(decode_here(path, folder))
        ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
        ratio = statistics.median(ratios)
        told = "" if not goal else f"  goal {goal}: {'met' if ratio <= goal else 'MISSED'}"
        print(
            f"{ending:5} ours {statistics.median(ours):.3f}  ffmpeg {statistics.median(theirs):.3f}"
            f"  {ratio:.2f}x ({min(ratios):.2f} .. {max(ratios):.2f}){told}"
            f"  least {min(ours):.3f} and {min(theirs):.3f}, {min(ours) / min(theirs):.2f}x"
        )
        path.unlink()


def memory(folder: Path, minutes: int, hours: float) -> None:
    """The whole of it in its child: decoding, loudness, looking for speech."""
    print("the whole child: decode, loudness, speech, its start included")
    for length_s in (60.0, minutes * 60.0, hours * 3600.0):
        path = make(folder / "long.mp3", length_s, FORMATS["mp3"][1])
        told = subprocess.run(
            [sys.executable, "-m", "bench.audio", "whole", str(path)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        found = json.loads(told)
        print(
            f"{length_s / 60:6.0f} min  peak {found['peak_mib']:.0f} MiB  CPU {found['cpu_s']:.2f} s"
            f"  wall {found['wall_s']:.2f} s  CPU per second of sound {found['cpu_s'] / length_s:.5f}"
        )
        path.unlink()


def decode_here(path: Path, folder: Path) -> float:
    """CPU of opening and decoding, to disk."""
    begun_s = time.process_time()
    with opened(path, path.name, LIMITS) as recording, Mix(folder / "ours.wav") as sink:
        Decoding(recording, sink, LIMITS, path.name, lambda share: None).run()
    return time.process_time() - begun_s


def ffmpeg_cpu_s(path: Path) -> float:
    """CPU of the program, to disk."""
    target = path.with_name("theirs.wav")
    process = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", "-i", str(path), "-ac", "1", "-ar", "16000",
         "-c:a", "pcm_s16le", str(target)]
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"ffmpeg ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def through_everything(path: Path) -> dict[str, float]:
    """What the rooms do, and what its child took."""
    with tempfile.TemporaryDirectory() as folder:
        begun_s = time.perf_counter()
        asyncio.run(
            prepare(path, Path(folder), LIMITS, vad=VadSettings(), on_progress=lambda share, text: None)
        )
        wall_s = time.perf_counter() - begun_s
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "peak_mib": usage.ru_maxrss * unit / 1024**2,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": wall_s,
    }
