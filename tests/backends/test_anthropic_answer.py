"""Answers of Anthropic, without Anthropic: the same whole and streamed, wherever the reads end."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers.anthropic import events, fault, text_block, thinking_block, tool_block
from peers.asking import merge, parse_events
from roundhouse.backends.anthropic_answer import AnthropicEvents, whole_answer
from roundhouse.backends.openai_form import AnswerForm
from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendBusy,
    BackendFailed,
    BackendRefused,
    ContextTooLong,
    RoundhouseError,
)
from roundhouse.core.types import Usage

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "a_new_reason": "stop",
}
USAGE = {
    "input_tokens": 10,
    "output_tokens": 5,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 20,
}

texts = st.text(max_size=12)
blocks = st.lists(
    st.builds(text_block, texts)
    | st.builds(thinking_block, texts)
    | st.builds(
        tool_block,
        st.text("abc_", min_size=1, max_size=6),
        st.dictionaries(texts, st.integers() | texts, max_size=2),
        st.text("0123", min_size=1, max_size=4),
    ),
    max_size=5,
)


def message(content: list[dict[str, Any]], stop_reason: str = "end_turn", **more: Any) -> dict[str, Any]:
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x-20260101"}
    return {**base, "content": content, "stop_reason": stop_reason, "usage": USAGE, **more}


def translate(raw: bytes, cuts: list[int]) -> list[dict[str, Any]]:
    translator = AnthropicEvents(AnswerForm("chat", "m", 5), wants_usage=True)
    edges = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    out = b"".join(translator.feed(raw[start:end]) for start, end in itertools.pairwise(edges))
    out += b"" if translator.done else translator.end()
    if translator.failure is not None:
        raise translator.failure
    return parse_events(out)


def whole(body: Any) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json.loads(whole_answer(raw, AnswerForm("chat", "m", 5)).body)


@given(
    content=blocks,
    stop_reason=st.sampled_from(list(FINISH)),
    cuts=st.lists(st.integers(0, 5000), max_size=8),
    newline=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    ended=st.booleans(),
)
def test_streamed_and_whole_say_the_same(
    content: list[dict[str, Any]], stop_reason: str, cuts: list[int], newline: bytes, ended: bool
) -> None:
    raw = b"".join(events(message(content, stop_reason)))
    raw = (raw if ended else raw[:-2]).replace(b"\n", newline)
    streamed = merge(translate(raw, cuts))
    answer = whole(message(content, stop_reason))
    told = answer["choices"][0]["message"]
    said = streamed["message"]
    assert said["content"] == (told["content"] or "")
    assert said["content"] == "".join(block["text"] for block in content if block["type"] == "text")
    assert said["reasoning_content"] == told.get("reasoning_content", "")
    assert [(call["id"], call["name"], json.loads(call["arguments"])) for call in said["tool_calls"]] == [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in told.get("tool_calls", ())
    ]
    assert streamed["finish_reason"] == answer["choices"][0]["finish_reason"] == FINISH[stop_reason]
    assert streamed["usage"] == answer["usage"]
    assert len(streamed["ids"]) == 1


@given(raw=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=4))
def test_rubbish_is_an_error_of_the_tree(raw: bytes, cuts: list[int]) -> None:
    for hostile in (raw, b"data: " + raw + b"\n\n"):
        with pytest.raises(RoundhouseError):
            translate(hostile, cuts)
    with pytest.raises(RoundhouseError):
        whole(raw)


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "content", "usage", "id", "name", "input"]), inner)
    ),
    max_leaves=6,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "type": st.sampled_from(
                    ["message_start", "content_block_start", "content_block_delta", "message_stop"]
                )
            },
            optional={name: any_json for name in ("index", "message", "content_block", "delta", "usage")},
        ),
        max_size=5,
    )
)
def test_events_of_another_shape_are_an_error_or_chunks(told: list[dict[str, Any]]) -> None:
    raw = b"".join(f"data: {json.dumps(one)}\n\n".encode() for one in told)
    try:
        chunks = translate(raw, [])
    except RoundhouseError:
        return
    assert chunks


def test_the_chunks_of_a_stream() -> None:
    chunks = translate(b"".join(events(message([text_block("Hello")]))), [])
    assert {chunk["model"] for chunk in chunks} == {"claude-x-20260101"}
    assert [choice["delta"] for chunk in chunks for choice in chunk["choices"]] == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert chunks[-1]["usage"] == {
        "prompt_tokens": 33,
        "completion_tokens": 5,
        "total_tokens": 38,
        "prompt_tokens_details": {"cached_tokens": 20, "cache_creation_tokens": 3},
    }


def test_tool_calls_have_their_own_index() -> None:
    content = [text_block("a"), tool_block("f", {}, "t1"), text_block("b"), tool_block("g", {"x": 1}, "t2")]
    chunks = translate(b"".join(events(message(content, "tool_use"))), [])
    calls = [
        call
        for chunk in chunks
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert calls[0] == {
        "index": 0,
        "id": "t1",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    assert calls[1] == {"index": 0, "function": {"arguments": "{}"}}
    assert calls[2]["index"] == 1
    assert "".join(call["function"]["arguments"] for call in calls[3:]) == '{"x": 1}'


def test_thinking_comes_as_text_and_as_the_signed_blocks_to_send_back() -> None:
    redacted = {"type": "redacted_thinking", "data": "xyz"}
    content = [thinking_block("Hmm, so", "s=="), redacted, text_block("Yes.")]
    usage = {**USAGE, "output_tokens_details": {"thinking_tokens": 4}}
    answer = whole(message(content, usage=usage))
    told = answer["choices"][0]["message"]
    assert told["reasoning_content"] == "Hmm, so"
    assert told["thinking_blocks"] == [thinking_block("Hmm, so", "s=="), redacted]
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 4}
    chunks = translate(b"".join(events(message(content))), [])
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert [delta["thinking_blocks"] for delta in deltas if "thinking_blocks" in delta] == [
        [thinking_block("Hmm, so", "s==")],
        [redacted],
    ]


def test_usage_is_counted_though_nobody_asked() -> None:
    translator = AnthropicEvents(AnswerForm("chat", "m", 5), wants_usage=False)
    chunks = parse_events(translator.feed(b"".join(events(message([text_block("Hi")])))))
    assert all("usage" not in chunk for chunk in chunks)
    assert translator.usage == Usage(33, 5, 20)


@pytest.mark.parametrize(
    ("kind", "text", "error"),
    [
        ("overloaded_error", "Overloaded", BackendFailed),
        ("api_error", "Internal server error", BackendFailed),
        ("rate_limit_error", "slow down", BackendBusy),
        ("invalid_request_error", "no", BackendRefused),
        ("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", ContextTooLong),
    ],
)
def test_errors_in_a_200(kind: str, text: str, error: type[RoundhouseError]) -> None:
    body = fault(kind, text)
    with pytest.raises(error) as caught:
        whole(body)
    assert type(caught.value) is error
    raw = b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n"
    with pytest.raises(error) as caught:
        translate(raw, [])
    assert type(caught.value) is error
    started = events(message([text_block("Hello")]))[:5]
    translator = AnthropicEvents(AnswerForm("chat", "m", 5), wants_usage=False)
    assert b"Hel" in translator.feed(b"".join(started) + raw)
    assert type(translator.failure) is error


def test_a_cut_stream() -> None:
    parts = events(message([text_block("Hello")]))
    for count in range(len(parts)):
        with pytest.raises(BackendFailed, match="before the answer was complete"):
            translate(b"".join(parts[:count]), [])


def test_comments_pings_and_new_events_change_nothing() -> None:
    parts = events(message([text_block("Hello")]))
    noise = [
        b": keep\n\n",
        b'event: ping\ndata: {"type": "ping"}\n\n',
        b'data: {"type":"later","x":[1]}\n\n',
        b"\n\n",
    ]
    plain = merge(translate(b"".join(parts), []))
    noisy = merge(translate(b"".join(noise[at % 4] + part for at, part in enumerate(parts)), []))
    assert (noisy["message"], noisy["usage"]) == (plain["message"], plain["usage"])


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"content":5}', b'{"content":[{"type":"text","text":"\xff"}]}']
)
def test_bodies_that_are_no_answer(body: bytes) -> None:
    with pytest.raises(BackendBadAnswer):
        whole(body)


def test_an_endless_event() -> None:
    translator = AnthropicEvents(AnswerForm("chat", "m", 5), wants_usage=False)
    with pytest.raises(BackendBadAnswer, match="endless"):
        for _ in range(18):
            translator.feed(b"x" * 1024 * 1024)
