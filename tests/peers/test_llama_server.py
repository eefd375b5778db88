"""The whole product in front of a real llama.cpp server: what it lists, says, refuses, and how it dies."""

import asyncio
import base64
import json
import struct

import aiohttp
import openai
import pytest

from peers.llama import SLOT_TOKENS, LlamaServer
from serving import House

pytestmark = pytest.mark.peer

ASKED = [{"role": "user", "content": "Say something about the road."}]
ENDLESS = {"model": "tiny", "messages": ASKED, "stream": True, "ignore_eos": True, "max_tokens": 10_000_000}
# The prompt's cache would change how sums are rounded, and with them now and then a word.
REPEATABLE = {"cache_prompt": False}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Hanoi", "Huế"]}},
            "required": ["city"],
        },
    },
}
CALL_NOW = {
    "tools": [WEATHER],
    "tool_choice": "required",
    "logit_bias": {"<tool_call>": 20},
    "max_tokens": 600,
}


@pytest.fixture
async def llama(llama_binary, tiny_model, tmp_path):
    async with LlamaServer(llama_binary, tiny_model, tmp_path) as server:
        yield server


@pytest.fixture
async def embedder(llama_binary, tiny_model, tmp_path):
    options = ("--embeddings", "--pooling", "mean", "--parallel", "1")
    async with LlamaServer(llama_binary, tiny_model, tmp_path, *options, name="tiny-embed") as server:
        yield server


def finding(*servers, **engine):
    """Settings with which the servers are discovered, as on a user's machine."""
    urls = [server.url for server in servers]
    return {"discover": True, "discover_urls": ["http://127.0.0.1:9", *urls], **engine}


@pytest.fixture
async def house(llama, tmp_path):
    async with House(tmp_path / "data", engine=finding(llama)) as running:
        yield running


@pytest.fixture
async def client(house):
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as made:
        yield made


def events_of(body):
    """The payloads of a stream's events; `[DONE]` as it is."""
    told = [line.removeprefix("data: ") for line in body.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) if line.startswith("{") else line for line in told]


class Listener:
    """A stream that a test reads as it comes."""

    def __init__(self, house, body):
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {house.key}"})
        self._url = f"{house.url}/v1/chat/completions"
        self._body = body

    async def __aenter__(self):
        self.answer = await self._session.post(self._url, json=self._body)
        assert self.answer.status == 200, await self.answer.text()
        return self

    async def __aexit__(self, *_):
        await self._session.close()

    async def events(self, count):
        """The next `count` events that say something."""
        heard = []
        while len(heard) < count:
            line = await asyncio.wait_for(self.answer.content.readline(), 10)
            assert line, "the stream ended"
            if line.startswith(b"data: "):
                heard.append(line[6:].strip())
        return heard

    async def rest(self):
        return events_of(await asyncio.wait_for(self.answer.read(), 30))


async def test_both_servers_are_discovered_and_told_apart(llama, embedder, tmp_path):
    async with House(tmp_path / "data", engine=finding(llama, embedder)) as house:
        listed = {model["id"]: model for model in (await house.get("/v1/models")).json()["data"]}
        providers = {one["name"]: one for one in (await house.get("/v1/providers")).json()["data"]}
    found = listed["llamacpp/tiny"]
    # What a request gets, not the 32768 that the model was made for.
    assert found["context_tokens"] == SLOT_TOKENS
    assert found["operations"] == ["chat", "completions"]
    assert found["size_bytes"] == pytest.approx(650_000, rel=0.1)
    assert found["parameters_b"] == pytest.approx(1.6e-4, rel=0.1)
    assert listed[f"llamacpp-{embedder.port}/tiny-embed"]["operations"] == ["embeddings"]
    assert providers["llamacpp"]["source"] == "discovered"
    assert providers["llamacpp"]["url"] == f"{llama.url}/v1"


@pytest.mark.parametrize("outbound", ["lean", "aiohttp"])
async def test_chat_and_its_stream_are_the_same_text(llama, tmp_path, outbound):
    asked = {"messages": ASKED, "max_tokens": 40, "seed": 7, **REPEATABLE}
    async with House(tmp_path / "data", engine=finding(llama), outbound={"client": outbound}) as house:
        whole = await house.post("/v1/chat/completions", {"model": "tiny", **asked})
        answer = whole.json()
        assert whole.headers["x-roundhouse-model"] == "llamacpp/tiny"
        usage = answer["usage"]
        assert (usage["completion_tokens"], usage["total_tokens"]) == (40, usage["prompt_tokens"] + 40)
        text = answer["choices"][0]["message"]["content"]
        assert len(text.split()) > 20

        more = {"stream": True, "stream_options": {"include_usage": True}}
        streamed = await house.post("/v1/chat/completions", {"model": "llamacpp/tiny", **asked, **more})
        *events, last, done = events_of(streamed.body)
        assert "".join(event["choices"][0]["delta"].get("content") or "" for event in events) == text
        assert events[-1]["choices"][0]["finish_reason"] == "length"
        assert (last["choices"], last["usage"]["completion_tokens"], done) == ([], 40, "[DONE]")

        quiet = events_of(
            (await house.post("/v1/chat/completions", {"model": "tiny", **asked, "stream": True})).body
        )
        assert [event for event in quiet[:-1] if event.get("usage")] == []
        await asyncio.sleep(0.8)
        records = (await house.get("/v1/usage/records")).json()["data"]
        assert {(one["target"], one["completion_tokens"], one["status"]) for one in records} == {
            ("llamacpp/tiny", 40, 200)
        }


async def test_a_seed_repeats_and_another_does_not(house):
    async def said(seed):
        answer = await house.chat("tiny", "The road", seed=seed, max_tokens=30, temperature=1.0, **REPEATABLE)
        return answer.json()["choices"][0]["message"]["content"]

    assert await said(1) == await said(1)
    assert await said(1) != await said(2)


async def test_limits_and_stops_are_obeyed(client):
    more = {"model": "tiny", "messages": ASKED, "seed": 3, "extra_body": REPEATABLE}
    whole = await client.chat.completions.create(max_tokens=30, **more)
    text = whole.choices[0].message.content
    stop, kept = next(
        (f" {word}", before)
        for word in text.split()[5:]
        if len((before := text.partition(f" {word}")[0]).split()) > 3
    )
    cut = await client.chat.completions.create(max_tokens=30, stop=[stop], **more)
    assert (cut.choices[0].finish_reason, cut.choices[0].message.content) == ("stop", kept)
    short = await client.chat.completions.create(max_completion_tokens=3, **more)
    assert (short.choices[0].finish_reason, short.usage.completion_tokens) == ("length", 3)


async def test_log_probabilities_and_several_choices(client):
    answer = await client.chat.completions.create(
        model="tiny", messages=ASKED, max_tokens=5, logprobs=True, top_logprobs=3, n=2
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    for choice in answer.choices:
        told = choice.logprobs.content
        assert "".join(one.token for one in told) == choice.message.content
        assert all(one.logprob <= 0 and len(one.top_logprobs) == 3 for one in told)
    stream = await client.chat.completions.create(
        model="tiny", messages=ASKED, max_tokens=5, logprobs=True, top_logprobs=1, n=2, stream=True
    )
    seen = {0: 0, 1: 0}
    async for chunk in stream:
        for choice in chunk.choices:
            seen[choice.index] += len(choice.logprobs.content) if choice.logprobs else 0
    assert seen == {0: 5, 1: 5}


async def test_legacy_completions(client):
    one = await client.completions.create(model="tiny", prompt="The road", max_tokens=6, logprobs=1)
    assert one.object == "text_completion"
    assert (one.choices[0].finish_reason, one.usage.completion_tokens) == ("length", 6)
    two = await client.completions.create(model="tiny", prompt=["The road", "A house"], max_tokens=6)
    assert sorted(choice.index for choice in two.choices) == [0, 1]
    stream = await client.completions.create(
        model="tiny", prompt="The road", max_tokens=6, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].usage.completion_tokens == 6
    assert len([chunk for chunk in chunks if chunk.choices and chunk.choices[0].text]) > 2


async def test_an_answer_follows_a_json_schema(client):
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "city": {"enum": ["Hanoi", "Huế"]}},
        "required": ["ok", "city"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "told", "strict": True, "schema": schema}}
    answer = await client.chat.completions.create(
        model="tiny", messages=ASKED, response_format=form, max_tokens=900
    )
    told = json.loads(answer.choices[0].message.content)
    assert told.keys() == {"ok", "city"}
    assert isinstance(told["ok"], bool)
    assert told["city"] in {"Hanoi", "Huế"}


async def test_a_tool_is_called_and_its_answer_taken(client):
    first = await client.chat.completions.create(model="tiny", messages=ASKED, **CALL_NOW)
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = first.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments)["city"] in {"Hanoi", "Huế"}
    turns = [
        *ASKED,
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "31 °C"},
    ]
    second = await client.chat.completions.create(model="tiny", messages=turns, tools=[WEATHER], max_tokens=5)
    assert second.usage.prompt_tokens > first.usage.prompt_tokens
    assert second.choices[0].message.content


async def test_a_tool_call_is_streamed_in_pieces(client):
    stream = await client.chat.completions.create(model="tiny", messages=ASKED, stream=True, **CALL_NOW)
    name, arguments, reasons = "", [], []
    async for chunk in stream:
        for choice in chunk.choices:
            reasons.append(choice.finish_reason)
            for call in choice.delta.tool_calls or ():
                name += call.function.name or ""
                arguments.append(call.function.arguments or "")
    assert (name, reasons[-1]) == ("weather", "tool_calls")
    assert len(arguments) > 3
    assert json.loads("".join(arguments))["city"] in {"Hanoi", "Huế"}


async def test_the_responses_api_over_a_chat_server(client):
    told = await client.responses.create(model="tiny", input="The road?", max_output_tokens=12)
    assert told.status == "incomplete"
    assert (told.incomplete_details.reason, told.usage.output_tokens) == ("max_output_tokens", 12)
    assert told.output_text
    stream = await client.responses.create(model="tiny", input="The road?", max_output_tokens=12, stream=True)
    events = [event async for event in stream]
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert events[-1].type == "response.incomplete"
    assert "".join(pieces) == events[-1].response.output_text


async def test_embeddings_in_both_forms(llama, embedder, tmp_path):
    async with House(tmp_path / "data", engine=finding(llama, embedder)) as house:

        async def embed(**more):
            asked = {"model": "tiny-embed", "input": ["the road", "a river"], **more}
            return await house.post("/v1/embeddings", asked)

        plain = (await embed()).json()
        packed = (await embed(encoding_format="base64")).json()
        assert [item["index"] for item in plain["data"]] == [0, 1]
        assert plain["usage"]["prompt_tokens"] > 0
        for one, other in zip(plain["data"], packed["data"], strict=True):
            vector = struct.unpack("<64f", base64.b64decode(other["embedding"]))
            assert one["embedding"] == pytest.approx(vector, abs=1e-5)
            assert sum(number * number for number in vector) == pytest.approx(1.0, abs=1e-4)
        long = await embed(input="road " * 3 * SLOT_TOKENS)
        assert (long.status, long.code) == (400, "context_length_exceeded")
        async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key) as client:
            made = await client.embeddings.create(model="tiny-embed", input="the road")
            assert made.data[0].embedding == pytest.approx(plain["data"][0]["embedding"], abs=1e-5)


@pytest.mark.parametrize("stream", [False, True])
async def test_too_long_is_typed_and_goes_to_a_longer_model(llama, tmp_path, stream):
    alias = {"name": "small", "targets": ["llamacpp/tiny"], "context_fallbacks": ["roundhouse/extractive"]}
    # Two bytes a token: only the server itself can know that they do not fit.
    text = "The train leaves at nine. " + "x " * SLOT_TOKENS + ". When does the train leave?"
    async with House(tmp_path / "data", engine=finding(llama), aliases=[alias]) as house:
        refused = await house.chat("tiny", text, stream=stream)
        assert (refused.status, refused.code) == (400, "context_length_exceeded")
        assert str(SLOT_TOKENS) in refused.json()["error"]["message"]
        answer = await house.chat("small", text, stream=stream)
        assert (answer.status, answer.headers["x-roundhouse-model"]) == (200, "roundhouse/extractive")
        assert b"nine" in answer.body
        # Six bytes a token: much text, but it fits.
        for fits in ("The road?", " people river water" * (SLOT_TOKENS // 4)):
            short = await house.chat("small", fits, stream=stream, max_tokens=5)
            assert short.headers["x-roundhouse-model"] == "llamacpp/tiny"
        huge = await house.chat("small", "road " * 4 * SLOT_TOKENS, stream=stream, max_tokens=5)
        assert (huge.status, huge.headers["x-roundhouse-attempts"]) == (200, "1")


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
BROKEN_CALL = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{not json"}}
REFUSED = {
    "a wrong type": ({"temperature": "hot"}, 400, "backend_refused"),
    "a broken schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "nonsense"}}}},
        400,
        "backend_refused",
    ),
    # The server answers 500 to the three that follow.
    "a picture": ({"messages": [{"role": "user", "content": [PICTURE]}]}, 422, "unsupported_content"),
    "a broken tool": ({"tools": [{"type": "function"}]}, 400, "backend_refused"),
    "a broken call": (
        {
            "messages": [
                *ASKED,
                {"role": "assistant", "content": None, "tool_calls": [BROKEN_CALL]},
                {"role": "tool", "tool_call_id": "c", "content": "31"},
            ],
            "tools": [WEATHER],
        },
        400,
        "backend_refused",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_request_at_fault_is_refused_and_opens_no_circuit(llama, tmp_path, case):
    fields, status, code = REFUSED[case]
    body = {"model": "tiny", "messages": ASKED, "max_tokens": 4, **fields}
    async with House(tmp_path / "data", engine=finding(llama, breaker_failures=1)) as house:
        for stream in (False, True):
            answer = await house.post("/v1/chat/completions", body | {"stream": stream})
            assert (answer.status, answer.code) == (status, code)
            assert answer.json()["error"]["message"]
        vectors = await house.post("/v1/embeddings", {"model": "tiny", "input": "The road"})
        assert (vectors.status, vectors.code) == (400, "not_supported")
        assert (await house.chat("tiny", max_tokens=4)).status == 200


async def test_a_client_that_leaves_frees_the_slot(house, llama):
    async with Listener(house, ENDLESS) as listener:
        assert listener.answer.headers["x-roundhouse-model"] == "llamacpp/tiny"
        assert len(await listener.events(20)) == 20
        assert await llama.busy_slots() == 1
    assert await llama.becomes(busy=0, within_s=5)
    waiting = asyncio.create_task(house.post("/v1/chat/completions", ENDLESS | {"stream": False}))
    assert await llama.becomes(busy=1, within_s=5)
    waiting.cancel()
    # llama.cpp looks for the client of a whole answer after a second without any other request.
    assert await llama.becomes(busy=0, within_s=12, every_s=1.5)
    await asyncio.sleep(0.8)
    records = (await house.get("/v1/usage/records")).json()["data"]
    cancelled = (499, "cancelled", "llamacpp/tiny", 1)
    told = [(one["status"], one["error_code"], one["target"], one["attempts"]) for one in records]
    assert told == [cancelled, cancelled]


async def test_two_streams_run_side_by_side_and_a_third_waits_for_a_slot(house, llama):
    short = ENDLESS | {"max_tokens": 5}
    async with Listener(house, ENDLESS) as one, Listener(house, ENDLESS) as other:
        for _ in range(5):
            assert len(await one.events(10)) == len(await other.events(10)) == 10
        assert await llama.busy_slots() == 2
        third = asyncio.create_task(house.post("/v1/chat/completions", short))
        await asyncio.sleep(0.3)
        assert not third.done()
        await one.__aexit__()
        answer = await asyncio.wait_for(third, 10)
        assert answer.status == 200
        assert len(await other.events(10)) == 10
    assert await llama.becomes(busy=0, within_s=5)


async def test_kill_9_in_mid_stream_then_fallback_then_its_return(llama, tmp_path):
    provider = {"name": "rack", "kind": "openai", "url": f"{llama.url}/v1", "models": ["tiny"], "retries": 0}
    alias = {"name": "safe", "targets": ["rack/tiny", "roundhouse/extractive"]}
    engine = {"breaker_failures": 2, "breaker_open_s": 1.0}
    asked = {"text": "The road is long. Is the road long?", "max_tokens": 5}
    async with House(tmp_path / "data", providers=[provider], aliases=[alias], engine=engine) as house:
        async with Listener(house, ENDLESS | {"model": "safe"}) as listener:
            await listener.events(20)
            await llama.kill()
            *_, failed, done = await listener.rest()
        assert (failed["error"]["code"], done) == ("backend_failed", "[DONE]")

        answered = await house.chat("safe", **asked)
        assert (answered.status, answered.headers["x-roundhouse-model"]) == (200, "roundhouse/extractive")
        assert answered.headers["x-roundhouse-attempts"] == "2"
        alone = await house.chat("rack/tiny", **asked)
        assert (alone.status, alone.code) == (503, "backend_down")
        assert (await house.get("/health")).json()["providers"]["rack"] == "circuit open"

        await llama.start()
        await asyncio.sleep(1.1)
        # The trial is a stream without end: others do not wait for it.
        async with Listener(house, ENDLESS | {"model": "safe"}) as trial:
            assert len(await trial.events(5)) == 5
            back = await house.chat("safe", **asked)
            assert (back.status, back.headers["x-roundhouse-model"]) == (200, "rack/tiny")
        assert (await house.get("/health")).json()["providers"]["rack"] != "circuit open"


async def test_a_server_with_a_key(llama_binary, tiny_model, tmp_path):
    async with LlamaServer(llama_binary, tiny_model, tmp_path, "--api-key", "sk-rack-secret") as llama:
        rack = {
            "name": "rack",
            "kind": "openai",
            "url": f"{llama.url}/v1",
            "key": "sk-rack-secret",
            "retries": 0,
        }
        wrong = rack | {"name": "wrong", "key": "sk-other-secret", "models": ["tiny"]}
        async with House(tmp_path / "data", providers=[rack, wrong]) as house:
            assert (await house.chat("rack/tiny", max_tokens=3)).status == 200
            refused = await house.chat("wrong/tiny", max_tokens=3)
            assert (refused.status, refused.code) == (502, "backend_failed")
            assert b"secret" not in refused.body
