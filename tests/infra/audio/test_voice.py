"""Where somebody speaks: the same as the library says, whatever the blocks."""

import numpy as np
import pytest

from recording import spoken
from roundhouse.core.errors import MissingExtra
from roundhouse.infra.audio import VadSettings, voice
from roundhouse.infra.audio.voice import Regions, model_path, probabilities


def found(samples: np.ndarray, settings: VadSettings, block: int = 160_000) -> list[tuple[float, float]]:
    regions = Regions(settings)
    blocks = [samples[at : at + block] for at in range(0, len(samples), block)]
    for piece in probabilities(blocks, model_path()):
        regions.feed(piece)
    return [(one.start_s, one.end_s) for one in regions.close(len(samples))]


@pytest.mark.parametrize("clip", ["monday.ogg", "meeting.ogg", "silence.ogg", "stereo.ogg"])
@pytest.mark.parametrize(
    "settings",
    [
        VadSettings(),
        VadSettings(threshold=0.3, min_silence_ms=2000, min_speech_ms=0, padding_ms=400),
        VadSettings(threshold=0.8, min_silence_ms=30, min_speech_ms=300, padding_ms=0),
    ],
)
def test_the_same_as_the_library(clip, settings):
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    samples = spoken(clip)
    theirs = get_speech_timestamps(
        samples.astype(np.float32) / 32768,
        VadOptions(
            threshold=settings.threshold,
            neg_threshold=None,
            min_speech_duration_ms=settings.min_speech_ms,
            max_speech_duration_s=float("inf"),
            min_silence_duration_ms=settings.min_silence_ms,
            speech_pad_ms=settings.padding_ms,
        ),
    )
    ours = found(samples, settings)
    assert len(ours) == len(theirs)
    for (start_s, end_s), their in zip(ours, theirs, strict=True):
        assert start_s == pytest.approx(their["start"] / 16_000, abs=0.033)
        assert end_s == pytest.approx(their["end"] / 16_000, abs=0.033)


@pytest.mark.parametrize("block", [160, 512, 5000, 10**9])
def test_blocks_do_not_matter(block):
    samples = spoken("meeting.ogg")
    assert found(samples, VadSettings(), block) == found(samples, VadSettings())


def test_three_sentences_are_three_regions():
    regions = found(spoken("meeting.ogg"), VadSettings())
    assert len(regions) == 3
    assert all(end > start for start, end in regions)
    assert regions == sorted(regions)


def test_noise_is_no_speech():
    noise = np.random.default_rng(1).normal(0, 300, 16_000 * 10).astype(np.int16)
    assert found(noise, VadSettings()) == []


def test_a_missing_model_is_told(monkeypatch):
    monkeypatch.setattr(voice, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"faster-whisper"):
        model_path()
