"""Damaged, lying and hostile files: what each must come to, and that it is never an empty success."""

import asyncio
import io
import os
import shutil
import struct
import time
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import psutil
import pytest

from conftest import SERVERS_REQUIRED
from recording import CLIPS, encode, spoken
from roundhouse.core.errors import (
    ChildFailed,
    RoundhouseError,
    StorageFull,
    TooLarge,
    Unprocessable,
    UnsupportedMedia,
)
from roundhouse.infra.audio import AudioLimits, VadSettings, prepare
from roundhouse.infra.audio.wave import WaveWriter
from roundhouse.infra.jobs.child import run_in_child

LIMITS = AudioLimits(max_decoded_s=3600.0, max_channels=8, timeout_s=60.0, memory_mib=1024)
ENDLESS = AudioLimits(max_decoded_s=1e9, max_channels=8, timeout_s=60.0, memory_mib=1024)
HERE = Path(__file__).parent
LONG = np.tile(spoken(), 20)


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("call.mp3", (CLIPS / "monday.mp3").read_bytes())
    return content.getvalue()


def riff(data_bytes: int, held: bytes, *, rate_hz: int = 16_000) -> bytes:
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16
    )
    return head + struct.pack("<4sI", b"data", data_bytes) + held


REFUSED = {
    "empty": (b"", Unprocessable, "is empty"),
    "ffconcat": (
        b"ffconcat version 1.0\nfile '/etc/passwd'\nduration 10\n",
        UnsupportedMedia,
        "not a recording",
    ),
    "HLS playlist": (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", UnsupportedMedia, None),
    "DASH": (b'<?xml version="1.0"?><MPD><Period/></MPD>', UnsupportedMedia, None),
    "SDP": (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n", UnsupportedMedia, None),
    "text": (b"The meeting starts on Monday.\n" * 400, UnsupportedMedia, None),
    "subtitles": (b"WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n", UnsupportedMedia, None),
    "zip": (zipped(), UnsupportedMedia, None),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(2000), UnsupportedMedia, None),
    "photo": (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40, UnsupportedMedia, None),
    "MIDI": (b"MThd" + bytes(100), UnsupportedMedia, None),
    "random bytes": (np.random.default_rng(7).bytes(200_000), Unprocessable, "No sound"),
    "zeros": (bytes(100_000), Unprocessable, "No sound"),
    "WAV without data": (riff(0, b"")[:44], Unprocessable, None),
    "WAV cut in its header": (riff(0, b"")[:30], Unprocessable, None),
    "film without sound": ((CLIPS / "film_without_sound.mp4").read_bytes(), Unprocessable, "has no sound"),
    "M4A without index": ((CLIPS / "monday.m4a").read_bytes()[:7000], Unprocessable, "index is missing"),
    "Ogg of one page": ((CLIPS / "monday.ogg").read_bytes()[:60], Unprocessable, None),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("name", ["call.mp3", "call.txt"])
def test_what_is_no_recording_is_refused(take, case, name):
    content, kind, text = REFUSED[case]
    with pytest.raises(kind, match=text) as caught:
        take(content, name=name)
    assert type(caught.value) is kind
    assert name in caught.value.detail


def test_a_playlist_in_a_container_that_is_taken_reads_no_other_file(take, tmp_path):
    """QuickTime may name other files for its sound; they are not opened."""
    content = bytearray((CLIPS / "monday.m4a").read_bytes())
    at = content.find(b"url \x00\x00\x00\x01")
    assert at > 0
    content[at : at + 8] = b"url \x00\x00\x00\x00"
    try:
        take(bytes(content))
    except RoundhouseError as error:
        assert isinstance(error, Unprocessable)


@pytest.fixture(scope="module")
def mp3(tmp_path_factory) -> bytes:
    return encode(tmp_path_factory.mktemp("long") / "long.mp3", LONG, "mp3").read_bytes()


def test_the_first_third_of_an_mp3_is_flagged(take, mp3):
    sound = take(mp3[: len(mp3) // 3])
    assert sound.declared_s == pytest.approx(len(LONG) / 16_000, abs=0.1)
    assert sound.decoded_s == pytest.approx(sound.declared_s / 3, rel=0.05)
    assert "declares 66.6 s but holds" in sound.warnings[0]


def damaged(content: bytes) -> bytes:
    random, found = np.random.default_rng(3), bytearray(content)
    for at in range(0, len(found), 3000):
        found[at : at + 40] = random.bytes(len(found[at : at + 40]))
    return bytes(found)


def test_a_damaged_mp3_is_decoded_around_the_damage(take, mp3, without_ffmpeg):
    sound = take(damaged(mp3))
    assert 0.75 * 66 < sound.decoded_s < 66
    assert sound.skipped_packets > 20
    assert sound.warnings
    assert not sound.recovered


@pytest.mark.skipif(
    shutil.which("ffmpeg") is None and not SERVERS_REQUIRED, reason="the second opinion is FFmpeg's"
)
def test_a_second_decoder_is_asked_about_a_damaged_mp3(take, mp3):
    sound = take(damaged(mp3))
    assert 0.75 * 66 < sound.decoded_s < 66
    assert sound.warnings


def test_the_longer_of_two_opinions_is_kept(take, mp3, tmp_path, monkeypatch):
    """A second decoder that hears all of what the first lost: a program of the test's own under FFmpeg's name."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "ffmpeg"
    program.write_text("#!/bin/sh\nexec head -c 2131200 /dev/zero\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    sound = take(mp3[: len(mp3) // 3])
    assert sound.recovered
    assert sound.decoded_s == pytest.approx(66.6)
    assert sound.tracks[0].duration_s == pytest.approx(66.6)
    assert sound.warnings == ["A second decoder got more out of it than the first."]


def test_zeros_within_an_mp3_that_counts_no_frames_are_noticed(take, mp3, without_ffmpeg):
    content = bytearray(mp3)
    start = content.find(b"\xff\xf3", content.find(b"Info") + 4)
    content = content[start:]
    content[200_000:280_000] = bytes(80_000)
    sound = take(bytes(content))
    assert sound.declared_s is None
    assert sound.decoded_s < 60
    assert "damaged and missing" in sound.warnings[0]


def test_a_hole_in_ogg_keeps_the_time_behind_it(take, tmp_path):
    clip = spoken()
    content = encode(tmp_path / "a.ogg", np.concatenate([clip] * 10), "libopus", rate_hz=48_000).read_bytes()
    pages = [at for at in range(len(content)) if content.startswith(b"OggS", at)]
    third = len(pages) // 3
    sound = take(content[: pages[third]] + content[pages[2 * third] :])
    whole_s = len(clip) * 10 / 48_000
    assert sound.tracks[0].duration_s == pytest.approx(whole_s, abs=0.1)
    assert sound.decoded_s < 0.8 * whole_s
    assert "silence was put in their place" in sound.warnings[0]


def test_sound_that_begins_after_the_picture_keeps_its_time(take, tmp_path):
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as media:
        film = media.add_stream("mpeg4", rate=5, width=64, height=64)
        talk = media.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(20):
            picture = av.VideoFrame(64, 64, "yuv420p")
            picture.pts = number
            media.mux(film.encode(picture))
        media.mux(film.encode(None))
        frame = av.AudioFrame.from_ndarray(spoken()[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 16_000 * 2, Fraction(1, 16_000)
        media.mux(talk.encode(frame))
        media.mux(talk.encode(None))
    sound = take(path, vad=VadSettings())
    assert sound.tracks[0].duration_s == pytest.approx(5.33, abs=0.1)
    assert sound.tracks[0].regions[0].start_s == pytest.approx(2.2, abs=0.2)


def test_a_wav_that_was_cut_off_is_flagged(take):
    content = riff(2 * len(LONG), LONG.tobytes())
    sound = take(content[:50_000])
    assert sound.declared_s == pytest.approx(len(LONG) / 16_000)
    assert sound.decoded_s == pytest.approx((50_000 - 44) / 32_000, abs=0.01)
    assert "declares" in sound.warnings[0]


@pytest.mark.parametrize("size", [0x7FFF_FFFF, 0xFFFF_FFFF, 0x7FFF_F024, 0])
def test_a_wav_that_was_streamed_declares_nothing(take, size):
    sound = take(riff(size, spoken().tobytes()))
    assert sound.declared_s is None
    assert sound.decoded_s == pytest.approx(3.33, abs=0.01)
    assert "does not declare its length" in sound.warnings[0]


def test_ten_hours_in_a_small_file_are_refused_at_once(take, tmp_path):
    path = tmp_path / "bomb.flac"
    encode(path, np.zeros(8_000 * 60), "flac", rate_hz=8_000)
    content = bytearray(path.read_bytes())
    # STREAMINFO: the count of samples is 36 bits wide.
    content[21] |= 0
    content[22:26] = struct.pack(">I", 8_000 * 36_000)
    begun_s = time.monotonic()
    with pytest.raises(TooLarge, match="longer than 60 minutes"):
        take(bytes(content), LIMITS)
    assert time.monotonic() - begun_s < 1


def test_what_lies_about_its_length_is_stopped_by_the_cap(take, tmp_path):
    path = tmp_path / "bomb.flac"
    encode(path, np.zeros(8_000 * 600), "flac", rate_hz=8_000)
    content = bytearray(path.read_bytes())
    content[22:26] = struct.pack(">I", 8_000)
    limits = AudioLimits(max_decoded_s=60.0, max_channels=8, timeout_s=60.0, memory_mib=1024)
    with pytest.raises(TooLarge, match="longer than 1 minutes"):
        take(bytes(content), limits)
    tracks = list((tmp_path / "tracks").iterdir())
    assert all(track.stat().st_size < 62 * 32_000 for track in tracks)


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Runs a decoder of the tests where the real one runs."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))

    async def run(function, memory_mib=256):
        return await run_in_child(
            f"hostile_decoders:{function}",
            {"memory_mib": memory_mib},
            on_progress=lambda share, text: None,
            folder=tmp_path,
            packages=["roundhouse", "hostile_decoders"],
        )

    return run


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="no other system limits the address space")
async def test_a_decoder_that_eats_memory_fails_alone(child):
    with pytest.raises(ChildFailed, match="MemoryError"):
        await child("eat_memory")
    assert psutil.Process().is_running()


async def test_a_decoder_that_hangs_is_ended(child):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await child("hang")


async def test_a_decoder_that_crashes_is_told(child):
    with pytest.raises(ChildFailed, match="SIGSEGV"):
        await child("crash")


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="no other system limits the address space")
async def test_memory_that_runs_out_is_a_fault_of_the_file(tmp_path):
    limits = AudioLimits(max_decoded_s=3600.0, max_channels=8, timeout_s=60.0, memory_mib=1)
    with pytest.raises(Unprocessable, match=r"1 MiB of memory|cannot be read"):
        await prepare(
            CLIPS / "monday.mp3",
            tmp_path,
            limits,
            vad=VadSettings(enabled=False),
            on_progress=lambda *_: None,
        )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
async def test_a_full_disk_is_told_as_such(tmp_path):
    (tmp_path / "mix.wav").symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        await prepare(
            CLIPS / "monday.mp3",
            tmp_path,
            LIMITS,
            vad=VadSettings(enabled=False),
            on_progress=lambda *_: None,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["monday.mp3", "stereo.ogg"])
async def test_room_is_left_to_others(tmp_path, name):
    """More than there is on any disk: by the length that is declared, or once it is written."""
    limits = msgspec.structs.replace(LIMITS, reserve_bytes=2**62)
    with pytest.raises(StorageFull, match="no room"):
        await prepare(
            CLIPS / name, tmp_path, limits, vad=VadSettings(), split=True, on_progress=lambda *_: None
        )
    assert list(tmp_path.iterdir()) == []


def test_room_is_looked_at_while_it_is_written(tmp_path):
    with pytest.raises(StorageFull, match="no room"), WaveWriter(tmp_path / "mix.wav", 2**62) as file:
        file.write_silence(16_000)


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    found = bytearray(content)
    for _ in range(int(random.integers(1, 8))):
        kind, at = random.integers(0, 5), int(random.integers(0, len(found)))
        size = int(random.integers(1, 1 + len(found) // 4))
        if kind == 0:
            found[at] = int(random.integers(0, 256))
        elif kind == 1:
            found[at : at + size] = random.bytes(min(size, 64))
        elif kind == 2:
            del found[at : at + size]
        elif kind == 3:
            found[at:at] = found[max(0, at - size) : at]
        else:
            # Sizes and counts stand at the beginning.
            found[int(random.integers(0, min(200, len(found))))] = int(
                random.choice([0, 1, 0x7F, 0x80, 0xFF])
            )
        if not found:
            return b""
    return bytes(found)


async def mutate(tmp_path: Path, files: int, seed: int) -> dict[str, int]:
    """Each file through the whole of it, many in one child: one crash would end them all."""
    random = np.random.default_rng(seed)
    sources = [one.read_bytes() for one in sorted(CLIPS.iterdir())]
    paths = []
    for number in range(files):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(mutated(sources[number % len(sources)], random))
        paths.append(str(path))
    (tmp_path / "tracks").mkdir(exist_ok=True)
    return await run_in_child(
        "hostile_decoders:take_all",
        {"paths": paths, "folder": str(tmp_path / "tracks")},
        on_progress=lambda share, text: None,
        folder=tmp_path,
        packages=["roundhouse", "hostile_decoders"],
    )


async def test_some_mutated_files(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    found = await mutate(tmp_path, 24, seed=1)
    assert sum(found.values()) == 24
    assert set(found) <= {"Sound", "Unprocessable", "UnsupportedMedia", "TooLarge"}
    assert found["Sound"] > 5


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_a_thousand_mutated_files(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    found = await mutate(tmp_path, 1000, seed=2)
    assert sum(found.values()) == 1000
    assert set(found) <= {"Sound", "Unprocessable", "UnsupportedMedia", "TooLarge"}


def test_channels_that_change_on_the_way(take, tmp_path):
    """Frame by frame, AAC may go from two channels to one, and to another rate."""
    said = spoken()
    parts = [
        encode(tmp_path / "a.aac", np.stack([said, said]), "aac", layout="stereo"),
        encode(tmp_path / "b.aac", said, "aac"),
        encode(tmp_path / "c.aac", said, "aac", rate_hz=44_100),
        encode(tmp_path / "d.aac", np.stack([said, said]), "aac", layout="stereo"),
    ]
    sound = take(b"".join(part.read_bytes() for part in parts))
    assert sound.decoded_s == pytest.approx(len(said) * (3 / 16_000 + 1 / 44_100), abs=0.5)


@pytest.mark.parametrize("split", [False, True])
def test_a_very_short_recording(take, tmp_path, split):
    rows = np.stack([spoken()[8000:8160], spoken()[9000:9160]])
    path = encode(tmp_path / "a.wav", rows, "pcm_s16le", layout="stereo")
    sound = take(path, vad=VadSettings(), split=split)
    assert sound.decoded_s == 0.01
    assert sound.loudness_lufs is None
