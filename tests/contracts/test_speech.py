"""What every speaker promises (`core.ports.SpeechBackend`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.backends import Bench, Case
from contracts.sounds import SPEECH
from peers.asking import CALLER
from roundhouse.core.audio import SpeechRequest
from roundhouse.core.errors import BackendFailed

_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
}
_BEGINS = {"wav": b"RIFF", "opus": b"OggS", "flac": b"fLaC"}


@pytest.fixture(params=SPEECH, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
async def bench(case: Case) -> AsyncIterator[Bench]:
    async with case.works() as opened:
        yield opened
        await opened.backend.close()


async def spoken(bench: Bench, **more: Any) -> tuple[bytes, str]:
    request = SpeechRequest(model="m", caller=CALLER, **{"text": "Good morning, everyone.", **more})
    running = await bench.backend.speak(request, bench.model)
    sound = b"".join([piece async for piece in running])
    await running.aclose()
    return sound, running.content_type


async def test_every_format_it_has(case: Case, bench: Bench) -> None:
    for form in sorted(case.features):
        sound, kind = await spoken(bench, format=form)
        assert kind == _TYPES.get(form, "audio/pcm")
        assert sound.startswith(_BEGINS.get(form, b""))
        assert len(sound) > 100


async def test_voice_and_speed_are_taken(case: Case, bench: Bench) -> None:
    form = sorted(case.features)[-1]
    assert (await spoken(bench, format=form, voice="nova", speed=1.5))[0]


@pytest.mark.parametrize("status", [429, 500])
async def test_errors(case: Case, status: int) -> None:
    if case.fails is None:
        pytest.skip(f"{case.name} has no server that fails")
    async with case.fails(status) as bench:
        with pytest.raises(BackendFailed) as caught:
            await spoken(bench, format=sorted(case.features)[0])
    assert caught.value.retryable
