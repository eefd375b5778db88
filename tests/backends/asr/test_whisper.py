"""Whisper in its process, with the tiny model that knows twelve sentences."""

import asyncio
import os
import shutil
import signal
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from contracts.sounds import SENTENCE, wav, whisper
from peers.asking import CALLER
from roundhouse.backends.asr import whisper_host
from roundhouse.backends.asr.wav import Wav
from roundhouse.backends.asr.whisper_host import WhisperHost
from roundhouse.core.audio import Region, TranscriptionRequest
from roundhouse.core.errors import BackendDown, BadInput, ModelNotFound, NotSupported, WeightsMissing

MODEL = Path(__file__).parents[2] / "models" / "whisper-en3-ct2"
CLIPS = ["monday.ogg", "report.ogg", "engineers.ogg", "refund.ogg"]
TEXTS = [
    SENTENCE,
    "please send the report before friday",
    "we decided to hire two engineers",
    "the customer asked for a refund",
]
PAUSE_S = 3.0


def asked(sound, **more):
    return TranscriptionRequest(model="m", caller=CALLER, audio=sound[0], duration_s=sound[1], **more)


async def heard(bench, request):
    running = await bench.backend.transcribe(request, "tiny")
    return [segment async for segment in running], running.recognition


@pytest.fixture(scope="module")
def model():
    return WhisperHost({"name": "whisper/tiny", "folder": str(MODEL), "compute_type": "float16"})


@pytest.fixture
def four(tmp_path):
    """Four sentences with a pause behind each, and where they are."""
    regions, start_s = [], 0.0
    for clip in CLIPS:
        length_s = wav(tmp_path, clip)[1]
        regions.append(Region(start_s, start_s + length_s))
        start_s += length_s + PAUSE_S
    path, length_s = wav(tmp_path, *CLIPS, pause_s=PAUSE_S)
    return path, length_s, regions


def work(model, path, **more):
    told = []
    end = model.work({"path": str(path), **more}, told.append, lambda: False)
    return told, end


def test_a_long_file_is_heard_in_stretches_and_in_batches_and_times_stay_those_of_the_file(
    model, four, monkeypatch
):
    path, _, regions = four
    # Each sentence alone: the tiny model hears no two at once.
    monkeypatch.setattr(whisper_host, "STRETCH_S", 4.0)
    told = [{"start_s": one.start_s, "end_s": one.end_s} for one in regions]
    for batched_from_s in (1000.0, 0.0):
        segments, end = work(model, path, regions=told, batched_from_s=batched_from_s, batch_size=2)
        assert [one["text"] for one in segments] == TEXTS
        for one, region in zip(segments, regions, strict=True):
            assert region.start_s - 0.1 <= one["start_s"] < one["end_s"] <= region.end_s + PAUSE_S
        assert ("batch_size" in end["parameters"]) is (batched_from_s == 0.0)
    # Only what it is told to hear is heard.
    segments, _ = work(model, path, regions=told[2:3])
    assert [one["text"] for one in segments] == TEXTS[2:3]
    assert work(model, path, regions=[])[0] == []


def test_a_file_without_pause_is_read_in_windows(model, tmp_path, monkeypatch):
    monkeypatch.setattr(whisper_host, "_SHORTEST_WINDOW_S", 2.0)
    monkeypatch.setattr(whisper_host, "_LONGEST_WINDOW_S", 2.0)
    path = tmp_path / "noise.wav"
    noise = np.random.default_rng(1).normal(0, 2000, 16_000 * 5).astype("<i2")
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(noise.tobytes())
    sizes = []
    read = Wav.read

    def noted(self, start, end):
        sizes.append((start, end))
        return read(self, start, end)

    monkeypatch.setattr(Wav, "read", noted)
    segments, _ = work(model, path)
    # No part is longer than a window, none is left out.
    assert all(end - start <= 2 * 16_000 for start, end in sizes)
    assert sizes[0][0] == 0
    assert sizes[-1][1] == 5 * 16_000
    assert all(after[0] <= before[1] for before, after in pairwise(sizes))
    assert all(0 <= one["start_s"] < one["end_s"] <= 5.0 for one in segments)


def test_what_fell_back_is_told_and_letters_are_never_suppressed(model):
    about = model.describe()
    assert about["compute_type"] == "float32"
    assert about["warnings"] == [
        "The device cpu has no compute type float16; the default of the weights is used."
    ]
    assert about["weights_sha256"].startswith("1a251d2c")
    assert model._suppressed == []


def test_it_stops_between_segments(model, four):
    path, _, regions = four
    told = []
    region = {"start_s": 0.0, "end_s": regions[0].end_s}
    end = model.work({"path": str(path), "regions": [region]}, told.append, lambda: True)
    assert told == []
    assert end["versions"]


@pytest.mark.parametrize("batched_from_s", [0.0, 90.0])
def test_it_stops_within_a_segment_and_hears_the_next_file(model, four, batched_from_s):
    path, _, _ = four
    asked = {"path": str(path), "batched_from_s": batched_from_s}

    def hear(most_asks):
        asks, told = 0, []

        def stopped():
            nonlocal asks
            asks += 1
            return asks > most_asks

        model.work(asked, told.append, stopped)
        return asks, told

    # The sound is encoded, and what was said not written down any more.
    assert hear(1) == (2, [])
    asks, told = hear(1000)
    assert told == work(model, path, batched_from_s=batched_from_s)[0] != []
    # Before each call of the model, too.
    assert asks > len(told) + 1


@pytest.mark.parametrize("shape", [(2, 2, 16_000), (1, 1, 16_000), (1, 2, 8_000)])
def test_only_the_wav_that_is_agreed_on(model, tmp_path, shape):
    path = tmp_path / "wrong.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((*shape, 0, "NONE", ""))
        sound.writeframes(bytes(4000))
    with pytest.raises(BadInput):
        work(model, path)
    path.write_bytes(b"RIFF")
    with pytest.raises(BadInput):
        work(model, path)


def test_what_the_model_cannot_is_refused(model, four):
    with pytest.raises(NotSupported, match="does not know the language 'vi'"):
        work(model, four[0], language="vi")
    with pytest.raises(NotSupported, match="does not translate"):
        work(model, four[0], task="translate")


@pytest.mark.parametrize("gone", ["tokenizer.json", "model.bin", "config.json"])
def test_a_folder_that_is_not_complete_is_refused_and_nothing_is_downloaded(tmp_path, gone):
    shutil.copytree(MODEL, tmp_path / "tiny")
    (tmp_path / "tiny" / gone).unlink()
    with pytest.raises(WeightsMissing, match="roundhouse models pull whisper/tiny"):
        WhisperHost({"name": "whisper/tiny", "folder": str(tmp_path / "tiny")})


def hosts() -> list[psutil.Process]:
    return [
        one
        for one in psutil.Process().children()
        if one.status() != psutil.STATUS_ZOMBIE
        and "roundhouse.infra.hosting.process" in " ".join(one.cmdline())
    ]


async def test_a_process_that_is_killed_is_backend_down_and_the_next_call_has_another(tmp_path):
    sound = wav(tmp_path)
    async with whisper() as bench:
        control = bench.backend.control
        await control.load("tiny")
        (running,) = await control.running()
        assert running.ram_mib > 20
        (process,) = hosts()
        work = await bench.backend.transcribe(asked(sound), "tiny")
        os.kill(process.pid, signal.SIGSTOP)
        pieces = aiter(work)
        waiting = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(BackendDown):
            await waiting
        segments, _ = await heard(bench, asked(sound))
        assert [one.text for one in segments] == [SENTENCE]
        await control.unload("tiny")
        assert await control.running() == []
        assert hosts() == []


async def test_models_are_folders_and_a_broken_one_is_none(tmp_path):
    async with whisper(folders=[str(tmp_path)]) as bench:
        control, home = bench.backend.control, bench.backend.home
        shutil.copytree(MODEL, tmp_path / "other")
        shutil.copytree(MODEL, home / "org" / "name")
        shutil.copytree(MODEL, home / "half.partial")
        (home / "empty").mkdir()
        models = {one.id: one for one in await control.models()}
        assert set(models) == {"tiny", "other", "org/name"}
        assert models["tiny"].operations == ("transcriptions",)
        assert models["tiny"].languages == ("en",)
        assert models["tiny"].size_bytes > 2_000_000
        for call in (control.load, control.unload):
            with pytest.raises(ModelNotFound):
                await call("empty")
        with pytest.raises(WeightsMissing):
            await bench.backend.transcribe(asked((tmp_path / "x.wav", 1.0)), "small")
