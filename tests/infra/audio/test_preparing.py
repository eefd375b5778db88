"""Whole recordings: every container that is taken in, their sides, their names, their times."""

import asyncio
import subprocess
import sys
import wave

import msgspec
import numpy as np
import pytest

from recording import CLIPS, encode, spoken
from roundhouse.core.errors import TooLarge, Unprocessable
from roundhouse.infra.audio import AudioLimits, Sound, VadSettings, prepare
from roundhouse.infra.audio.preparing import spoken_name

CONTAINERS = {
    "monday.ogg": ("ogg", "opus"),
    "monday.vorbis.ogg": ("ogg", "vorbis"),
    "monday.mp3": ("mp3", "mp3float"),
    "monday.m4a": ("mov", "aac"),
    "monday.aac": ("aac", "aac"),
    "monday.flac": ("flac", "flac"),
    "monday.wav": ("wav", "pcm_s16le"),
    "monday.webm": ("matroska", "opus"),
    "film.mp4": ("mov", "aac"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container(take, name):
    sound = take(CLIPS / name)
    assert (sound.container, sound.codec) == CONTAINERS[name]
    assert sound.decoded_s == pytest.approx(3.33, abs=0.13)
    assert (sound.skipped_packets, sound.recovered, sound.warnings) == (0, False, [])
    assert msgspec.json.decode(msgspec.json.encode(sound), type=Sound) == sound
    (track,) = sound.tracks
    with wave.open(track.path) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    assert track.duration_s == len(heard) / 16_000
    said = spoken().astype(float)
    assert likeness(heard, said) > 0.75


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Of how loud both are, hundredth by hundredth of a second."""
    least = min(len(one), len(other)) // 160 * 160
    swells = [np.log(np.abs(x[:least].reshape(-1, 160)).mean(axis=1) + 30) for x in (one, other)]
    return max(np.corrcoef(swells[0], np.roll(swells[1], shift))[0, 1] for shift in range(-10, 11))


@pytest.mark.parametrize(
    ("codec", "ending", "rate_hz"),
    [
        ("pcm_s16be", "aiff", 16_000),
        ("pcm_s16be", "au", 16_000),
        ("pcm_s16be", "caf", 16_000),
        ("wmav2", "wma", 44_100),
        ("ac3", "mkv", 48_000),
        ("mp2", "mpg", 44_100),
        ("mp2", "ts", 44_100),
        ("pcm_mulaw", "wav", 8_000),
        ("pcm_f32le", "w64", 16_000),
        ("alac", "mov", 44_100),
        ("mp2", "avi", 44_100),
    ],
)
def test_less_usual_containers(take, tmp_path, codec, ending, rate_hz):
    path = encode(tmp_path / f"a.{ending}", spoken(), codec, rate_hz=rate_hz)
    sound = take(path)
    # The samples were written as they are, at another rate: they last as much shorter.
    assert sound.decoded_s == pytest.approx(len(spoken()) / rate_hz, abs=0.15)
    assert sound.rate_hz == rate_hz


@pytest.mark.parametrize("channels", [2, 3, 4, 5, 6, 7, 8])
def test_channels_are_mixed(take, tmp_path, channels):
    path = tmp_path / "a.wav"
    rows = np.tile(spoken(), (channels, 1))
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, 16_000, 0, "NONE", ""))
        file.writeframes(rows.T.astype("<i2").tobytes())
    sound = take(path)
    assert sound.channels == channels
    with wave.open(sound.tracks[0].path) as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    assert likeness(heard, spoken().astype(float)) > 0.9


def test_twenty_channels(take, tmp_path):
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((20, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(20 * 2 * 16_000))
    with pytest.raises(Unprocessable, match="20 channels; at most 8"):
        take(path)


def test_sides_that_differ_are_told_apart(take):
    sound = take(CLIPS / "stereo.ogg", split=True, vad=VadSettings())
    assert [track.name for track in sound.tracks] == ["left", "right"]
    assert all(track.speech_s > 2 for track in sound.tracks)
    for track, name in zip(sound.tracks, ("monday.ogg", "engineers.ogg"), strict=True):
        with wave.open(track.path) as file:
            heard = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
        assert likeness(heard, spoken(name).astype(float)) > 0.85
    assert sound.warnings == []


def test_sides_take_turns(take, tmp_path):
    quiet = np.zeros_like(spoken())
    left, right = np.concatenate([spoken(), quiet]), np.concatenate([quiet, spoken() // 3])
    path = encode(tmp_path / "a.flac", np.stack([left, right]), "flac", layout="stereo")
    assert [track.name for track in take(path, split=True).tracks] == ["left", "right"]


def test_the_same_on_both_sides_is_one_track(take):
    sound = take(CLIPS / "both.ogg", split=True)
    assert [track.name for track in sound.tracks] == ["mix"]
    assert sound.tracks[0].path.endswith("mix.wav")
    assert "carry the same" in sound.warnings[0]


def test_one_room_with_two_microphones_is_one_track(take, tmp_path):
    said = spoken().astype(float)
    room = np.random.default_rng(1)
    later = np.concatenate([np.zeros(40), said])[: len(said)]
    rows = np.stack([said + room.normal(0, 30, len(said)), 0.5 * later + room.normal(0, 30, len(said))])
    path = encode(tmp_path / "a.flac", rows, "flac", layout="stereo")
    assert [track.name for track in take(path, split=True).tracks] == ["mix"]


def test_one_silent_side_is_nobody(take, tmp_path):
    path = encode(tmp_path / "a.flac", np.stack([spoken(), 0 * spoken()]), "flac", layout="stereo")
    assert [track.name for track in take(path, split=True).tracks] == ["mix"]


def test_sides_that_cancel_each_other_are_heard(take, tmp_path):
    path = encode(tmp_path / "a.flac", np.stack([spoken(), -spoken()]), "flac", layout="stereo")
    sound = take(path)
    assert [track.name for track in sound.tracks] == ["mix"]
    assert sound.loudness_lufs > -30
    assert "cancel" in sound.warnings[0]


def test_mono_cannot_be_split(take):
    sound = take(CLIPS / "monday.ogg", split=True)
    assert [track.name for track in sound.tracks] == ["mix"]
    assert "nobody was told apart" in sound.warnings[0]


def test_silence_has_no_loudness_and_no_speech(take):
    sound = take(CLIPS / "silence.ogg", vad=VadSettings())
    assert (sound.loudness_lufs, sound.tracks[0].regions, sound.tracks[0].speech_s) == (None, [], 0.0)
    assert sound.tracks[0].duration_s == pytest.approx(8.0, abs=0.02)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b\\c\0\n.mp3", "-i", "http://10.0.0.1/x", "x" * 5000, ""]
)
def test_names_are_never_paths(take, name):
    with pytest.raises(Unprocessable) as caught:
        take(b"", name=name)
    assert len(caught.value.detail) < 150
    assert "/" not in caught.value.detail
    assert caught.value.detail.isprintable()


def test_a_name_in_a_message():
    assert spoken_name("C:\\calls\\today.mp3") == "today.mp3"
    assert spoken_name("../") == "The recording"


@pytest.mark.parametrize("odd", ["a b%20#?.ogg", "-i.ogg", "concat:x|y.ogg", "http:x.ogg", "ő世.ogg"])
def test_odd_paths_are_opened_as_they_are(take, tmp_path, odd):
    path = tmp_path / odd
    path.write_bytes((CLIPS / "calling.ogg").read_bytes())
    assert take(path).decoded_s > 2


def test_the_child_process_loads_no_more_than_it_needs():
    """It starts once for each recording."""
    told = "import sys, roundhouse.infra.audio.child; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-P", "-c", told], capture_output=True, text=True, check=True)
    names = set(loaded.stdout.split())
    assert {"av", "numpy"} <= names
    assert not {"asyncio", "pydantic", "structlog", "sqlalchemy"} & names


async def test_progress_is_told_and_a_waiter_that_leaves_ends_it(tmp_path):
    told = []
    long = encode(tmp_path / "long.flac", np.tile(spoken(), 30), "flac")
    limits = AudioLimits(max_decoded_s=3600.0, max_channels=8, timeout_s=60.0, memory_mib=1024)
    await prepare(
        long, tmp_path, limits, vad=VadSettings(), on_progress=lambda share, text: told.append((share, text))
    )
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {text for _, text in told} == {"opening", "decoding", "looking for speech"}
    begun = asyncio.Event()
    waiting = asyncio.create_task(
        prepare(long, tmp_path, limits, vad=VadSettings(), on_progress=lambda share, text: begun.set())
    )
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_too_slow_is_an_error_of_its_own(tmp_path):
    limits = AudioLimits(max_decoded_s=3600.0, max_channels=8, timeout_s=0.05, memory_mib=1024)
    with pytest.raises(Unprocessable, match=r"call\.ogg could not be decoded within 0\.05 seconds"):
        await prepare(
            CLIPS / "monday.ogg",
            tmp_path,
            limits,
            vad=VadSettings(),
            name="call.ogg",
            on_progress=lambda *_: None,
        )


def test_too_long_by_its_own_word(take):
    with pytest.raises(TooLarge, match=r"longer than 0\.05 minutes"):
        take(
            CLIPS / "monday.ogg",
            AudioLimits(max_decoded_s=3.0, max_channels=8, timeout_s=60.0, memory_mib=1024),
        )
