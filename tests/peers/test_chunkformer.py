"""The real ChunkFormer with random weights, in a process under the Python of its own environment."""

import asyncio
import json
import subprocess
import sys
import wave
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import aiohttp
import psutil
import pytest

from contracts.sounds import wav
from executing import ended, executing
from peers.asking import CALLER, backend_context, provider_of
from roundhouse.backends.asr.chunkformer_host import seconds
from roundhouse.core.audio import TranscriptionRequest
from roundhouse.core.errors import WeightsMissing
from roundhouse.core.hosting import Recipe
from roundhouse.core.registry import find
from roundhouse.core.types import Timeouts
from roundhouse.infra.hosting.hosts import Hosts
from serving import House

pytestmark = pytest.mark.peer

CLIPS = Path(__file__).parents[1] / "audio_clips"
PACKAGES_OWN = """
import json, sys
from chunkformer import ChunkFormerModel
model = ChunkFormerModel.from_pretrained(sys.argv[1])
print("ROWS" + json.dumps(model.endless_decode(sys.argv[2])))
"""


@asynccontextmanager
async def ears(python, folder, **options):
    told = {"python": str(python), "folders": [str(folder)], **options}
    async with backend_context() as context:
        provider = provider_of("chunkformer", "", options=told, timeouts=Timeouts(idle_s=120))
        yield find("asr", "chunkformer")(provider, context), find("control", "chunkformer")(provider, context)


async def heard(backend, model, path, length_s, **more):
    request = TranscriptionRequest(model="m", caller=CALLER, audio=path, duration_s=length_s, **more)
    running = await backend.transcribe(request, model)
    return [segment async for segment in running], running.recognition


async def ran(*command):
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)


def peak_mib(pid):
    """Most that a process had in RAM."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.parametrize(("model", "kind"), [("ctc", "asr_model"), ("rnnt", "transducer")])
async def test_it_says_what_the_package_says(chunkformer_python, tiny_chunkformers, tmp_path, model, kind):
    path, length_s = wav(tmp_path)
    command = [chunkformer_python, "-W", "ignore", "-c", PACKAGES_OWN, tiny_chunkformers / model, path]
    rows = json.loads((await ran(*command)).stdout.rpartition("ROWS")[2])
    async with ears(chunkformer_python, tiny_chunkformers) as (backend, control):
        assert [one.id for one in await control.models()] == ["ctc", "headless", "rnnt"]
        segments, recognition = await heard(backend, model, path, length_s, language="vi")
        assert [(one.text, one.start_s) for one in segments] == [
            (" ".join(row["decode"].replace("<unk>", " ").split()), seconds(row["start"])) for row in rows
        ]
        assert segments
        assert all(one.end_s <= length_s for one in segments)
        assert recognition.language == "vi"
        assert recognition.versions["kind"] == kind
        assert recognition.versions["library"].startswith("chunkformer 1.")


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
async def test_an_hour_takes_no_more_memory_than_a_quarter_of_one(
    chunkformer_python, tiny_chunkformers, tmp_path
):
    path, _ = wav(tmp_path, *["monday.ogg"] * 60, pause_s=0.6)
    with wave.open(str(path), "rb") as file:
        minutes = file.readframes(240 * 16_000)
    async with ears(chunkformer_python, tiny_chunkformers) as (backend, control):
        peaks = []
        # Windows of many lengths leave gaps in the process's memory at first: a quarter of an hour has had them all.
        # A recording held whole would add 90 MiB or more.
        for times in (4, 16):
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
                for _ in range(times):
                    file.writeframes(minutes)
            segments, _ = await heard(backend, "ctc", path, 240.0 * times)
            assert segments[-1].end_s > 240.0 * times - 130
            assert all(one.start_s <= two.start_s for one, two in pairwise(segments))
            (process,) = psutil.Process().children()
            peaks.append(peak_mib(process.pid))
        short_mib, long_mib = peaks
        assert long_mib < short_mib + 80
        await control.unload("ctc")


async def test_a_checkpoint_of_another_model_is_refused(chunkformer_python, tiny_chunkformers, tmp_path):
    path, length_s = wav(tmp_path)
    async with ears(chunkformer_python, tiny_chunkformers) as (backend, _):
        with pytest.raises(WeightsMissing, match=r"tensors are missing: ctc\.ctc_lo"):
            await heard(backend, "headless", path, length_s)


async def test_both_ways_through_the_product(chunkformer_python, tiny_chunkformers, tmp_path):
    asr = {
        "chunkformer_python": chunkformer_python,
        "chunkformer_folders": [tiny_chunkformers],
        "chunkformer_model": "chunkformer/ctc",
    }
    async with House(tmp_path / "data", audio={"queue": "io"}, asr=asr) as house, executing(house):
        told = []
        for path, fields in (
            ("/v1/process", {"asr_backend": "chunkformer", "features": "raw_transcript"}),
            (
                "/v1/audio/transcriptions",
                {"model": "auto", "language": "vi", "response_format": "verbose_json"},
            ),
        ):
            form = aiohttp.FormData()
            form.add_field("file", (CLIPS / "monday.ogg").read_bytes(), filename="monday.ogg")
            for name, value in fields.items():
                form.add_field(name, value)
            headers = {"Authorization": f"Bearer {house.key}"}
            async with (
                aiohttp.ClientSession() as client,
                client.post(f"{house.url}{path}", data=form, headers=headers) as answer,
            ):
                assert answer.status < 300, await answer.text()
                told.append(await answer.json())
        accepted, written = told
        job = await ended(house, accepted["task_id"], within_s=90)
        assert job["state"] == "completed", job["error"]
        status = (await house.get(f"/v1/status/{job['id']}")).json()
        assert status["versions"]["transcribe"]["asr_backend"] == "chunkformer/ctc"
        assert status["results"]["raw_transcript"]
        assert (written["language"], written["text"]) == ("vi", status["results"]["raw_transcript"])


async def test_pip_builds_an_environment_and_a_model_runs_in_it(tmp_path):
    recipe = Recipe(
        "small",
        "msgspec==0.22.0\npsutil==7.2.2\nnumpy>=2\n",
        alone=("colorama==0.4.6",),
        imports=("colorama", "msgspec", "psutil"),
    )
    hosts = Hosts(tmp_path / "hosts")
    environment = hosts.environment(recipe)
    steps = [step async for step in environment.build()]
    assert "trying it out" in steps
    assert any(step.startswith("fetching psutil-7.2.2") for step in steps)
    python = environment.interpreter()
    assert python is not None
    # Of our own libraries none is there.
    assert "ModuleNotFoundError" in (await ran(python, "-c", "import pydantic")).stderr
    argument = {"name": "p/none", "folder": str(tmp_path)}
    host = hosts.host("none", "roundhouse.backends.asr.chunkformer_host:ChunkFormerHost", argument, python)
    # Our host loads there, and looks before it imports the package.
    with pytest.raises(WeightsMissing, match=r"config\.yaml is missing"):
        await host.start()
    await hosts.close()
