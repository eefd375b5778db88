"""A second opinion on a damaged recording: FFmpeg's own program, where it is installed, from within the child process.

It shares the child's limits and ends with it.
"""

from __future__ import annotations

import shutil
import subprocess

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.infra.audio.channels import Sink
from roundhouse.infra.audio.opening import Recording

_PIECE_BYTES = 65_536


def decode_again(program: str, recording: Recording, sink: Sink, longest_s: float) -> None:
    """Decode what can be decoded; what it says of the rest is not looked at, what came out is.

    Args:
        program: `ffmpeg`.
        recording: What is decoded.
        sink: Takes the samples.
        longest_s: It stops there.
    """
    command = (
        program, "-nostdin", "-v", "quiet", "-threads", "1", "-protocol_whitelist", "file,pipe",
        "-f", recording.container, "-i", f"file:{recording.source.resolve()}", "-map", "0:a:0",
        "-t", f"{longest_s:.3f}", "-ac", str(sink.channels), "-ar", str(SAMPLE_RATE_HZ), "-f", "s16le", "pipe:1",
    )  # fmt: skip
    frame_bytes = 2 * sink.channels
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:  # noqa: S603 - no shell
        assert process.stdout is not None
        rest = b""
        while piece := process.stdout.read(_PIECE_BYTES):
            piece = rest + piece
            whole = len(piece) // frame_bytes * frame_bytes
            sink.write(piece[:whole])
            rest = piece[whole:]


def ffmpeg() -> str | None:
    """The program, if it is there."""
    return shutil.which("ffmpeg")
