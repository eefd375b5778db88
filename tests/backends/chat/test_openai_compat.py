"""OpenAI-compatible chat against a scripted server: what is sent, and every way in which an answer goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from peers import scripts
from peers.asking import ask, backend_context, provider_of, read_stream
from peers.scripts import chunk, completion, event, good_events, json_answer
from peers.upstream import Upstream
from roundhouse.backends.chat.openai_compat import OpenAIChat
from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendBusy,
    BackendDown,
    BackendFailed,
    BackendRefused,
    BackendTimeout,
    BadInput,
    ContextTooLong,
    RoundhouseError,
)
from roundhouse.core.ports import AnswerStream, BackendContext
from roundhouse.core.types import Answer, Timeouts, Usage

KEY = "sk-very-secret"
SHORT = Timeouts(connect_s=5, first_byte_s=0.3, idle_s=0.3, total_s=30)
TEXT = ["Hello", " wörld", " 🙂"]


@pytest.fixture
async def context() -> AsyncIterator[BackendContext]:
    async with backend_context() as made:
        yield made


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        yield upstream


def backend(up: Upstream, context: BackendContext, **changed: Any) -> OpenAIChat:
    return OpenAIChat(provider_of("openai", changed.pop("url", up.url), key=KEY, **changed), context)


async def chat(up: Upstream, context: BackendContext, **changed: Any) -> Answer:
    return await backend(up, context, **changed).chat(ask(), "tiny")


async def stream(up: Upstream, context: BackendContext, **changed: Any) -> AnswerStream:
    return await backend(up, context, **changed).stream(ask(stream=True), "tiny")


async def text(running: AnswerStream) -> str:
    data = b"".join([piece async for piece in running])
    await running.aclose()
    events = [json.loads(one[6:]) for one in data.split(b"\n\n") if one.startswith(b"data: ")]
    return "".join(one["choices"][0]["delta"].get("content") or "" for one in events)


# --- what is sent ---


async def test_request_passes_through(up: Upstream, context: BackendContext) -> None:
    up.script = json_answer(completion())
    members = {
        "messages": [{"role": "user", "content": "Hi"}],
        "seed": 7,
        "unknown_field": {"kept": [1, None]},
    }
    answer = await backend(up, context, headers={"X-Team": "a"}).chat(
        ask(**members, model="alias", stream=False, stream_options=None), "tiny"
    )
    assert json.loads(answer.body) == completion()
    assert answer.usage == Usage(5, 2)
    (received,) = up.requests
    assert (received.method, received.target) == ("POST", "/v1/chat/completions")
    assert received.json() == members | {"model": "tiny"}
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["x-team"] == "a"


async def test_completions_have_their_own_path(up: Upstream, context: BackendContext) -> None:
    up.script = json_answer({"choices": [{"text": "x"}]})
    await backend(up, context).chat(ask("completions", prompt="Once"), "tiny")
    assert up.requests[0].target == "/v1/completions"
    assert up.requests[0].json() == {"prompt": "Once", "model": "tiny"}


async def test_no_key_no_header(up: Upstream, context: BackendContext) -> None:
    up.script = json_answer(completion())
    await OpenAIChat(provider_of("openai", up.url + "/"), context).chat(ask(), "tiny")
    assert "authorization" not in up.requests[0].headers
    assert up.requests[0].target == "/v1/chat/completions"


async def test_own_headers_win(up: Upstream, context: BackendContext) -> None:
    up.script = json_answer(completion())
    await chat(up, context, headers={"authorization": "Basic abc"})
    assert up.requests[0].headers["authorization"] == "Basic abc"


async def test_azure_deployments(up: Upstream, context: BackendContext) -> None:
    up.script = json_answer(completion())
    options = {"azure": True, "api_version": "2026-06-01"}
    azure = backend(up, context, url=f"{up.origin}/openai", options=options)
    await azure.chat(ask(), "my gpt/../4")
    await azure.chat(ask("completions", prompt="x"), "other")
    first, second = up.requests
    assert first.target == "/openai/deployments/my%20gpt%2F..%2F4/chat/completions?api-version=2026-06-01"
    assert second.target == "/openai/deployments/other/completions?api-version=2026-06-01"
    assert first.headers["api-key"] == KEY
    assert "authorization" not in first.headers
    with pytest.raises(BadInput):
        await azure.chat(ask(), "..")


async def test_azure_without_version_has_plain_paths(up: Upstream, context: BackendContext) -> None:
    up.script = json_answer(completion())
    await chat(up, context, options={"azure": True})
    assert up.requests[0].target == "/v1/chat/completions"
    assert up.requests[0].headers["api-key"] == KEY


async def test_extra_body_fills_in_what_the_client_left_out(up: Upstream, context: BackendContext) -> None:
    up.script = json_answer(completion())
    options = {"extra_body": {"top_k": 5, "seed": 1}}
    await backend(up, context, options=options).chat(ask(seed=9), "tiny")
    sent = up.requests[0].json()
    assert (sent["top_k"], sent["seed"]) == (5, 9)


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("vllm", {}, True),
        ("vllm", {"continue_final_message": False}, False),
        ("openai", {}, False),
        ("openai", {"continue_final_message": True}, True),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_that_was_begun_is_asked_for_in_the_servers_words(
    up: Upstream, context: BackendContext, kind: str, options: dict[str, Any], told: bool, streamed: bool
) -> None:
    up.script = scripts.stream(good_events("!")) if streamed else json_answer(completion())
    asked = ask(stream=streamed)
    asked.continues = True
    wanted = {"continue_final_message": True, "add_generation_prompt": False} if told else {}
    extra = {"add_generation_prompt": True, "seed": 1}
    for more in ({}, {"extra_body": extra}):
        made = OpenAIChat(provider_of(kind, up.url, options=options | more), context)
        if streamed:
            await text(await made.stream(asked, "tiny"))
        else:
            await made.chat(asked, "tiny")
        sent = up.requests[-1].json()
        plain = {"model", "messages", "stream", "stream_options"}
        assert {name: sent[name] for name in sent.keys() - plain} == more.get("extra_body", {}) | wanted
        await made.chat(ask(), "tiny") if not streamed else await text(
            await made.stream(ask(stream=True), "tiny")
        )
        assert "continue_final_message" not in up.requests[-1].json()


@pytest.mark.parametrize("options", [{"azure": "perhaps"}, {"extra_body": []}, {"api_version": 5}])
async def test_wrong_options(up: Upstream, context: BackendContext, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="options of provider p"):
        backend(up, context, options=options)


async def test_url_is_required_and_key_is_not_in_the_error(context: BackendContext) -> None:
    with pytest.raises(BadInput, match="needs a url"):
        OpenAIChat(provider_of("vllm", ""), context)
    with pytest.raises(BadInput) as caught:
        OpenAIChat(provider_of("openai", "http://127.0.0.1:1/v1", key="sk-1\r\nX-Evil: 1"), context)
    assert "sk-1" not in caught.value.detail


@pytest.mark.parametrize(
    ("given", "options", "sent"),
    [
        ({}, {}, {"include_usage": True}),
        ({"stream_options": None}, {}, {"include_usage": True}),
        ({"stream_options": {"include_usage": False}}, {}, {"include_usage": True}),
        (
            {"stream_options": {"include_obfuscation": False}},
            {},
            {"include_obfuscation": False, "include_usage": True},
        ),
        ({}, {"stream_usage": False}, None),
        ({"stream_options": {"include_usage": True}}, {"stream_usage": False}, None),
    ],
)
async def test_usage_of_streams_is_asked_for(
    up: Upstream, context: BackendContext, given: dict[str, Any], options: dict[str, Any], sent: Any
) -> None:
    up.script = scripts.stream(good_events(*TEXT))
    running = await backend(up, context, options=options).stream(ask(**given), "tiny")
    assert await text(running) == "".join(TEXT)
    assert running.usage == Usage(5, 3)
    body = up.requests[0].json()
    assert body["stream"] is True
    assert body.get("stream_options") == sent


async def test_connections_are_used_again(up: Upstream, context: BackendContext) -> None:
    up.script = [json_answer(completion()), scripts.stream(good_events(*TEXT)), scripts.error_answer(400)] * 2
    made = backend(up, context)
    for _ in range(2):
        await made.chat(ask(), "tiny")
        await text(await made.stream(ask(stream=True), "tiny"))
        with pytest.raises(BackendRefused):
            await made.chat(ask(), "tiny")
    assert up.connections == 1


# --- good answers in odd clothes ---


@pytest.mark.parametrize(
    "script",
    [
        scripts.stream(good_events(*TEXT)),
        scripts.stream(good_events(*TEXT), delay_s=0.01),
        scripts.drip(b"".join(good_events(*TEXT))),
        scripts.stream([b"".join(good_events(*TEXT))]),
        scripts.stream([one.replace(b"\n", b"\r\n") for one in good_events(*TEXT)]),
        scripts.drip(b"".join(good_events(*TEXT)).replace(b"\n", b"\r\n")),
        scripts.stream([b": connected\n\n", *good_events(*TEXT), b": bye\n\n"]),
        scripts.stream([b"event: message\nid: 1\n" + one for one in good_events(*TEXT)]),
        scripts.stream(good_events(*TEXT)[:-1]),
        scripts.until_close(b"".join(good_events(*TEXT))),
        scripts.stream(good_events(*TEXT), headers={"Content-Type": "text/event-stream; charset=utf-8"}),
        scripts.stream(good_events(*TEXT), headers={}),
        scripts.stream(good_events(*TEXT), headers={"Content-Type": "text/plain"}),
    ],
    ids=[
        "plain",
        "slow",
        "drip",
        "once",
        "crlf",
        "crlf-drip",
        "comments",
        "named",
        "no-done",
        "until-close",
        "charset",
        "no-type",
        "text",
    ],
)
async def test_good_streams(up: Upstream, context: BackendContext, script: Any) -> None:
    up.script = script
    running = await stream(up, context)
    assert await text(running) == "".join(TEXT)
    assert running.usage == Usage(5, 3)


async def test_event_in_several_data_lines_becomes_one(up: Upstream, context: BackendContext) -> None:
    spread = b"data: " + json.dumps(chunk("spread"), indent=2).encode().replace(b"\n", b"\ndata: ") + b"\n\n"
    up.script = scripts.stream([spread, *good_events()])
    assert await text(await stream(up, context)) == "spread"


async def test_server_that_stays_silent_after_done(up: Upstream, context: BackendContext) -> None:
    up.script = scripts.hang_after(good_events(*TEXT))
    running = await stream(up, context)
    async with asyncio.timeout(10):
        assert await text(running) == "".join(TEXT)
    assert await up.client_left()


async def test_reset_after_done_is_no_failure(up: Upstream, context: BackendContext) -> None:
    up.script = scripts.reset_after(good_events(*TEXT))
    assert await text(await stream(up, context)) == "".join(TEXT)


async def test_streamed_tools_pass_untouched(up: Upstream, context: BackendContext) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    sent = [
        chunk(None, role="assistant", content=None, tool_calls=[call]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}]),
        chunk(finish="tool_calls"),
    ]
    up.script = scripts.stream([*map(event, sent), scripts.DONE])
    assert await read_stream(await stream(up, context)) == sent


async def test_whole_answers_in_odd_clothes(up: Upstream, context: BackendContext) -> None:
    body = json.dumps(completion()).encode()
    for script in (
        scripts.gzip_answer(completion()),
        scripts.drip(body, scripts.JSON),
        scripts.until_close(body, scripts.JSON),
        scripts.body_answer(body),
        scripts.body_answer(body, Content_Type="text/plain; charset=utf-8"),
        scripts.body_answer(body, Content_Type="application/problem+json"),
        scripts.body_answer(body, Content_Type="text/html"),
    ):
        up.script = script
        answer = await chat(up, context)
        assert json.loads(answer.body) == completion()
        assert answer.usage == Usage(5, 2)


# --- refusals ---


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("script", "kind", "status", "retryable"),
    [
        (scripts.error_answer(400, "bad field"), BackendRefused, 400, False),
        (scripts.error_answer(404, "no such model"), BackendRefused, 404, False),
        (scripts.error_answer(422, "bad value"), BackendRefused, 422, False),
        (scripts.error_answer(401, f"bad key {KEY}"), BackendFailed, 502, True),
        (scripts.error_answer(403, f"bad key {KEY}"), BackendFailed, 502, True),
        (scripts.error_answer(429, "slow"), BackendBusy, 429, True),
        (scripts.error_answer(500, f"key {KEY} lost"), BackendFailed, 500, True),
        (scripts.error_answer(503, "starting"), BackendFailed, 503, True),
        (scripts.html_answer(502), BackendFailed, 502, True),
        (scripts.body_answer(b"", 500), BackendFailed, 500, True),
        (
            scripts.error_answer(400, "This model's maximum context length is 10 tokens."),
            ContextTooLong,
            400,
            False,
        ),
        (scripts.html_answer(200), BackendBadAnswer, 502, True),
        (scripts.body_answer(b"\x89PNG", Content_Type="image/png"), BackendBadAnswer, 502, True),
        (scripts.json_answer({"error": {"message": "hidden", "code": 500}}), BackendFailed, 500, True),
        (scripts.json_answer({"error": {"message": "hidden", "code": 429}}), BackendBusy, 429, True),
        (scripts.redirect("http://127.0.0.1:1/"), BackendFailed, 502, True),
        (scripts.reset, BackendFailed, 502, True),
    ],
)
async def test_refusals(
    up: Upstream,
    context: BackendContext,
    script: Any,
    kind: type[RoundhouseError],
    status: int,
    retryable: bool,
    streamed: bool,
) -> None:
    up.script = script
    with pytest.raises(RoundhouseError) as caught:
        if streamed:
            await read_stream(await stream(up, context))
        else:
            await chat(up, context)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.retryable) == (status, retryable)
    assert KEY not in str(caught.value) and KEY not in repr(caught.value)


async def test_retry_after(up: Upstream, context: BackendContext) -> None:
    up.script = scripts.error_answer(429, "slow", Retry_After="7")
    with pytest.raises(BackendBusy) as caught:
        await chat(up, context)
    assert caught.value.retry_after_s == 7
    up.script = scripts.error_answer(503, "slow", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    with pytest.raises(BackendFailed) as failed:
        await stream(up, context)
    assert failed.value.retry_after_s == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_never_carries_the_key_on(up: Upstream, context: BackendContext, status: int) -> None:
    async with Upstream(json_answer(completion())) as thief:
        up.script = scripts.redirect(f"{thief.url}/chat/completions", status)
        with pytest.raises(BackendFailed, match="redirects are not followed"):
            await chat(up, context)
        with pytest.raises(BackendFailed, match="redirects are not followed"):
            await stream(up, context)
        assert thief.connections == 0


async def test_stream_answered_with_a_whole_answer(up: Upstream, context: BackendContext) -> None:
    up.script = json_answer(completion())
    with pytest.raises(BackendBadAnswer, match="instead of a stream"):
        await stream(up, context)


async def test_nobody_listens(up: Upstream, context: BackendContext) -> None:
    with pytest.raises(BackendDown):
        await chat(up, context, url="http://127.0.0.1:9/v1")


# --- answers that break ---


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (scripts.hang, BackendTimeout),
        (scripts.hang_after([b'{"choices":'], scripts.JSON), BackendTimeout),
        (scripts.reset_after([b'{"choices":'], scripts.JSON), BackendFailed),
        (scripts.close_in_body(b'{"choices":[', 5000), BackendFailed),
        (scripts.until_close(b'{"choices":[', scripts.JSON), BackendBadAnswer),
        (scripts.body_answer(b'{"choices":[}', Content_Type="application/json"), BackendBadAnswer),
        (scripts.json_answer({"id": "x"}), BackendBadAnswer),
        (scripts.json_answer(["choices"]), BackendBadAnswer),
        (scripts.body_answer(b"", Content_Type="application/json"), BackendBadAnswer),
        (scripts.body_answer(b"", 204), BackendBadAnswer),
        (
            scripts.body_answer(b"no gzip", Content_Type="application/json", Content_Encoding="gzip"),
            BackendBadAnswer,
        ),
        (scripts.huge(65 * 1024 * 1024), BackendBadAnswer),
    ],
    ids=[
        "hang",
        "hang-in-body",
        "reset-in-body",
        "early-close",
        "cut-json",
        "bad-json",
        "nothing",
        "list",
        "empty",
        "no-content",
        "no-gzip",
        "huge",
    ],
)
async def test_broken_answers(
    up: Upstream, context: BackendContext, script: Any, kind: type[RoundhouseError]
) -> None:
    up.script = script
    limits = SHORT if kind is BackendTimeout else Timeouts()
    with pytest.raises(RoundhouseError) as caught:
        await chat(up, context, timeouts=limits)
    assert type(caught.value) is kind


START = good_events("Hel")[:2]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (scripts.hang_after(START), BackendTimeout),
        (scripts.reset_after(START), BackendFailed),
        (scripts.stream(START), BackendFailed),
        (scripts.until_close(b"".join(START)), BackendFailed),
        (scripts.close_in_body(b"".join(START), 5000, scripts.SSE), BackendFailed),
        (scripts.stream([*START, b'data: {"choices":[{"delta"']), BackendBadAnswer),
        (scripts.stream([*START, b"data: {broken}\n\n", *good_events("lo")]), BackendBadAnswer),
        (scripts.stream([*START, event({"error": {"message": "died", "code": 500}})]), BackendFailed),
        (scripts.hang_after([*START, event({"error": {"message": "died", "code": 429}})]), BackendBusy),
        (scripts.stream([*START, b'error: {"code":500,"message":"llama.cpp died"}\n\n']), BackendFailed),
        (
            scripts.stream(
                [*START, event({"error": {"message": "the request exceeds the available context size"}})]
            ),
            ContextTooLong,
        ),
        (scripts.stream([*START, b"<html>proxy error</html>"]), BackendFailed),
    ],
    ids=[
        "hang",
        "reset",
        "cut",
        "cut-until-close",
        "early-close",
        "half-event",
        "bad-json",
        "error",
        "error-hang",
        "llama",
        "context",
        "html",
    ],
)
async def test_streams_that_break_after_the_first_piece(
    up: Upstream, context: BackendContext, script: Any, kind: type[RoundhouseError]
) -> None:
    up.script = script
    running = await stream(up, context, timeouts=SHORT if kind is BackendTimeout else Timeouts())
    said = b""
    with pytest.raises(RoundhouseError) as caught:
        async for piece in running:
            said += piece
    await running.aclose()
    assert type(caught.value) is kind
    assert b'"Hel"' in said
    assert said.endswith(b"\n\n")


async def test_stream_hangs_before_headers(up: Upstream, context: BackendContext) -> None:
    up.script = scripts.hang
    with pytest.raises(BackendTimeout):
        await stream(up, context, timeouts=SHORT)
    assert await up.client_left()


async def test_total_time_ends_an_endless_stream(up: Upstream, context: BackendContext) -> None:
    up.script = scripts.endless(event(chunk("again ")))
    running = await stream(up, context, timeouts=Timeouts(total_s=0.5))
    with pytest.raises(BackendTimeout):
        async for _ in running:
            pass
    assert await up.client_left()


async def test_error_body_that_hangs_still_gives_the_status(up: Upstream, context: BackendContext) -> None:
    async def busy(exchange: Any) -> None:
        await exchange.head(429, scripts.JSON | {"Retry-After": "3"})
        await exchange.chunk(b'{"error":')
        await exchange.gone()

    up.script = busy
    with pytest.raises(BackendBusy) as caught:
        await chat(up, context, timeouts=SHORT)
    assert caught.value.retry_after_s == 3
