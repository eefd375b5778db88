"""What every recogniser promises (`core.ports.TranscriptionBackend`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from contracts.backends import Bench, Case
from contracts.sounds import ASR, SENTENCE, wav
from peers.asking import CALLER
from roundhouse.core.audio import Region, Segment, TranscriptionRequest
from roundhouse.core.errors import BackendFailed


@pytest.fixture(params=ASR, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
async def bench(case: Case) -> AsyncIterator[Bench]:
    async with case.works() as opened:
        yield opened
        await opened.backend.close()


@pytest.fixture
def sound(tmp_path: Path) -> tuple[Path, float]:
    return wav(tmp_path)


def asked(sound: tuple[Path, float], **more: Any) -> TranscriptionRequest:
    return TranscriptionRequest(model="m", caller=CALLER, audio=sound[0], duration_s=sound[1], **more)


async def heard(bench: Bench, request: TranscriptionRequest) -> tuple[list[Segment], Any]:
    running = await bench.backend.transcribe(request, bench.model)
    segments = [segment async for segment in running]
    await running.aclose()
    return segments, running.recognition


def spoken(case: Case) -> str:
    return "vi" if "vietnamese only" in case.features else "en"


async def test_what_is_said(case: Case, bench: Bench, sound: tuple[Path, float]) -> None:
    whole = (Region(0.0, sound[1]),)
    segments, recognition = await heard(bench, asked(sound, regions=whole))
    assert " ".join(one.text for one in segments) == SENTENCE
    for one in segments:
        assert 0 <= one.start_s < one.end_s <= sound[1] + 0.001
        assert type(one.start_s) is float
        assert type(one.end_s) is float
        assert one.text == one.text.strip() != ""
        assert one.confidence is None or 0 <= one.confidence <= 1
        assert one.words == ()
    assert recognition.language == spoken(case)
    assert recognition.versions["model"]


async def test_times_of_words(case: Case, bench: Bench, sound: tuple[Path, float]) -> None:
    segments, recognition = await heard(bench, asked(sound, word_times=True, language=spoken(case)))
    if "words" not in case.features:
        assert any("words" in warning for warning in recognition.warnings)
        assert all(one.words == () for one in segments)
        return
    words = [word for one in segments for word in one.words]
    assert [word.text.strip() for word in words] == SENTENCE.split()
    assert all(0 <= word.start_s <= word.end_s <= sound[1] + 0.001 for word in words)
    starts = [word.start_s for word in words]
    assert starts == sorted(starts)


async def test_a_language_it_does_not_know_is_refused_and_not_replaced(
    case: Case, bench: Bench, sound: tuple[Path, float]
) -> None:
    if "vietnamese" in case.features:
        assert (await heard(bench, asked(sound, language="vi")))[0]
        if "vietnamese only" not in case.features:
            return
    other = "en" if "vietnamese only" in case.features else "vi"
    with pytest.raises(BackendFailed.__base__, match=f"does not know the language '{other}'"):
        await heard(bench, asked(sound, language=other))


async def test_closing_before_the_end_stops_it(bench: Bench, sound: tuple[Path, float]) -> None:
    running = await bench.backend.transcribe(asked(sound), bench.model)
    await running.aclose()
    await running.aclose()
    assert (await heard(bench, asked(sound)))[0]


@pytest.mark.parametrize("status", [429, 500])
async def test_errors(case: Case, sound: tuple[Path, float], status: int) -> None:
    if case.fails is None:
        pytest.skip(f"{case.name} has no server that fails")
    async with case.fails(status) as bench:
        with pytest.raises(BackendFailed) as caught:
            await heard(bench, asked(sound))
    assert caught.value.retryable
