"""Sound of other rates and number formats is the same sound, whatever pieces it comes in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recording import spoken
from roundhouse.core.errors import BadInput
from roundhouse.infra.audio import voice
from roundhouse.infra.audio.arriving import Arriving, Ears


def tone(rate_hz: int, tone_hz: float, seconds: float = 0.5) -> np.ndarray:
    return (10_000 * np.sin(2 * np.pi * tone_hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype("<i2")


def strength(samples: np.ndarray) -> float:
    return float(np.sqrt((samples[1000:-1000].astype(float) ** 2).mean()))


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000, 48_000])
def test_what_can_be_kept_is_kept_and_the_rest_is_silenced(rate_hz):
    for tone_hz in (200, 1000, 3400):
        made = Arriving("pcm", rate_hz).feed(tone(rate_hz, tone_hz).tobytes())
        assert len(made) == 8000
        assert strength(made) == pytest.approx(strength(tone(16_000, tone_hz)), rel=0.01)
    if rate_hz > 20_000:
        assert strength(Arriving("pcm", rate_hz).feed(tone(rate_hz, 10_000).tobytes())) < 10


@settings(max_examples=30)
@given(st.sampled_from([8000, 16_000, 24_000, 48_000]), st.lists(st.integers(0, 700), max_size=12))
def test_pieces_do_not_matter(rate_hz, sizes):
    sound = tone(rate_hz, 440, 0.1).tobytes()
    arriving, parts, at = Arriving("pcm", rate_hz), [], 0
    for size in [*sizes, len(sound)]:
        parts.append(arriving.feed(sound[at : at + 2 * size]))
        at += 2 * size
    whole = Arriving("pcm", rate_hz).feed(sound)
    parted = np.concatenate(parts)
    assert len(whole) == len(parted)
    assert np.abs(whole.astype(int) - parted).max() <= 1


def test_g711():
    # Values of the tables of ITU-T G.711: the ends, the zeros, and one in the middle.
    ulaw = Arriving("pcmu", 16_000).feed(bytes([0x00, 0x80, 0xFF, 0x7F, 0x1E]))
    assert ulaw.tolist() == [-32124, 32124, 0, 0, -8828]
    alaw = Arriving("pcma", 16_000).feed(bytes([0x2A, 0xAA, 0xD5, 0x55, 0x34]))
    assert alaw.tolist() == [-32256, 32256, 8, -8, -8960]


def test_half_a_sample_is_refused():
    with pytest.raises(BadInput, match="odd number"):
        Arriving("pcm", 24_000).check(b"abc")
    Arriving("pcmu", 8000).check(b"abc")


def test_speech_is_found_as_in_a_recording():
    samples = spoken("monday.ogg")
    model = voice.model_path()
    whole = np.concatenate(list(voice.probabilities([samples], model)))
    ears, found, sound = Ears(voice.open_model(model), "pcm", 16_000), [], b""
    for start in range(0, len(samples), 1000):
        taken, probabilities = ears.feed(samples[start : start + 1000].tobytes())
        sound += taken
        found += probabilities
    assert sound == samples.tobytes()
    assert np.allclose(found, whole[: len(found)], atol=1e-5)
    assert len(samples) // voice.WINDOW == len(found)
