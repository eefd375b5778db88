"""Live transcription, asked of the whole product by OpenAI's client, and by clients that are none."""

import asyncio
import base64
import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import openai
import pytest
import pytest_asyncio

from contracts.sounds import CLIPS, MODELS, SENTENCE
from flows.calls import make, records
from recording import spoken
from serving import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAKES = [
    {
        "name": "desk",
        "kind": "fake",
        "models": ["whisper-x"],
        "options": {"reply": "one two three|four five"},
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
TRANSCRIPTION = "conversation.item.input_audio_transcription"
SECOND = 32_000
MANUAL = {"turn_detection": None, "transcription": {"model": "whisper-x"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live") / "data"
    shutil.copytree(MODELS / "whisper-en3-ct2", folder / "models" / "whisper" / "tiny")
    settings = {
        "providers": FAKES,
        "asr": {"model": "whisper/tiny", "pull_on_first_use": False},
        "live": {"pace_s": 0.1, "max_sessions": 4},
        "server": {"max_message_bytes": 200_000, "cors_origins": ["https://app.example"]},
    }
    async with House(folder, **settings) as made:
        yield made


@pytest.fixture
def client(house):
    return openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0)


def speech(seconds: float = 3.2) -> bytes:
    """Somebody speaks all the time, 16 kHz."""
    samples = spoken("monday.ogg")[6400:-6400]
    return np.resize(samples, int(seconds * 16_000)).astype("<i2").tobytes()


def session(rate_hz: int = 16_000, **heard):
    return {
        "type": "transcription",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": rate_hz}, **heard}},
    }


async def append(connection, sound: bytes, step: int = SECOND // 10) -> None:
    for start in range(0, len(sound), step):
        piece = base64.b64encode(sound[start : start + step]).decode()
        await connection.input_audio_buffer.append(audio=piece)


async def until(connection, kind: str, most_s: float = 20.0):
    """Events up to one of a kind."""
    found = []
    async with asyncio.timeout(most_s):
        while not found or found[-1].type != kind:
            found.append(await connection.recv())
    return found


def live(client, **more):
    return client.realtime.connect(extra_query={"intent": "transcription"}, **more)


class Raw:
    """A socket without manners: says what it is told to, hears what comes."""

    def __init__(self, house, *, key=None, path="/v1/realtime", **more):
        headers = more.pop("headers", {})
        if key != "":
            headers.setdefault("Authorization", f"Bearer {key or house.key}")
        self._asked = (house.url.replace("http", "ws") + path, {"headers": headers, **more})
        self._session = aiohttp.ClientSession()

    async def __aenter__(self):
        url, more = self._asked
        async with contextlib.AsyncExitStack() as opened:
            await opened.enter_async_context(self._session)
            self.ws = await self._session.ws_connect(url, **more)
            opened.pop_all()
        return self

    async def __aexit__(self, *_):
        await self.ws.close()
        await self._session.close()

    async def say(self, kind, **more):
        await self.ws.send_str(json.dumps({"type": kind, **more}))

    async def hear(self, kind, most_s=20.0):
        """The next event of a kind."""
        async with asyncio.timeout(most_s):
            while (event := json.loads(await self.ws.receive_str()))["type"] != kind:
                pass
            return event

    async def end(self, most_s=20.0):
        """Code of the close, and the last event before it."""
        last = None
        async with asyncio.timeout(most_s):
            async for message in self.ws:
                last = json.loads(message.data)
        return self.ws.close_code, last

    async def append(self, sound, model="whisper-x", **turns):
        await self.say("session.update", session=session(transcription={"model": model}, **turns))
        for start in range(0, len(sound), SECOND):
            piece = base64.b64encode(sound[start : start + SECOND]).decode()
            await self.say("input_audio_buffer.append", audio=piece)


async def refused(house, **more):
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with Raw(house, **more):
            pass
    return caught.value.status


def script_of_the_page():
    """`main` of what docs/audio-api.md tells to run."""
    page = (Path(__file__).parents[2] / "docs" / "audio-api.md").read_text("utf-8")
    script = page.partition("## Live")[2].partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(compile(script, "live.py", "exec"), names)
    return names["main"]


async def test_what_is_said_with_the_real_recogniser_by_two_at_a_time(house, client):
    other = asyncio.create_task(script_of_the_page()(f"{house.url}/v1", house.key, str(CLIPS / "monday.wav")))
    pause = bytes(SECOND)
    async with live(client) as connection:
        created = await connection.recv()
        assert (created.type, created.session.type) == ("session.created", "transcription")
        await connection.session.update(
            session=session(transcription={"model": "whisper-1", "language": "en"})
        )
        (updated,) = await until(connection, "session.updated")
        assert updated.session.audio.input.transcription.model == "whisper-1"
        clip = spoken("monday.ogg").astype("<i2").tobytes()
        await append(connection, clip + pause + clip + pause)
        first = await until(connection, f"{TRANSCRIPTION}.completed")
        second = await until(connection, f"{TRANSCRIPTION}.completed")
    kinds = [event.type for event in first if not event.type.startswith(("input", f"{TRANSCRIPTION}.delta"))]
    assert {"conversation.item.added", "conversation.item.done", f"{TRANSCRIPTION}.completed"} <= set(kinds)
    events = {event.type: event for event in first + second}
    started, stopped = (
        events["input_audio_buffer.speech_started"],
        events["input_audio_buffer.speech_stopped"],
    )
    assert 4000 < started.audio_start_ms < 5000 < stopped.audio_end_ms < 9000
    committed = events["input_audio_buffer.committed"]
    assert committed.previous_item_id == first[-1].item_id != committed.item_id == started.item_id
    for heard in (first, second):
        done = heard[-1]
        told = "".join(
            one.delta for one in first + second if one.type.endswith("delta") and one.item_id == done.item_id
        )
        assert told == done.transcript == SENTENCE
        assert done.usage.seconds in {3, 4}
        assert done.x_roundhouse["model"] == "whisper/tiny"
        assert done.languages[0].code == "en"
    assert await other == SENTENCE
    (state,) = (await house.get("/v1/models/status")).json()["data"]
    assert (state["model_id"], state["leases"]) == ("tiny", 0)
    async with asyncio.timeout(5):
        # It is tidied up behind what the client is told.
        while list((house.settings.data_dir / "sound").iterdir()):  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.02)
    mine = [one for one in await records(house) if one["target"] == "whisper/tiny"]
    assert [(one["operation"], one["status"], one["stream"]) for one in mine] == [
        ("transcriptions", 200, True)
    ] * 3
    assert all(2 < one["audio_s"] < 5 for one in mine)


async def test_words_come_while_it_is_said(house, client):
    async with live(client) as connection:
        await connection.session.update(session=session(24_000, **MANUAL))
        await append(connection, speech() * 2)
        heard = await until(connection, f"{TRANSCRIPTION}.delta")
        assert heard[-1].delta == "one two three four"
        await connection.input_audio_buffer.commit()
        heard = await until(connection, f"{TRANSCRIPTION}.completed")
        assert [one.type for one in heard[:3]] == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]
        assert (heard[-1].transcript, heard[-2].delta) == ("one two three four five", " five")
        assert heard[-1].usage.seconds == 5
        # Silence is an item without words, and costs nobody anything.
        count = len(await records(house))
        await append(connection, bytes(SECOND))
        await connection.input_audio_buffer.commit()
        heard = await until(connection, f"{TRANSCRIPTION}.completed")
        assert (heard[-1].transcript, heard[0].previous_item_id is not None) == ("", True)
        assert len(await records(house)) == count
        await append(connection, speech())
        await connection.input_audio_buffer.clear()
        await until(connection, "input_audio_buffer.cleared")
        await connection.input_audio_buffer.commit()
        assert (await until(connection, "error"))[-1].error.message.startswith("There is nothing to commit")


async def test_the_dialect_of_the_beta(house):
    # Of itself this one speaks TLS only.
    address = house.url.replace("http", "ws") + "/v1"
    client = openai.AsyncOpenAI(base_url=f"{house.url}/v1", websocket_base_url=address, api_key=house.key)
    async with client.beta.realtime.connect(
        model="whisper-x", extra_query={"intent": "transcription"}
    ) as connection:
        created = await connection.recv()
        assert created.type == "transcription_session.created"
        assert created.session["input_audio_transcription"]["model"] == "whisper-x"
        await connection.transcription_session.update(
            session={"input_audio_format": "g711_ulaw", "turn_detection": None}
        )
        (updated,) = await until(connection, "transcription_session.updated")
        assert (updated.session.input_audio_format, updated.session.turn_detection) == ("g711_ulaw", None)
        await append(connection, bytes([0xFF]) * 16_000, 4000)
        await connection.input_audio_buffer.commit()
        heard = await until(connection, f"{TRANSCRIPTION}.completed")
        assert [one.type for one in heard[:2]] == [
            "input_audio_buffer.committed",
            "conversation.item.created",
        ]


BAD = [
    ("no JSON", "bad_input"),
    ("[1]", "bad_input"),
    (b"\x00\x01", "bad_input"),
    ({}, "bad_input"),
    ({"type": 5}, "bad_input"),
    ({"type": "input_audio_buffer.append"}, "bad_input"),
    ({"type": "input_audio_buffer.append", "audio": "###"}, "bad_input"),
    ({"type": "input_audio_buffer.append", "audio": "AAAAA"}, "bad_input"),
    ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "bad_input"),
    ({"type": "input_audio_buffer.commit"}, "bad_input"),
    ({"type": "session.update"}, "bad_input"),
    ({"type": "session.update", "session": {"type": "realtime", "voice": "alloy"}}, "not_supported"),
    ({"type": "session.update", "session": session(transcription={"model": "nobody"})}, "model_not_found"),
    (
        {"type": "session.update", "session": session(transcription={"model": "roundhouse/minilm"})},
        "not_supported",
    ),
    (
        {"type": "session.update", "session": session(transcription={"model": "whisper/small"})},
        "weights_missing",
    ),
    ({"type": "response.create"}, "not_supported"),
    ({"type": "conversation.item.retrieve", "item_id": "item_1"}, "not_supported"),
    ({"type": "dance", "event_id": "mine"}, "not_supported"),
]


async def test_bad_input_is_told_and_the_session_goes_on(house):
    async with Raw(house) as raw:
        for sent, code in BAD:
            if isinstance(sent, bytes):
                await raw.ws.send_bytes(sent)
            else:
                await raw.ws.send_str(sent if isinstance(sent, str) else json.dumps(sent))
            event = await raw.hear("error")
            assert (event["error"]["code"], event["error"]["type"]) == (code, "invalid_request_error"), sent
        assert event["error"]["event_id"] == "mine"
        # Sound before any configuration is taken by the defaults; this is none of them.
        await raw.append(speech(), turn_detection=None)
        await raw.say("input_audio_buffer.commit")
        assert (await raw.hear(f"{TRANSCRIPTION}.completed"))["transcript"] == "one two three four five"
    async with Raw(house, path="/v1/realtime?intent=conversation&model=gpt-realtime") as raw:
        assert (await raw.hear("error"))["error"]["param"] == "intent"
    async with Raw(house, path="/v1/realtime?model=gpt-realtime") as raw:
        assert (await raw.hear("error"))["error"]["code"] == "model_not_found"


async def test_a_message_that_is_too_large_ends_it(house):
    async with Raw(house) as raw:
        await raw.say("input_audio_buffer.append", audio="A" * 200_000)
        assert (await raw.end())[0] == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_who_may_have_a_session(house):
    assert await refused(house, key="") == 401
    assert await refused(house, key="rh_wrong") == 401
    assert await refused(house, key=(await make(house, scopes=["models:read"]))["key"]) == 403
    other = await make(house, scopes=["inference"], routes=["/v1/audio/*"])
    assert await refused(house, key=other["key"]) == 403
    assert await refused(house, headers={"Origin": "https://evil.example"}) == 403
    assert await refused(house, headers={"Host": "a b"}) == 400
    assert await refused(house, path="/v1/other") in {401, 404}
    assert (await house.get("/v1/realtime")).status == 400
    own = await make(house, scopes=["inference"], routes=["/v1/realtime"], models=["desk/*"])
    protocols = ("realtime", f"openai-insecure-api-key.{own['key']}")
    for origin in ("https://app.example", house.url):
        more = {"protocols": protocols, "headers": {"Origin": origin}}
        async with Raw(house, key="", path="/api/v1/realtime", **more) as raw:
            assert raw.ws.protocol == "realtime"
            await raw.hear("session.created")
            await raw.say("session.update", session=session(transcription={"model": "whisper-slow"}))
            assert (await raw.hear("error"))["error"]["code"] == "not_allowed"


async def test_a_key_that_is_revoked_ends_it(house):
    made = await make(house, scopes=["inference"])
    async with Raw(house, key=made["key"]) as raw:
        await raw.hear("session.created")
        assert (await house.send("DELETE", f"/v1/keys/{made['id']}")).status == 200
        code, last = await raw.end(1.5)
        assert (code, last["error"]["code"]) == (aiohttp.WSCloseCode.POLICY_VIOLATION, "not_signed_in")


async def test_it_is_limited_like_everything_else(house):
    made = await make(house, scopes=["inference"], requests_per_minute=1, concurrent_requests=1)
    async with Raw(house, key=made["key"]) as raw:
        await raw.hear("session.created")
        assert await refused(house, key=made["key"]) == 429
        for wanted in ("completed", "failed"):
            await raw.append(speech(), turn_detection=None)
            await raw.say("input_audio_buffer.commit")
            told = await raw.hear(f"{TRANSCRIPTION}.{wanted}")
        assert (told["error"]["code"], told["error"]["type"]) == ("rate_limit_exceeded", "rate_limit_error")
        async with Raw(house), Raw(house), Raw(house):
            assert await refused(house) == 429
    mine = [one for one in await records(house) if one["key_id"] == made["id"]]
    assert sorted((one["status"], one["requested_model"]) for one in mine) == [
        (200, "whisper-x"),
        (429, "whisper-x"),
    ]


async def test_a_recogniser_that_fails_fails_the_item_and_no_more(house):
    async with Raw(house) as raw:
        for model, wanted in (("whisper-breaks", "failed"), ("whisper-x", "completed")):
            await raw.append(speech(), model, turn_detection=None)
            await raw.say("input_audio_buffer.commit")
            told = await raw.hear(f"{TRANSCRIPTION}.{wanted}")
            assert wanted == "completed" or told["error"]["code"] == "backend_down"


async def test_a_client_that_vanishes_stops_the_recogniser(house):
    backend = house.app.engine.catalog.backends["slow"].asr
    async with Raw(house) as raw:
        await raw.append(speech(), "whisper-slow", turn_detection=None)
        await gone(lambda: backend.open_streams == 1, 5)
        raw.ws._conn.transport.abort()
        await gone(lambda: backend.open_streams == 0, 1)
        await gone(lambda: not list((house.settings.data_dir / "sound").iterdir()), 1)


async def gone(condition, most_s: float) -> None:
    for _ in range(int(most_s * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def test_a_stop_finishes_what_was_said_and_idle_sessions_end(tmp_path):
    settings = {"providers": FAKES, "live": {"idle_timeout_s": 0.3}, "server": {"drain_s": 5.0}}
    async with House(tmp_path / "data", **settings) as house:
        async with Raw(house) as idle:
            code, last = await idle.end(2)
            assert (code, last["error"]["code"]) == (aiohttp.WSCloseCode.OK, "request_timeout")
        async with contextlib.AsyncExitStack() as stack:
            raw = await stack.enter_async_context(Raw(house))
            await raw.append(speech())
            await raw.hear("input_audio_buffer.speech_started")
            ending, left = asyncio.create_task(raw.end(5)), stack.pop_all()
    code, last = await ending
    assert (code, last["transcript"]) == (1012, "one two three four five")
    await left.aclose()
