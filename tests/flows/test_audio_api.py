"""OpenAI's audio API, asked of the whole product with its official client, and Whisper itself behind it."""

import asyncio
import json
import shutil
from pathlib import Path

import openai
import pytest
import pytest_asyncio

from contracts.sounds import CLIPS, MODELS, SENTENCE
from flows.calls import make, records
from peers.hub import HubServer
from peers.upstream import Upstream
from serving import House

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The client calls translations old-fashioned.
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
]

FAKES = [
    {
        "name": "desk",
        "kind": "fake",
        "models": ["whisper-x", "tts-x"],
        "options": {"reply": "xin chào mọi người|hôm nay trời đẹp"},
    },
    {
        "name": "slow",
        "kind": "fake",
        "models": ["whisper-slow"],
        "options": {"endless": True, "delay_s": 0.05},
    },
    {
        "name": "breaks",
        "kind": "fake",
        "models": ["whisper-breaks"],
        "options": {"reply": "one word|two words", "fault": {"code": "backend_down", "after_pieces": 1}},
    },
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio") / "data"
    shutil.copytree(MODELS / "whisper-en3-ct2", folder / "models" / "whisper" / "tiny")
    settings = {
        "providers": FAKES,
        "audio": {"max_upload_mib": 1},
        "asr": {"model": "whisper/tiny", "pull_on_first_use": False},
    }
    async with House(folder, **settings) as made:
        yield made


@pytest.fixture
def client(house):
    return openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0)


def clip(name: str = "monday.mp3") -> Path:
    return CLIPS / name


async def test_every_format_with_the_real_recogniser(house, client):
    create = client.audio.transcriptions.create
    told = await create(model="auto", language="en", file=clip())
    assert told.text == SENTENCE
    assert told.usage.seconds == 4
    assert (
        await create(model="whisper-1", language="en", file=clip(), response_format="text")
    ) == f"{SENTENCE}\n"
    srt = await create(model="whisper/tiny", language="en", file=clip(), response_format="srt")
    assert srt.startswith("1\n00:00:0")
    assert SENTENCE in srt
    vtt = await create(model="tiny", language="en", file=clip(), response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:0")
    verbose = await create(
        model="auto",
        language="en",
        file=clip("monday.m4a"),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (verbose.text, verbose.language, verbose.segments[0].text) == (SENTENCE, "en", SENTENCE)
    assert 3 < verbose.duration < 4
    assert [word.word for word in verbose.words] == SENTENCE.split()
    assert all(0 <= word.start <= word.end <= verbose.duration for word in verbose.words)
    ran = verbose.x_roundhouse["versions"]
    assert ran["weights_sha256"].startswith("1a251d2c")
    assert (ran["parameters"]["suppress_tokens"], ran["parameters"]["beam_size"]) == ([], 5)
    (state,) = (await house.get("/v1/models/status")).json()["data"]
    assert (state["model_id"], state["state"], state["leases"]) == ("tiny", "loaded", 0)
    # Nothing of the recordings is left; that of the last one goes behind its answer.
    await _until(lambda: not list((house.settings.data_dir / "sound").iterdir()))


async def test_a_stream_says_it_piece_by_piece(client):
    stream = await client.audio.transcriptions.create(model="whisper-x", file=clip(), stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert "".join(event.delta for event in events[:-1]) == events[-1].text
    assert events[-1].text == "xin chào mọi người hôm nay trời đẹp"
    broken = await client.audio.transcriptions.create(model="whisper-breaks", file=clip(), stream=True)
    with pytest.raises(openai.APIError, match="scripted failure"):
        _ = [event async for event in broken]


async def test_a_translation(house, client):
    told = await client.audio.translations.create(
        model="whisper-x", file=clip(), response_format="verbose_json"
    )
    assert (told.language, told.task) == ("en", "translate")
    with pytest.raises(openai.BadRequestError, match="does not translate"):
        await client.audio.translations.create(model="whisper/tiny", file=clip())


async def test_a_language_that_the_model_does_not_know_is_refused(client):
    with pytest.raises(openai.BadRequestError, match="does not know the language 'vi'"):
        await client.audio.transcriptions.create(model="whisper/tiny", language="vi-VN", file=clip())


async def test_silence_is_an_empty_text_and_no_failure(client):
    told = await client.audio.transcriptions.create(model="whisper/tiny", file=clip("silence.ogg"))
    assert told.text == ""


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"model": "nobody"}, 404, "model_not_found"),
        ({"model": "roundhouse/extractive"}, 400, "not_supported"),
        ({"model": "whisper/small"}, 409, "weights_missing"),
        ({"model": "chunkformer"}, 409, "weights_missing"),
        ({"response_format": "diarized_json"}, 400, "not_supported"),
        ({"temperature": 3}, 400, "bad_input"),
        ({"language": "Vietnamese!"}, 400, "bad_input"),
        ({"timestamp_granularities": ["word"]}, 400, "bad_input"),
        ({"file": ("a.mp3", b"")}, 400, "bad_input"),
        ({"file": ("a.mp3", b"not a recording " * 40)}, 415, "unsupported_media_type"),
        ({"file": ("a.mp3", bytes(1_200_000))}, 413, "too_large"),
        ({"extra_body": {"nonsense": "1"}}, 400, "bad_input"),
    ],
    ids=str,
)
async def test_what_is_refused(house, client, more, status, code):
    with pytest.raises(openai.APIStatusError) as caught:
        await client.audio.transcriptions.create(**{"model": "whisper-x", "file": clip(), **more})
    assert (caught.value.status_code, caught.value.code) == (status, code)


async def test_a_client_that_leaves_stops_the_recogniser(house, client):
    stream = await client.audio.transcriptions.create(model="whisper-slow", file=clip(), stream=True)
    backend = house.app.engine.catalog.backends["slow"].asr
    async for _ in stream:
        break
    assert backend.open_streams == 1
    await stream.close()
    await _until(lambda: backend.open_streams == 0)
    asking = asyncio.create_task(client.audio.transcriptions.create(model="whisper-slow", file=clip()))
    await _until(lambda: backend.open_streams == 1)
    asking.cancel()
    await _until(lambda: backend.open_streams == 0)
    await _until(lambda: not list((house.settings.data_dir / "sound").iterdir()))


async def _until(condition) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError


async def test_it_is_counted_and_limited_like_everything_else(house):
    made = await make(house, scopes=["inference"], requests_per_minute=1)
    own = openai.AsyncOpenAI(base_url=f"{house.url}/api/v1", api_key=made["key"], max_retries=0)
    raw = await own.audio.transcriptions.with_raw_response.create(model="whisper-x", file=clip())
    assert raw.headers["x-roundhouse-model"] == "desk/whisper-x"
    with pytest.raises(openai.RateLimitError):
        await own.audio.transcriptions.create(model="whisper-x", file=clip())
    mine = [one for one in await records(house) if one["key_id"] == made["id"]]
    first, second = sorted(mine, key=lambda one: one["status"])
    assert (first["operation"], first["target"], first["status"]) == ("transcriptions", "desk/whisper-x", 200)
    assert (second["status"], second["error_code"]) == (429, "rate_limit_exceeded")
    assert 1 < first["audio_s"] < 10
    assert second["audio_s"] == 0
    groups = (await house.get("/v1/usage?group_by=key")).json()["data"]
    assert {one["group"]: one["audio_s"] for one in groups}[made["id"]] == round(first["audio_s"], 3)
    other = await make(house, scopes=["inference"], models=["desk/tts-x"])
    own = openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=other["key"], max_retries=0)
    with pytest.raises(openai.PermissionDeniedError):
        await own.audio.transcriptions.create(model="whisper-x", file=clip())


async def test_speech(house, client):
    spoken = await client.audio.speech.create(
        model="desk/tts-x", voice="alloy", input="Good morning.", response_format="wav", speed=2
    )
    assert (await spoken.aread()).startswith(b"RIFF")
    backend = house.app.engine.catalog.backends["desk"].speech
    assert (backend.requests[-1][1].voice, backend.requests[-1][1].speed) == ("alloy", 2.0)
    for wrong in (
        {"input": ""},
        {"input": "x" * 4097},
        {"speed": 9},
        {"response_format": "ogg"},
        {"model": ""},
    ):
        body = {"model": "tts-x", "input": "Hello.", "voice": "alloy", **wrong}
        answer = await house.post("/v1/audio/speech", body)
        assert (answer.status, answer.json()["error"]["param"]) == (400, next(iter(wrong)))
    assert (await house.post("/v1/audio/speech", data=b"[]")).status == 400
    answer = await house.post("/v1/audio/speech", {"model": "whisper/tiny", "input": "Hello."})
    assert (answer.status, answer.code) == (400, "not_supported")


async def test_weights_that_are_missing_are_sent_for_at_first_use(tmp_path):
    async with House(tmp_path / "data", asr={"hub_url": "http://127.0.0.1:9"}) as house:
        client = openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0)
        jobs = set()
        for _ in range(2):
            with pytest.raises(openai.APIStatusError) as caught:
                await client.audio.transcriptions.create(model="auto", file=clip())
            assert (caught.value.status_code, caught.value.code) == (503, "weights_coming")
            assert int(caught.value.response.headers["retry-after"]) >= 30
            assert caught.value.response.headers["x-should-retry"] == "true"
            jobs.add(caught.value.message.partition("by the job ")[2].partition(" ")[0])
        with pytest.raises(openai.ConflictError, match="roundhouse models pull chunkformer/large-vie"):
            await client.audio.transcriptions.create(model="chunkformer", file=clip())
        (job,) = jobs
        told = (await house.get(f"/v1/jobs/{job}")).json()
        assert (told["kind"], told["input"]) == ("model.pull", {"model": "whisper/small"})
        assert json.dumps(told)


async def test_what_was_downloaded_is_heard_with_at_once(tmp_path):
    hub = HubServer()
    async with Upstream(hub) as server, Upstream(hub) as elsewhere:
        hub.elsewhere = elsewhere.origin
        async with House(tmp_path / "data", asr={"hub_url": server.origin}) as house:
            steps = [step async for step in house.app.engine.pull("whisper/tiny")]
            assert steps[-1].status == "success"
            client = openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0)
            told = await client.audio.transcriptions.create(model="auto", language="en", file=clip())
            assert told.text == SENTENCE
            (state,) = (await house.get("/v1/models/status")).json()["data"]
            assert (state["provider"], state["state"]) == ("whisper", "loaded")
            assert (await house.post("/v1/models/unload", {"model_id": "whisper/tiny"})).json()[
                "state"
            ] == "absent"
