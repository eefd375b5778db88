"""Recognisers and speakers that the contract suites run over, and the sound they are given."""

from __future__ import annotations

import json
import re
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import pytest

from conftest import SERVERS_REQUIRED
from contracts.backends import Bench, Case, _fake, _fake_failing, _openai
from peers import elsewhere
from peers.asking import backend_context, provider_of
from peers.scripts import error_answer
from peers.upstream import Exchange
from roundhouse.core.registry import find
from roundhouse.core.types import Timeouts

MODELS = Path(__file__).parent.parent / "models"
CLIPS = Path(__file__).parent.parent / "audio_clips"
SENTENCE = "the meeting starts on monday morning"


def wav(folder: Path, *clips: str, pause_s: float = 0.0) -> tuple[Path, float]:
    """Clips, one behind the other, as a recogniser is given them, and their length."""
    path = folder / "sound.wav"
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        for clip in clips or ("monday.ogg",):
            with av.open(CLIPS / clip) as source:
                for frame in source.decode(audio=0):
                    frame.pts = None
                    for one in resampler.resample(frame):
                        sound.writeframes(one.to_ndarray().tobytes())
            sound.writeframes(bytes(2 * int(pause_s * 16_000)))
        return path, sound.getnframes() / 16_000


def form_of(exchange: Exchange) -> dict[str, list[str]]:
    """The fields of a form as a server reads them; of the file its size."""
    kind = exchange.request.headers["content-type"]
    boundary = kind.partition("boundary=")[2].encode()
    found: dict[str, list[str]] = {}
    for part in exchange.request.body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        assert name is not None
        is_file = b"filename" in head
        found.setdefault(name[1].decode(), []).append(str(len(value)) if is_file else value.decode())
    return found


class SpeechServer:
    """OpenAI's audio API as a script of `peers.upstream`."""

    def __init__(self) -> None:
        self.forms: list[dict[str, list[str]]] = []
        self.spoken: list[dict[str, Any]] = []
        self.knows_verbose = True

    async def __call__(self, exchange: Exchange) -> None:
        path = exchange.request.path
        if path.endswith("/audio/speech"):
            self.spoken.append(exchange.request.json())
            await exchange.head(200, {"Content-Type": "audio/mpeg"})
            for piece in (b"ID3", b"sound" * 100):
                await exchange.chunk(piece)
            await exchange.finish()
            return
        form = form_of(exchange)
        self.forms.append(form)
        verbose = form["response_format"] == ["verbose_json"]
        if verbose and not self.knows_verbose:
            fault = {
                "message": "response_format 'verbose_json' is not compatible",
                "code": "unsupported_value",
            }
            await _send(exchange, {"error": fault}, 400)
            return
        words = [
            {"word": word, "start": 0.5 * place, "end": 0.5 * place + 0.4}
            for place, word in enumerate(SENTENCE.split())
        ]
        segment = {
            "text": f" {SENTENCE}",
            "start": 0,
            "end": 99.0,
            "avg_logprob": -0.1,
            "no_speech_prob": 0.01,
        }
        told: dict[str, Any] = {"text": SENTENCE}
        if verbose:
            told |= {"language": "english", "duration": 1.0, "segments": [segment]}
            if "word" in form.get("timestamp_granularities[]", []):
                told["words"] = words
        await _send(exchange, told)


async def _send(exchange: Exchange, value: Any, status: int = 200) -> None:
    await exchange.answer(json.dumps(value).encode(), status, {"Content-Type": "application/json"})


@asynccontextmanager
async def whisper(**options: Any) -> AsyncIterator[Bench]:
    """The real thing with the tiny model."""
    async with backend_context() as context:
        home = context.data_dir / "models" / "whisper"
        home.mkdir(parents=True)
        shutil.copytree(MODELS / "whisper-en3-ct2", home / "tiny")
        provider = provider_of("whisper", "", options=options, timeouts=Timeouts(idle_s=60))
        backend = find("asr", "whisper")(provider, context)
        control = find("control", "whisper")(provider, context)
        backend.control, backend.home = control, home
        yield Bench(backend)


@asynccontextmanager
async def chunkformer(**told: Any) -> AsyncIterator[Bench]:
    """Under another Python, with packages that stand in for the real ones."""
    options = told.pop("options", {})
    async with backend_context() as context:
        home = context.data_dir / "models" / "chunkformer"
        elsewhere.chunkformer(home / "tiny", **{"says": SENTENCE, **told})
        python = elsewhere.script(context.data_dir / "elsewhere")
        options = {"python": str(python), **options}
        provider = provider_of("chunkformer", "", options=options, timeouts=Timeouts(idle_s=60))
        backend = find("asr", "chunkformer")(provider, context)
        backend.control, backend.home = find("control", "chunkformer")(provider, context), home
        yield Bench(backend)


ASR = [
    Case(
        "fake",
        lambda: _fake("asr", reply=SENTENCE),
        frozenset({"words", "vietnamese"}),
        _fake_failing("asr"),
        lambda: _fake("asr", endless=True, delay_s=0.01),
    ),
    Case(
        "openai",
        lambda: _openai("asr", "openai", SpeechServer()),  # type: ignore[arg-type]  # a script is a callable
        frozenset({"words", "vietnamese"}),
        lambda status: _openai("asr", "openai", error_answer(status)),
    ),
    Case("whisper", whisper, frozenset({"words"})),
    Case("chunkformer", chunkformer, frozenset({"vietnamese", "vietnamese only"})),
]


@asynccontextmanager
async def _espeak() -> AsyncIterator[Bench]:
    if shutil.which("espeak-ng") is None and not SERVERS_REQUIRED:
        pytest.skip("espeak-ng is not installed")
    async with backend_context() as context:
        yield Bench(find("speech", "espeak")(provider_of("espeak", ""), context))


SPEECH = [
    Case("fake", lambda: _fake("speech"), frozenset({"wav"}), _fake_failing("speech")),
    Case(
        "openai",
        lambda: _openai("speech", "openai", SpeechServer()),  # type: ignore[arg-type]  # a script is a callable
        frozenset({"mp3"}),
        lambda status: _openai("speech", "openai", error_answer(status)),
    ),
    Case("espeak", _espeak, frozenset({"wav", "mp3", "opus", "flac", "aac", "pcm"})),
]
