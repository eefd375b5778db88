"""Both dialects of the configuration, and what is refused of them."""

import json

import pytest

from roundhouse.core.errors import BadInput, NotSupported, RoundhouseError
from roundhouse.features.gateway.realtime.options import Options, changed, shown
from roundhouse.features.gateway.realtime.turns import Turns

INPUT = "session.audio.input"


def after(session, options=None):
    return changed(options or Options(), json.dumps(session).encode())


def heard(**members):
    return {"type": "transcription", "audio": {"input": members}}


def test_what_is_not_mentioned_stays():
    first = after(
        heard(
            format={"type": "audio/pcm", "rate": 16000},
            transcription={
                "model": "whisper-1",
                "language": "vi-VN",
                "prompt": "Hà Nội",
                "keywords": ["Vũ", " "],
            },
            turn_detection={"type": "server_vad", "threshold": 0.7},
        )
    )
    turns = Turns(threshold=0.7)
    assert first == Options(
        rate_hz=16000, model="whisper-1", language="vi", prompt="Hà Nội", vocabulary=("Vũ",), turns=turns
    )
    assert after({"type": "transcription"}, first) == first
    second = after(heard(transcription={"language": None, "delay": "high"}, turn_detection=None), first)
    assert (second.model, second.language, second.delay, second.turns) == ("whisper-1", None, "high", None)
    third = after(heard(turn_detection={"silence_duration_ms": 300}), second)
    assert third.turns == Turns(silence_duration_ms=300)
    told = shown(third, "sess_1", beta=False)
    assert after(told, Options()) == third


def test_the_flat_dialect_of_the_beta():
    options = after(
        {
            "input_audio_format": "g711_ulaw",
            "input_audio_transcription": {"model": "auto", "language": "he"},
            "turn_detection": {"type": "server_vad", "prefix_padding_ms": 100},
            "input_audio_noise_reduction": {"type": "near_field"},
        }
    )
    assert (options.encoding, options.rate_hz, options.language) == ("pcmu", 8000, "he")
    told = shown(options, "sess_1", beta=True)
    assert (told["input_audio_format"], told["input_audio_noise_reduction"]) == ("g711_ulaw", None)
    assert after(told) == options


@pytest.mark.parametrize(
    ("session", "kind", "param"),
    [
        ({"type": "realtime"}, NotSupported, "session.type"),
        ({"include": ["item.input_audio_transcription.logprobs"]}, NotSupported, "session.include"),
        (heard(format={"type": "audio/opus"}), NotSupported, INPUT + ".format.type"),
        (heard(format={"rate": 44100}), NotSupported, INPUT + ".format.rate"),
        (heard(format={"type": "audio/pcmu", "rate": 16000}), NotSupported, INPUT + ".format.rate"),
        ({"input_audio_format": "mp3"}, NotSupported, "session.input_audio_format"),
        (heard(transcription=None), NotSupported, INPUT + ".transcription"),
        (heard(transcription={"model": ""}), BadInput, INPUT + ".transcription.model"),
        (heard(transcription={"language": "Tiếng Việt"}), BadInput, INPUT + ".transcription.language"),
        (heard(transcription={"keywords": ["x"] * 101}), BadInput, INPUT + ".transcription.keywords"),
        (heard(transcription={"delay": "never"}), BadInput, INPUT + ".transcription.delay"),
        (heard(turn_detection={"type": "semantic_vad"}), NotSupported, INPUT + ".turn_detection.type"),
        (heard(turn_detection={"idle_timeout_ms": 5}), NotSupported, INPUT + ".turn_detection.idle_timeout_ms"),
        (heard(turn_detection={"threshold": 0}), BadInput, INPUT + ".turn_detection.threshold"),
        (heard(turn_detection={"threshold": "x"}), BadInput, INPUT + ".turn_detection.threshold"),
        (heard(turn_detection={"prefix_padding_ms": 9999}), BadInput, INPUT + ".turn_detection.prefix_padding_ms"),
        (heard(turn_detection={"silence_duration_ms": 1}), BadInput, INPUT + ".turn_detection.silence_duration_ms"),
        ([], BadInput, "session"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_refused(session, kind, param):
    with pytest.raises(RoundhouseError) as caught:
        after(session)
    assert (type(caught.value), caught.value.param) == (kind, param)
