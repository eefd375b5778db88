"""What everyone who tells speakers apart promises (`core.audio.DiarizationBackend`).

The weights of pyannote.audio may not be passed on, and PyTorch is large: its side of our process is a small package of
the same names, see `peers/pyannote_package`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.backends import Bench, Case, _fake, _fake_failing
from contracts.sounds import wav
from peers.asking import CALLER, backend_context, provider_of
from roundhouse.core.audio import DiarizationRequest, Turn
from roundhouse.core.errors import BackendBusy, BackendFailed, DiarizationUnavailable
from roundhouse.core.registry import find

PACKAGE = Path(__file__).parents[1] / "peers" / "pyannote_package"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-in is where packages are, for this process and those that it starts."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PACKAGE), os.environ.get("PYTHONPATH", "")]))
    yield
    for name in [name for name in sys.modules if name == "torch" or name.split(".")[0] == "pyannote"]:
        del sys.modules[name]


@asynccontextmanager
async def pyannote(text: str = "0.0 0.8 SPEAKER_00\n0.9 1.6 SPEAKER_01\n") -> AsyncIterator[Bench]:
    async with backend_context() as context:
        folder = context.data_dir / "pipeline"
        folder.mkdir()
        (folder / "config.yaml").write_text(text)
        provider = provider_of("pyannote", "", options={"model": str(folder)})
        backend = find("diarization", "pyannote")(provider, context)
        backend.control = find("control", "pyannote")(provider, context)
        yield Bench(backend, "pipeline")


CASES = [
    Case("fake", lambda: _fake("diarization"), fails=_fake_failing("diarization")),
    Case("pyannote", pyannote),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
async def bench(case: Case) -> AsyncIterator[Bench]:
    async with case.works() as opened:
        yield opened
        await opened.backend.close()


def asked(folder: Path, **more: Any) -> DiarizationRequest:
    path, duration_s = wav(folder)
    return DiarizationRequest(model="m", caller=CALLER, audio=path, duration_s=duration_s, **more)


async def heard(bench: Bench, request: DiarizationRequest) -> tuple[list[Turn], Any]:
    running = await bench.backend.diarize(request, bench.model)
    turns = [turn async for turn in running]
    await running.aclose()
    await running.aclose()
    return turns, running.recognition


async def test_who_speaks_when(bench: Bench, tmp_path: Path) -> None:
    request = asked(tmp_path)
    turns, told = await heard(bench, request)
    assert len({one.speaker for one in turns}) == 2
    assert all(0 <= one.start_s < one.end_s <= request.duration_s + 0.001 for one in turns)
    assert [one.start_s for one in turns] == sorted(one.start_s for one in turns)
    assert told.versions["model"]


async def test_a_number_of_speakers_is_kept_to(bench: Bench, tmp_path: Path) -> None:
    for more in ({"num_speakers": 1}, {"min_speakers": 1, "max_speakers": 1}):
        turns, _ = await heard(bench, asked(tmp_path, **more))
        assert len({one.speaker for one in turns}) == 1


async def test_a_failure_is_one_of_the_tree(case: Case, tmp_path: Path) -> None:
    if case.fails is None:
        return
    async with case.fails(429) as bench:
        with pytest.raises(BackendBusy):
            await heard(bench, asked(tmp_path))


async def test_the_library_tells_nobody_and_names_itself(tmp_path: Path) -> None:
    async with pyannote() as bench:
        # Its stand-in refuses to load where it would tell its makers.
        turns, told = await heard(bench, asked(tmp_path, max_speakers=2))
        assert [one.speaker for one in turns] == ["SPEAKER_00", "SPEAKER_01"]
        assert told.versions["library"] == "pyannote.audio 4.0.0"
        assert told.versions["parameters"] == {"max_speakers": 2}
        control = bench.backend.control
        (info,) = await control.models()
        assert (info.id, info.operations) == ("pipeline", ("diarization",))
        assert [one.id for one in await control.running()] == ["pipeline"]
        await control.unload("pipeline")
        assert await control.running() == []


async def test_a_pipeline_that_cannot_be_had_or_that_fails(tmp_path: Path) -> None:
    async with pyannote("gone") as bench:
        with pytest.raises(DiarizationUnavailable, match="conditions"):
            await heard(bench, asked(tmp_path))
    async with pyannote("crash") as bench:
        with pytest.raises(BackendFailed):
            await heard(bench, asked(tmp_path))


async def test_without_library_or_weights_there_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with backend_context() as context:

        async def models(**more: Any) -> list[Any]:
            provider = provider_of("pyannote", "", options={"model": "org/voices"}, **more)
            return list(await find("control", "pyannote")(provider, context).models())

        assert await models() == []
        assert [one.id for one in await models(key="hf_x")] == ["voices"]
        kept = context.data_dir / "models" / "pyannote" / "models--org--voices" / "snapshots" / "abc"
        kept.mkdir(parents=True)
        (kept / "config.yaml").write_text("0 1 A")
        assert [one.id for one in await models()] == ["voices"]
        sys.path.remove(str(PACKAGE))
        for name in [name for name in sys.modules if name.split(".")[0] == "pyannote"]:
            del sys.modules[name]
        assert await models(key="hf_x") == []
