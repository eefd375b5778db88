"""Loudness: EBU's own test signals, and what becomes of quiet and of loud recordings."""

import shutil
import subprocess
import wave

import numpy as np
import pytest

from conftest import SERVERS_REQUIRED
from recording import CLIPS, spoken
from roundhouse.infra.audio import AudioLimits
from roundhouse.infra.audio.channels import Mix
from roundhouse.infra.audio.loudness import amplify, gain_db, loudness_lufs

LIMITS = AudioLimits(max_decoded_s=3600.0, max_channels=8, timeout_s=60.0, memory_mib=1024, target_lufs=-20.0)


def write(path, samples):
    with Mix(path) as file:
        file.write(samples.astype("<i2").tobytes())
    return path


def read(path):
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def sine(level_db: float, seconds: float) -> np.ndarray:
    return (
        32768 * 10 ** (level_db / 20) * np.sin(2 * np.pi * 1000 * np.arange(int(16_000 * seconds)) / 16_000)
    )


def test_a_tone_of_ebu(tmp_path):
    """EBU Tech 3341, case 1: a stereo tone of 1 kHz at -23 dBFS is -23 LUFS; one channel of it has 3 LU less."""
    assert loudness_lufs(write(tmp_path / "a.wav", sine(-23, 20))) == pytest.approx(-26.0, abs=0.1)
    assert loudness_lufs(write(tmp_path / "b.wav", sine(-33, 20))) == pytest.approx(-36.0, abs=0.1)


def test_gates_of_ebu(tmp_path):
    """Tech 3341, case 3: quiet parts do not count."""
    parts = [sine(-36, 10), sine(-23, 60), sine(-36, 10)]
    assert loudness_lufs(write(tmp_path / "a.wav", np.concatenate(parts))) == pytest.approx(-26.0, abs=0.1)


@pytest.mark.skipif(
    shutil.which("ffmpeg") is None and not SERVERS_REQUIRED, reason="compared with FFmpeg's program"
)
def test_the_same_as_the_program(tmp_path):
    path = write(tmp_path / "a.wav", spoken("meeting.ogg"))
    command = ["ffmpeg", "-nostdin", "-i", str(path), "-af", "ebur128", "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    theirs = float(told.rpartition("I:")[2].split()[0])
    assert loudness_lufs(path) == pytest.approx(theirs, abs=0.1)


def test_silence_and_scraps_have_none(tmp_path):
    assert loudness_lufs(write(tmp_path / "a.wav", np.zeros(160_000))) is None
    assert loudness_lufs(write(tmp_path / "b.wav", sine(-20, 0.2))) is None


def test_how_much_louder():
    assert gain_db(-35.0, -20.0) == 15.0
    assert gain_db(-10.0, -20.0) == -10.0
    assert gain_db(-58.0, -20.0) == 30.0
    assert gain_db(-20.3, -20.0) == 0.0
    assert [gain_db(None, -20.0), gain_db(-30.0, None), gain_db(-65.0, -20.0)] == [0.0, 0.0, 0.0]


def test_a_quiet_recording_is_brought_to_the_target(take, tmp_path):
    quiet = write(tmp_path / "quiet.wav", spoken("meeting.ogg") // 20)
    sound = take(quiet, LIMITS)
    assert sound.loudness_lufs == pytest.approx(-47, abs=1.5)
    assert loudness_lufs(quiet) == pytest.approx(sound.loudness_lufs, abs=0.1)
    heard = tmp_path / "tracks" / "mix.wav"
    assert loudness_lufs(heard) == pytest.approx(-20.0, abs=0.5)


def test_a_knock_stays_below_full_scale_and_does_not_keep_the_rest_quiet(tmp_path):
    samples = spoken("meeting.ogg") // 10
    samples[40_000:40_020] = 32_000
    path = write(tmp_path / "a.wav", samples)
    amplify(path, 20.0)
    after = read(path).astype(float)
    assert np.abs(after).max() <= 32_767
    rest = np.abs(samples) < 2000
    assert np.allclose(after[rest], samples[rest] * 10.0, atol=2)


def test_a_file_without_change_is_left_alone(take, tmp_path):
    sound = take(CLIPS / "monday.wav", AudioLimits(3600.0, 8, 60.0, 1024, None))
    once = read(sound.tracks[0].path)
    sound = take(CLIPS / "monday.wav", AudioLimits(3600.0, 8, 60.0, 1024, sound.loudness_lufs))
    assert np.array_equal(read(sound.tracks[0].path), once)
