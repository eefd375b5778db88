"""Answers of Ollama, without Ollama: the same whole and in lines, wherever the reads end."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers.asking import merge, parse_events
from roundhouse.backends.ollama_answer import OllamaLines, whole_answer
from roundhouse.backends.openai_form import AnswerForm
from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendBusy,
    BackendFailed,
    ContextTooLong,
    DoesNotFit,
    RoundhouseError,
)
from roundhouse.core.types import Usage

END = {"done": True, "done_reason": "stop", "prompt_eval_count": 4, "eval_count": 2}
CALL = {"function": {"name": "f", "arguments": {"é": [1, 2]}}}

texts = st.text(max_size=20)
calls = st.lists(
    st.builds(
        lambda name, arguments: {"function": {"name": name, "arguments": arguments}},
        st.text("abc_", min_size=1, max_size=8),
        st.dictionaries(texts, st.integers() | texts, max_size=3),
    ),
    max_size=3,
)


def line(**members: Any) -> bytes:
    return json.dumps(members, ensure_ascii=False).encode() + b"\n"


def says(content: str = "", **more: Any) -> dict[str, Any]:
    return {"model": "m:1", "message": {"role": "assistant", "content": content, **more}, "done": False}


def translate(raw: bytes, cuts: list[int], operation: Any = "chat", **options: Any) -> list[dict[str, Any]]:
    lines = OllamaLines(AnswerForm(operation, "m", 5), wants_usage=True, **options)
    edges = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    out = b"".join(lines.feed(raw[start:end]) for start, end in itertools.pairwise(edges))
    out += b"" if lines.done else lines.end()
    if lines.failure is not None:
        raise lines.failure
    return parse_events(out)


def whole(body: Any, operation: Any = "chat", **options: Any) -> Any:
    raw = body if isinstance(body, bytes) else line(**body)
    return json.loads(whole_answer(raw, AnswerForm(operation, "m", 5), **options).body)


@given(
    pieces=st.lists(texts, max_size=6),
    thinking=st.lists(texts, max_size=3),
    tool_calls=calls,
    cuts=st.lists(st.integers(0, 2000), max_size=8),
    newline=st.booleans(),
    reason=st.sampled_from(["stop", "length", "load", None]),
)
def test_streamed_and_whole_say_the_same(
    pieces: list[str],
    thinking: list[str],
    tool_calls: list[Any],
    cuts: list[int],
    newline: bool,
    reason: str | None,
) -> None:
    end = {**END, "done_reason": reason}
    raw = b"".join(line(**says(thinking=piece)) for piece in thinking)
    raw += b"".join(line(**says(piece)) for piece in pieces)
    raw += b"".join(line(**says(tool_calls=[call])) for call in tool_calls)
    raw += line(**{**says(), **end})
    streamed = merge(translate(raw if newline else raw[:-1], cuts))
    message = says("".join(pieces), thinking="".join(thinking), tool_calls=tool_calls)
    answer = whole({**message, **end})
    told = answer["choices"][0]["message"]
    assert streamed["message"]["content"] == (told["content"] or "") == "".join(pieces)
    assert streamed["message"]["reasoning_content"] == told.get("reasoning_content", "") == "".join(thinking)
    assert [(call["name"], json.loads(call["arguments"])) for call in streamed["message"]["tool_calls"]] == [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in told.get("tool_calls", ())
    ]
    assert streamed["finish_reason"] == answer["choices"][0]["finish_reason"]
    assert streamed["finish_reason"] == (
        "tool_calls" if tool_calls else "length" if reason == "length" else "stop"
    )
    assert streamed["usage"] == answer["usage"]
    assert len(streamed["ids"]) == 1


@given(raw=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=4))
def test_rubbish_is_an_error_of_the_tree(raw: bytes, cuts: list[int]) -> None:
    with pytest.raises(RoundhouseError):
        translate(raw, cuts)
    with pytest.raises(RoundhouseError):
        whole(raw)


@given(
    value=st.dictionaries(
        st.sampled_from(
            ["message", "done", "done_reason", "error", "logprobs", "prompt_eval_count", "response"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["content", "tool_calls", "function", "name", "arguments"]), inner
                )
            ),
            max_leaves=6,
        ),
    )
)
def test_json_of_another_shape_is_an_error_or_an_answer(value: dict[str, Any]) -> None:
    raw = json.dumps(value).encode()
    for operation in ("chat", "completions"):
        try:
            answer = whole(raw, operation)
        except RoundhouseError:
            continue
        assert answer["choices"][0]["finish_reason"] in ("stop", "length", "tool_calls")


def test_the_chunks_of_a_stream() -> None:
    raw = line(**says("Hi")) + line(**{**says(), **END})
    first, last, usage = translate(raw, [])
    assert first["object"] == "chat.completion.chunk"
    assert (first["created"], first["model"]) == (5, "m")
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "logprobs": None, "finish_reason": None}
    ]
    assert last["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 4,
        "completion_tokens": 2,
        "total_tokens": 6,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def test_no_usage_chunk_unless_asked_but_it_is_counted() -> None:
    lines = OllamaLines(AnswerForm("chat", "m", 5), wants_usage=False)
    chunks = parse_events(lines.feed(line(**says("Hi")) + line(**{**says(), **END})))
    assert all("usage" not in chunk for chunk in chunks)
    assert lines.usage == Usage(4, 2)
    assert lines.done


def test_ids_of_tool_calls() -> None:
    named = {**CALL, "id": "call_of_ollama"}
    message = whole({**says(tool_calls=[CALL, named]), **END})["choices"][0]["message"]
    made, kept = message["tool_calls"]
    assert message["content"] is None
    assert kept == {
        "id": "call_of_ollama",
        "type": "function",
        "function": {"name": "f", "arguments": '{"é": [1, 2]}'},
    }
    assert made["id"].startswith("call_")
    assert made["id"] != kept["id"]


def test_one_call_only_when_parallel_calls_are_off() -> None:
    raw = line(**says(tool_calls=[CALL, CALL])) + line(**says(tool_calls=[CALL])) + line(**{**says(), **END})
    assert len(merge(translate(raw, []))["message"]["tool_calls"]) == 3
    assert len(merge(translate(raw, [], one_call=True))["message"]["tool_calls"]) == 1
    answer = whole({**says(tool_calls=[CALL, CALL]), **END}, one_call=True)
    assert len(answer["choices"][0]["message"]["tool_calls"]) == 1


def test_logprobs_of_a_chat() -> None:
    tokens = [{"token": "é", "logprob": -0.1, "top_logprobs": [{"token": "e", "logprob": -2, "bytes": [1]}]}]
    expected = {
        "content": [
            {
                "token": "é",
                "logprob": -0.1,
                "bytes": [195, 169],
                "top_logprobs": [{"token": "e", "logprob": -2, "bytes": [1]}],
            }
        ]
    }
    assert whole({**says("é"), **END, "logprobs": tokens})["choices"][0]["logprobs"] == expected
    raw = line(**{**says("é"), "logprobs": tokens}) + line(**{**says(), **END})
    assert translate(raw, [])[0]["choices"][0]["logprobs"] == expected


def test_a_completion_with_logprobs() -> None:
    def token(text: str) -> list[dict[str, Any]]:
        return [{"token": text, "logprob": -1.0, "top_logprobs": [{"token": text, "logprob": -1.0}]}]

    raw = line(response="ab", done=False, logprobs=token("ab")) + line(
        response="c", done=False, logprobs=token("c")
    )
    raw += line(response="", **END)
    first, second, last, usage = translate(raw, [], "completions")
    assert first["object"] == "text_completion"
    assert first["id"].startswith("cmpl-")
    assert [first["choices"][0]["text"], second["choices"][0]["text"]] == ["ab", "c"]
    assert second["choices"][0]["logprobs"] == {
        "tokens": ["c"],
        "token_logprobs": [-1.0],
        "top_logprobs": [{"c": -1.0}],
        "text_offset": [2],
    }
    assert last["choices"][0] == {"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}
    assert usage["usage"]["total_tokens"] == 6
    answer = whole({"response": "abc", "logprobs": token("ab") + token("c"), **END}, "completions")
    assert answer["choices"][0]["text"] == "abc"
    assert answer["choices"][0]["logprobs"]["text_offset"] == [0, 2]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("model requires more system memory (8.5 GiB) than is available (4.1 GiB)", DoesNotFit),
        ("the input length exceeds the context length", ContextTooLong),
        ("llama runner process has terminated: exit status 2", BackendFailed),
        ({"message": "slow down", "code": 429}, BackendBusy),
    ],
)
def test_an_error_in_a_200(error: Any, kind: type[RoundhouseError]) -> None:
    with pytest.raises(kind) as caught:
        whole({"error": error})
    assert type(caught.value) is kind
    with pytest.raises(kind):
        translate(line(**says("Hi")) + line(error=error), [])


def test_what_came_before_an_error_is_given_back() -> None:
    lines = OllamaLines(AnswerForm("chat", "m", 5), wants_usage=False)
    chunks = parse_events(lines.feed(line(**says("Hi")) + line(error="broke")))
    assert chunks[0]["choices"][0]["delta"]["content"] == "Hi"
    assert isinstance(lines.failure, BackendFailed)
    assert "broke" in lines.failure.detail


@pytest.mark.parametrize("raw", [b"", line(**says("Hi")), line(**says("Hi")) + b'{"message"'])
def test_a_cut_stream(raw: bytes) -> None:
    with pytest.raises(BackendFailed):
        translate(raw, [])


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"done":false}', b'{"message":{"content":"\xff"},"done":true}']
)
def test_bodies_that_are_no_answer(body: bytes) -> None:
    with pytest.raises(BackendBadAnswer):
        whole(body)


def test_half_an_answer() -> None:
    with pytest.raises(BackendFailed, match="not complete"):
        whole(says("Hi"))


def test_an_endless_line() -> None:
    lines = OllamaLines(AnswerForm("chat", "m", 5), wants_usage=False)
    with pytest.raises(BackendBadAnswer, match="endless"):
        for _ in range(18):
            lines.feed(b"x" * 1024 * 1024)
