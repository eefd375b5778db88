"""Recordings to measure with, made by `ffmpeg` from a clip of the tests, and the limits that they are decoded under."""

from __future__ import annotations

import subprocess
from pathlib import Path

from roundhouse.infra.audio import AudioLimits

CLIP = Path(__file__).resolve().parents[2] / "tests" / "audio_clips" / "meeting.ogg"
LIMITS = AudioLimits(
    max_decoded_s=12 * 3600.0, max_channels=8, timeout_s=3600.0, memory_mib=1024, target_lufs=-20.0
)
FORMATS: dict[str, tuple[float, tuple[str, ...]]] = {
    "mp3": (0.8, ("-c:a", "libmp3lame", "-b:a", "128k")),
    "m4a": (0.8, ("-c:a", "aac", "-b:a", "96k")),
    "wav": (0.8, ("-c:a", "pcm_s16le")),
    "opus": (1.0, ("-c:a", "libopus", "-b:a", "32k")),
    "flac": (0.0, ("-c:a", "flac")),
}
"""Goal, as times FFmpeg's CPU (0 = none), and how it is made."""


def make(path: Path, length_s: float, options: tuple[str, ...]) -> Path:
    """Speech of a length."""
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-stream_loop", "-1", "-i", str(CLIP), "-t", str(length_s),
         "-ar", "48000" if path.suffix == ".opus" else "44100", "-ac", "2", *options, str(path)],
        check=True,
    )  # fmt: skip
    return path
