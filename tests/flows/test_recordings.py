"""Recordings through the whole product: a form on a socket, jobs in an executor, results and files to take away."""

import io
import shutil
import zipfile
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from contracts.sounds import MODELS, SENTENCE
from executing import ended, executing
from peers import elsewhere
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIPS = Path(__file__).parents[1] / "audio_clips"
HEARS = {"model": "whisper/tiny", "pull_on_first_use": False, "chunkformer_model": "chunkformer/tiny"}
FAKES = [
    {
        "name": "ears",
        "kind": "fake",
        "models": ["tiny"],
        "options": {"reply": "um the meeting starts on monday morning | we decided to hire two engineers"},
    }
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    shutil.copytree(MODELS / "whisper-en3-ct2", folder / "data" / "models" / "whisper" / "tiny")
    ears = folder / "data" / "models" / "chunkformer" / "tiny"
    elsewhere.chunkformer(ears, says="cuộc họp bắt đầu lúc chín giờ")
    hears = HEARS | {"chunkformer_python": elsewhere.script(folder / "bin")}
    async with (
        House(folder / "data", providers=FAKES, audio={"queue": "io"}, asr=hears) as made,
        executing(made),
    ):
        yield made


async def send(house, path="/v1/process", headers=None, **fields):
    """A form as curl -F sends it; lists are repeated fields."""
    form = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Path):
                form.add_field(name, one.read_bytes(), filename=one.name)
            else:
                form.add_field(name, one)
    writer = form()
    data = await _whole(writer)
    sent = {"Content-Type": writer.content_type, **(headers or {})}
    return await house.post(path, data=data, headers=sent)


async def _whole(writer):
    parts = []

    class Sink:
        async def write(self, data):
            parts.append(bytes(data))

        async def write_eof(self, data=b""):
            parts.append(data)

    await writer.write(Sink())
    return b"".join(parts)


async def test_the_request_of_system_b(house):
    answer = await send(
        house,
        headers={"X-API-Key": house.key, "Authorization": ""},
        file=CLIPS / "monday.mp3",
        features=["clean_transcript", "summary"],
        template_id="meeting_notes",
        asr_backend="ears/tiny",
        # The fake hears, and would also answer.
        model="roundhouse/extractive",
    )
    assert answer.status == 202, answer.body
    accepted = answer.json()
    task_id = accepted["task_id"]
    assert answer.headers["location"] == f"/v1/status/{task_id}"
    assert accepted["status"] == "PENDING"
    job = await ended(house, task_id)
    assert job["state"] == "completed", job["error"]
    assert [stage["name"] for stage in job["stages"]] == [
        "fetch",
        "prepare",
        "transcribe",
        "speakers",
        "clean",
        "summarise",
        "finish",
    ]
    for path in (f"/v1/status/{task_id}", f"/api/v1/status/{task_id}"):
        status = (await house.get(path)).json()
        assert status["status"] == "COMPLETE", status
    assert "two engineers" in status["results"]["clean_transcript"]
    assert status["results"]["raw_transcript"] is None
    assert status["results"]["summary"]["quotes"]
    assert status["versions"]["transcribe"]["asr_backend"] == "ears/tiny"
    assert status["metrics"]["input_seconds"] > 1
    assert status["metrics"]["rtf"] > 0
    sound = (await house.get(f"/v1/recordings/{task_id}")).json()["sound"]
    assert (sound["container"], sound["codec"]) == ("mp3", "mp3float") or sound["container"] == "mp3"


@pytest.mark.parametrize("form", ["txt", "srt", "vtt", "json", "md", "docx"])
async def test_files_to_take_away(house, form):
    answer = await send(house, file=CLIPS / "monday.ogg", asr_backend="ears/tiny", title="Họp thứ hai")
    task_id = answer.json()["task_id"]
    await ended(house, task_id)
    answer = await house.get(f"/v1/recordings/{task_id}/export?format={form}")
    assert answer.status == 200, answer.body
    assert answer.headers["content-disposition"].endswith(f".{form}")
    if form == "docx":
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            assert b"two engineers" in archive.read("word/document.xml")
    else:
        assert b"two engineers" in answer.body


async def test_what_is_no_sound_is_refused(house):
    answer = await send(house, file=Path(__file__))
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    answer = await send(house, file=CLIPS / "film_without_sound.mp4", asr_backend="ears/tiny")
    job = await ended(house, answer.json()["task_id"])
    assert job["state"] == "failed"
    status = (await house.get(f"/v1/status/{job['id']}")).json()
    assert (status["status"], status["error"]["code"]) == ("FAILED", job["error"]["code"])


async def test_three_files_with_one_request(house):
    three = [CLIPS / "monday.mp3", CLIPS / "monday.ogg", CLIPS / "monday.mp3"]
    answer = await send(house, file=three, asr_backend="ears/tiny", features="raw_transcript")
    assert answer.status == 202, answer.body
    accepted = answer.json()
    ids = [one["task_id"] for one in accepted["recordings"]]
    assert (len(set(ids)), accepted["task_id"]) == (3, ids[0])
    for task_id in ids:
        await ended(house, task_id)
        assert (await house.get(f"/v1/status/{task_id}")).json()["status"] == "COMPLETE"
    before = (await house.get("/v1/files?purpose=audio")).json()["data"]
    answer = await send(house, file=[*three, Path(__file__)], asr_backend="ears/tiny")
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert Path(__file__).name in answer.json()["detail"]
    assert (await house.get("/v1/files?purpose=audio")).json()["data"] == before


async def test_wrong_fields_are_422(house):
    answer = await send(house, file=CLIPS / "monday.ogg", enable_diarization="true")
    assert (answer.status, answer.code) == (422, "diarization_unavailable")
    answer = await send(house, file=CLIPS / "monday.ogg", vad_threshold="7")
    assert (answer.status, answer.code) == (422, "unprocessable")
    assert (
        await house.post("/v1/process_text", {"text": "A.", "features": ["summary"], "template_id": "no"})
    ).status == 422


async def test_no_weights_fail_with_the_command(house):
    answer = await send(house, file=CLIPS / "monday.ogg", asr_backend="whisper/small")
    job = await ended(house, answer.json()["task_id"])
    assert job["error"]["code"] == "weights_missing"
    assert "roundhouse models pull whisper/small" in job["error"]["message"]


async def test_chunkformer_hears_under_its_own_python_and_is_auto_for_vietnamese(house):
    for more in ({"asr_backend": "chunkformer"}, {"asr_backend": "auto", "language": "vi"}):
        answer = await send(house, file=CLIPS / "monday.ogg", features="raw_transcript", **more)
        job = await ended(house, answer.json()["task_id"], within_s=60)
        assert job["state"] == "completed", job["error"]
        status = (await house.get(f"/v1/status/{job['id']}")).json()
        assert status["results"]["raw_transcript"] == "cuộc họp bắt đầu lúc chín giờ"
        assert status["versions"]["transcribe"]["asr_backend"] == "chunkformer/tiny"
        assert status["versions"]["transcribe"]["library"] == "chunkformer 0.0.fake"
    answer = await send(house, file=CLIPS / "monday.ogg", asr_backend="chunkformer/rnnt-large-vie")
    job = await ended(house, answer.json()["task_id"])
    assert job["error"]["code"] == "weights_missing"
    assert job["error"]["message"].endswith("roundhouse models pull chunkformer/rnnt-large-vie")


async def test_the_real_whisper_hears_a_meeting(house):
    answer = await send(
        house,
        file=CLIPS / "monday.m4a",
        language="en",
        template_id="meeting_notes",
        model="roundhouse/extractive",
        asr_backend="whisper",
    )
    job = await ended(house, answer.json()["task_id"], within_s=90)
    assert job["state"] == "completed", job["error"]
    status = (await house.get(f"/v1/status/{job['id']}")).json()
    assert status["results"]["raw_transcript"] == SENTENCE
    assert status["results"]["clean_transcript"] == "The meeting starts on monday morning."
    (quote,) = status["results"]["summary"]["quotes"]
    assert quote["text"] == "The meeting starts on monday morning."
    assert 0 <= quote["start_s"] < quote["end_s"] <= 5
    assert status["versions"]["transcribe"]["asr_backend"] == "whisper/tiny"
    assert "versions" in status and status["versions"]["prepare"]["vad"]["threshold"] == 0.5


WRONG = [
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    "x\x00",
    [],
    [[]],
    [{}],
    {},
    {"a": {"type": []}},
    ["x", 1],
    "\ud800",
]
BODIES = {
    ("POST", "/v1/process_text"): {"text": "A text.", "features": ["summary"], "template_id": "call"},
    ("POST", "/v1/templates"): {"name": "mine", "prompt": "Go.", "schema": {"type": "object"}},
    ("PATCH", "/v1/templates/mine"): {"prompt": "Go on."},
    ("POST", "/v1/recordings/job_x/rerun"): {"stage": "clean"},
    ("PATCH", "/v1/recordings/job_x"): {"title": "t"},
    ("PATCH", "/v1/recordings/job_x/segments/1"): {"text": "t"},
}


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_every_field_may_be_of_any_type(house, method, path):
    good = BODIES[method, path]
    more = {"example": {}, "version": 1, "language": "vi", "metadata": {}, "model": "auto", "speaker": "A"}
    for field in {**good, **more}:
        for value in WRONG:
            answer = await house.send(method, path, {**good, field: value})
            assert answer.status in (200, 201, 202, 400, 404, 409, 422), (field, value, answer.body)


async def test_stereo_speakers_search_corrections_and_reruns(house):
    answer = await send(house, file=CLIPS / "stereo.ogg", asr_backend="ears/tiny", split_channels="true")
    task_id = answer.json()["task_id"]
    await ended(house, task_id)
    found = (await house.get(f"/v1/recordings/{task_id}/segments?limit=1")).json()
    assert found["data"][0]["speaker"] in ("left", "right")
    assert found["has_more"]
    answer = await house.send(
        "PATCH", f"/v1/recordings/{task_id}/segments/1", {"text": "Wir treffen uns am Dienstag"}
    )
    assert answer.json()["heard"] is not None
    answer = await house.post(f"/v1/recordings/{task_id}/rerun", {"stage": "clean"})
    assert answer.status == 202, answer.body
    assert answer.json()["task_id"] == task_id
    assert (await ended(house, answer.json()["job"]["id"]))["state"] == "completed"
    hits = (await house.get("/v1/recordings/search?q=Dienstag")).json()
    assert ([hit["recording_id"] for hit in hits["data"]], hits["index_state"]) == ([task_id], "ready")
    assert (await house.post(f"/v1/recordings/{task_id}/rerun", {"stage": "transcribe"})).status == 409
    assert (await house.send("DELETE", f"/v1/recordings/{task_id}")).status == 200
    assert (await house.get(f"/v1/status/{task_id}")).status == 404
    assert (await house.get("/v1/recordings/search?q=Dienstag")).json()["data"] == []
