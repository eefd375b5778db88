"""What a remote recogniser is sent, and what becomes of its answers."""

import pytest

from contracts.sounds import SENTENCE, SpeechServer, wav
from peers.asking import CALLER, backend_context, provider_of
from peers.scripts import json_answer
from peers.upstream import Upstream
from roundhouse.backends.asr.languages import code_of
from roundhouse.backends.multipart import FileForm
from roundhouse.core.audio import TranscriptionRequest
from roundhouse.core.errors import BackendBadAnswer
from roundhouse.core.registry import find


async def hear(script, folder, model="whisper-1", options=None, **more):
    path, length_s = wav(folder)
    request = TranscriptionRequest(model="m", caller=CALLER, audio=path, duration_s=length_s, **more)
    async with Upstream(script) as upstream, backend_context() as context:
        provider = provider_of("openai", upstream.url, options=options or {}, headers={"X-Own": "1"})
        running = await find("asr", "openai")(provider, context).transcribe(request, model)
        return [one async for one in running], running.recognition, upstream.requests


async def test_what_is_sent(tmp_path):
    server = SpeechServer()
    segments, recognition, requests = await hear(
        server,
        tmp_path,
        language="en",
        prompt="Meetings.",
        vocabulary=("Huế", "Đà Nẵng"),
        temperature=0.2,
        word_times=True,
    )
    (form,) = server.forms
    assert form.pop("file") == [str((tmp_path / "sound.wav").stat().st_size)]
    assert form == {
        "model": ["whisper-1"],
        "response_format": ["verbose_json"],
        "language": ["en"],
        "prompt": ["Meetings. Huế, Đà Nẵng"],
        "temperature": ["0.2"],
        "timestamp_granularities[]": ["segment", "word"],
    }
    assert requests[0].headers["x-own"] == "1"
    assert int(requests[0].headers["content-length"]) == len(requests[0].body)
    # A time behind the end is the end.
    assert segments[0].end_s == pytest.approx(3.33, abs=0.05)
    assert (recognition.language, recognition.warnings) == ("en", [])


@pytest.mark.parametrize(("model", "asked"), [("whisper-1", 2), ("gpt-4o-transcribe", 1)])
async def test_a_model_that_tells_no_times_is_asked_for_the_text(tmp_path, model, asked):
    server = SpeechServer()
    server.knows_verbose = False
    segments, recognition, requests = await hear(server, tmp_path, model)
    assert [(one.text, one.flags) for one in segments] == [(SENTENCE, ("untimed",))]
    assert recognition.warnings == ["The recogniser tells no times."]
    assert len(requests) == asked


async def test_translations_and_other_paths(tmp_path):
    *_, requests = await hear(SpeechServer(), tmp_path, task="translate", language="vi")
    assert requests[0].path == "/v1/audio/translations"
    assert b'name="language"' not in requests[0].body
    *_, requests = await hear(SpeechServer(), tmp_path, options={"asr_path": "inference"})
    assert requests[0].path == "/v1/inference"


@pytest.mark.parametrize("answer", [{}, {"text": 5}, {"segments": [{"text": "x"}]}, []])
async def test_what_is_no_transcript(tmp_path, answer):
    with pytest.raises(BackendBadAnswer):
        await hear(json_answer(answer), tmp_path)


async def test_nothing_said(tmp_path):
    assert (await hear(json_answer({"text": " ", "segments": []}), tmp_path))[0] == []


async def test_a_file_that_changes_while_it_is_sent_is_not_sent_as_a_whole(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"x" * 1000)
    form = FileForm("line", [("model", "m")], path, "a.wav")
    pieces = [piece async for piece in form.pieces()]
    assert sum(map(len, pieces)) == form.size_bytes
    path.write_bytes(b"x" * 10)
    with pytest.raises(OSError, match="shorter"):
        _ = [piece async for piece in form.pieces()]


def test_names_of_languages():
    told = ("english", "Vietnamese", "he", "yue", "", None, "klingon")
    assert [code_of(one) for one in told] == ["en", "vi", "he", "yue", None, None, None]
