"""ChunkFormer in its process under another Python; the package is one that stands in for it."""

import json
import wave
from itertools import pairwise

import pytest

from contracts.sounds import chunkformer
from peers import elsewhere
from peers.asking import CALLER, backend_context, provider_of
from roundhouse.backends.asr.chunkformer_host import seconds
from roundhouse.backends.asr.chunkformer_models import recipe
from roundhouse.core.audio import Region, TranscriptionRequest
from roundhouse.core.errors import (
    BackendDown,
    BadInput,
    ModelNotFound,
    NotSupported,
    WeightsMissing,
)
from roundhouse.core.registry import find


@pytest.fixture
def sound(tmp_path):
    """25 s of a quiet and a loud second in turn."""
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((bytes(32_000) + b"\x00\x20" * 16_000) * 12 + bytes(32_000))
    return path


async def heard(bench, path, **more):
    request = TranscriptionRequest(model="m", caller=CALLER, audio=path, duration_s=25.0, **more)
    running = await bench.backend.transcribe(request, "tiny")
    return [segment async for segment in running], running.recognition


def test_its_times_are_not_iso():
    assert seconds("00:00:01:040") == 1.04
    assert seconds("12:34:56:007") == 45_296.007


async def test_a_long_file_is_heard_in_windows_and_times_stay_those_of_the_file(sound):
    async with chunkformer(says="xin chào", options={"window_s": 10}) as bench:
        segments, recognition = await heard(bench, sound)
        # Cut in the quiet seconds; what lies behind the end of a window, or says nothing, is none.
        assert [one.text for one in segments] == ["xin chào"] * 4
        cuts = [0.0, *(one.end_s for one in segments)]
        assert cuts[-1] == 25.0
        assert all(after - before <= 10 for before, after in pairwise(cuts))
        assert all(int(cut) % 2 == 0 for cut in cuts[1:-1])
        assert [one.start_s - cut for one, cut in zip(segments, cuts, strict=False)] == pytest.approx(
            [0.08] * 4, abs=0.002
        )
        assert recognition.versions["parameters"]["window_s"] == 10
        assert recognition.versions["runtime"] == "torch 0.0.fake"
        assert recognition.versions["weights_sha256"]
        assert (recognition.language, recognition.language_probability) == ("vi", None)
        assert recognition.warnings == []
        # Only what it is told to hear is heard, and a stretch that is shorter than a window of the model.
        segments, _ = await heard(bench, sound, regions=(Region(3.0, 3.01), Region(21.0, 23.0)))
        assert [(one.start_s, one.end_s) for one in segments] == [(21.08, 23.0)]
        assert (await heard(bench, sound, regions=()))[0] == []
        _, recognition = await heard(bench, sound, prompt="Cuộc họp", vocabulary=("Hà Nội",))
        assert "no effect" in recognition.warnings[0]
        sound.write_bytes(b"RIFF")
        with pytest.raises(BadInput):
            await heard(bench, sound)


async def test_it_neither_translates_nor_knows_other_languages(sound):
    async with chunkformer() as bench:
        with pytest.raises(NotSupported, match="'en'; it knows vi"):
            await heard(bench, sound, language="en")
        with pytest.raises(NotSupported, match="does not translate"):
            await heard(bench, sound, task="translate")


@pytest.mark.parametrize(
    ("told", "error", "match"),
    [
        ({"lacks": "encoder.embed.weight"}, WeightsMissing, "tensors are missing: encoder.embed.weight"),
        ({"tensors": {**elsewhere.TENSORS, "ctc.weight": 3}}, WeightsMissing, "size mismatch for ctc.weight"),
        ({"model": "classification"}, NotSupported, "no recogniser of speech"),
        ({"model": "transducer", "lacks": "encoder.embed.weight"}, WeightsMissing, "tensors are missing"),
    ],
)
async def test_weights_of_another_model_are_refused(sound, told, error, match):
    async with chunkformer(**told) as bench:
        with pytest.raises(error, match=match):
            await heard(bench, sound)


async def test_what_hearing_does_not_need_may_be_missing(sound):
    async with chunkformer(lacks="decoder.weight") as bench:
        assert (await heard(bench, sound))[0]


async def test_a_process_that_dies_is_backend_down_and_the_next_call_has_another(sound):
    async with chunkformer(dies=True) as bench:
        with pytest.raises(BackendDown):
            await heard(bench, sound)
        config = bench.backend.home / "tiny" / "config.yaml"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"dies": False}))
        assert (await heard(bench, sound))[0]
        (running,) = await bench.backend.control.running()
        assert running.ram_mib > 10
        await bench.backend.control.unload("tiny")
        assert await bench.backend.control.running() == []


@pytest.mark.parametrize("gone", ["vocab.txt", "pytorch_model.bin", "config.yaml", "python"])
async def test_without_weights_or_environment_the_command_is_told(sound, gone):
    async with chunkformer() as bench:
        home = bench.backend.home
        folder = home.parents[1] / "elsewhere" if gone == "python" else home / "tiny"
        folder.joinpath(gone).unlink()
        assert await bench.backend.control.models() == []
        with pytest.raises(WeightsMissing, match="roundhouse models pull p/tiny") as caught:
            await heard(bench, sound)
        assert (caught.value.model, caught.value.by_command) == ("p/tiny", True)
        for call in (bench.backend.control.load, bench.backend.control.unload):
            with pytest.raises(ModelNotFound):
                await call("tiny")


def test_every_package_of_the_environment_has_its_version():
    made = recipe()
    lines = [line for line in made.requirements.splitlines() if not line.startswith("#")]
    assert all("==" in line.partition(";")[0] for line in (*lines, *made.alone))
    names = {line.partition("==")[0] for line in lines}
    assert {"torch", "torchaudio", "msgspec", "psutil", "numpy"} <= names
    assert not names & {"deepspeed", "tensorboard", "chunkformer"}


async def test_an_option_of_the_wrong_type_is_refused():
    async with backend_context() as context:
        with pytest.raises(BadInput, match="options of provider p"):
            find("asr", "chunkformer")(provider_of("chunkformer", "", options={"window_s": "long"}), context)
