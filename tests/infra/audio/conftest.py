"""Taking recordings apart: as the child process does, but in this one, which is quicker."""

import shutil
from pathlib import Path

import pytest

from roundhouse.infra.audio import AudioLimits, Sound, VadSettings
from roundhouse.infra.audio.child import Order, sound_of
from roundhouse.infra.audio.preparing import spoken_name

LIMITS = AudioLimits(max_decoded_s=3600.0, max_channels=8, timeout_s=60.0, memory_mib=1024, target_lufs=None)
NO_VAD = VadSettings(enabled=False)


@pytest.fixture
def take(tmp_path):
    """Take a recording apart, given as a file or as bytes."""

    def taken(source: Path | bytes, limits=LIMITS, *, vad=NO_VAD, split=False, name="call.mp3") -> Sound:
        folder = tmp_path / "tracks"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if isinstance(source, bytes):
            path = tmp_path / "upload"
            path.write_bytes(source)
            source = path
        order = Order(str(source), str(folder), spoken_name(name), limits, vad, split)
        return sound_of(order, lambda share, text: None)

    return taken


@pytest.fixture
def without_ffmpeg(monkeypatch, tmp_path):
    """The program is not installed."""
    empty = tmp_path / "no programs"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
