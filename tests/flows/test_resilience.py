"""Model servers that misbehave, seen by a client of the whole product."""

import asyncio
import json

import pytest

from peers import scripts
from peers.upstream import Upstream
from serving import House


def provider(up, name="up", **more):
    return {
        "name": name,
        "kind": "openai",
        "url": up.url,
        "key": "sk-upstream-secret",
        "models": ["m"],
        "retries": 0,
    } | more


def listing(up):
    up.paths["/models"] = scripts.json_answer({"object": "list", "data": [{"id": "m", "object": "model"}]})


@pytest.fixture
async def two(up):
    listing(up)
    async with Upstream() as other:
        listing(other)
        yield up, other


async def started(tmp_path, *ups, **settings):
    names = ["first", "second"]
    providers = [provider(up, name) for up, name in zip(ups, names, strict=False)]
    alias = {"name": "gpt-4o", "targets": [f"{names[n]}/m" for n in range(len(ups))]}
    return House(tmp_path / "data", providers=providers, aliases=[alias], **settings)


FAULTS = {
    "5xx": (scripts.error_answer(500), 500, "backend_failed"),
    "html": (scripts.html_answer(200), 502, "backend_bad_answer"),
    "error in a 200": (scripts.json_answer({"error": {"message": "overloaded"}}), 502, "backend_failed"),
    "429": (scripts.error_answer(429, Retry_After="7"), 429, "backend_busy"),
    "404": (scripts.error_answer(404), 404, "backend_refused"),
    "our key is bad": (scripts.error_answer(401), 502, "backend_failed"),
    "redirect": (scripts.redirect("http://127.0.0.1:9/steal"), 502, "backend_failed"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_is_one_typed_error(tmp_path, up, fault, stream):
    script, status, code = FAULTS[fault]
    listing(up)
    up.script = script
    async with await started(tmp_path, up) as house:
        answer = await house.chat("gpt-4o", stream=stream)
        assert (answer.status, answer.code) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["error"]["message"]
        assert "sk-upstream-secret" not in answer.body.decode()
        if fault == "429":
            assert int(answer.headers["retry-after"]) >= 7
            assert answer.headers["x-should-retry"] == "true"


async def test_a_fallback_answers_and_the_decision_is_told(tmp_path, two):
    first, second = two
    first.script = scripts.error_answer(503)
    second.script = scripts.json_answer(scripts.completion("from the second"))
    async with await started(tmp_path, *two) as house:
        answer = await house.chat("gpt-4o")
        assert answer.json()["choices"][0]["message"]["content"] == "from the second"
        assert answer.headers["x-roundhouse-model"] == "second/m"
        assert answer.headers["x-roundhouse-attempts"] == "2"
        sent = second.requests[-1]
        assert sent.json()["model"] == "m"
        assert sent.headers["authorization"] == "Bearer sk-upstream-secret"
        assert house.key not in str(sent.headers)
        await asyncio.sleep(0.8)
        records = (await house.get("/v1/usage/records")).json()["data"]
        assert (records[0]["target"], records[0]["requested_model"], records[0]["attempts"]) == (
            "second/m",
            "gpt-4o",
            2,
        )


async def test_a_streams_headers_tell_who_answers(tmp_path, two):
    first, second = two
    first.script = scripts.error_answer(503)
    second.script = scripts.stream(scripts.good_events("Hel", "lo"))
    async with await started(tmp_path, *two) as house:
        answer = await house.chat("gpt-4o", stream=True)
        told = [answer.headers[f"x-roundhouse-{name}"] for name in ("model", "attempts")]
        assert told == ["second/m", "2"]


async def test_an_error_in_mid_stream_is_an_event_and_never_a_silent_stop(tmp_path, up):
    listing(up)
    up.script = scripts.stream(scripts.good_events("Hel", "lo")[:2])
    async with await started(tmp_path, up) as house:
        answer = await house.chat("gpt-4o", stream=True)
        events = [line[6:] for line in answer.body.decode().split("\n\n") if line]
        assert answer.status == 200
        assert json.loads(events[-2])["error"]["code"] == "backend_failed"
        assert events[-1] == "[DONE]"


async def test_a_circuit_opens_and_the_other_target_answers_at_once(tmp_path, two):
    first, second = two
    first.script = scripts.error_answer(500)
    second.script = scripts.json_answer(scripts.completion())
    async with await started(tmp_path, *two, engine={"breaker_failures": 2}) as house:
        for _ in range(4):
            assert (await house.chat("gpt-4o")).status == 200
        chats = [request for request in first.requests if request.path.endswith("/chat/completions")]
        assert len(chats) == 2
        assert (await house.get("/health")).json()["providers"]["first"] == "circuit open"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_stops_the_model_within_a_second(tmp_path, up, stream):
    listing(up)

    asked = asyncio.Event()

    async def endless(exchange):
        asked.set()
        if stream:
            await exchange.head(200, scripts.SSE)
            await exchange.chunk(scripts.event(scripts.chunk("hello", role="assistant")))
        await exchange.gone()

    up.script = endless
    async with await started(tmp_path, up) as house:
        asking = asyncio.create_task(house.chat("gpt-4o", stream=stream))
        await asyncio.wait_for(asked.wait(), 5)
        await asyncio.sleep(0.1)
        asking.cancel()
        assert await up.client_left(within_s=3.0)
        await asyncio.sleep(0.8)
        records = (await house.get("/v1/usage/records")).json()["data"]
        assert (records[0]["status"], records[0]["error_code"]) == (499, "cancelled")


async def test_time_outs_are_told(tmp_path, up):
    listing(up)

    async def hang(exchange):
        await exchange.gone()

    up.script = hang
    slow = provider(up, timeouts={"first_byte_s": 0.3})
    async with House(tmp_path / "data", providers=[slow]) as house:
        answer = await house.chat("up/m")
        assert (answer.status, answer.code) == (504, "backend_timeout")


async def test_nothing_listens(tmp_path):
    dead = {"name": "dead", "kind": "openai", "url": "http://127.0.0.1:9/v1", "models": ["m"], "retries": 0}
    async with House(tmp_path / "data", providers=[dead]) as house:
        answer = await house.chat("dead/m")
        assert (answer.status, answer.code) == (503, "backend_down")
        unknown = await house.chat("llama2:7b")
        assert (unknown.status, unknown.code) == (404, "model_not_found")


async def test_the_cache_answers_and_its_use_is_told(tmp_path, up):
    listing(up)
    up.script = [
        scripts.json_answer(scripts.completion("one")),
        scripts.json_answer(scripts.completion("two")),
    ]
    async with await started(tmp_path, up, cache={"responses": True}) as house:
        first, second = await house.chat("gpt-4o"), await house.chat("gpt-4o")
        assert (first.headers["x-roundhouse-cache"], second.headers["x-roundhouse-cache"]) == ("miss", "hit")
        assert first.body == second.body
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello."}]}
        fresh = await house.post("/v1/chat/completions", body, headers={"Cache-Control": "no-cache"})
        assert fresh.json()["choices"][0]["message"]["content"] == "two"
