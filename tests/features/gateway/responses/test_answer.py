"""The response object of a chat completion."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from openai.types.responses import Response

from roundhouse.core.errors import BackendBadAnswer
from roundhouse.core.wire import open_object
from roundhouse.features.gateway.responses import ResponsesAdapter


def respond(message: Any, finish_reason: str = "stop", logprobs: Any = None, **asked: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": logprobs}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "served",
        "choices": [choice],
        "usage": {
            "prompt_tokens": 11,
            "completion_tokens": 7,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }
    fields = open_object(msgspec.json.encode({"model": "m", "input": "Hi", **asked}))
    answered = ResponsesAdapter().answer(msgspec.json.encode(body), fields)
    # Strict: a member of the wrong type is an error, as it is not when the client reads an answer.
    Response.model_validate_json(answered)
    told: dict[str, Any] = msgspec.json.decode(answered)
    return told


def test_a_text() -> None:
    response = respond({"role": "assistant", "content": "Chào."})
    (item,) = response["output"]
    assert item.pop("id").startswith("msg_")
    assert item == {
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Chào.", "annotations": [], "logprobs": []}],
    }
    assert response["id"].startswith("resp_")
    assert response["completed_at"] >= response["created_at"] > 1_700_000_000
    assert response["usage"] == {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 18,
    }
    expected = {"object": "response", "status": "completed", "model": "served", "error": None, "store": False}
    assert {name: response[name] for name in expected} == expected


def test_calls_with_a_text_before_them() -> None:
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
        {"type": "function", "function": {"name": "g", "arguments": {"y": 2}}},
    ]
    said, first, second = respond({"content": "I look.", "tool_calls": calls}, "tool_calls")["output"]
    assert said["content"][0]["text"] == "I look."
    assert first.pop("id").startswith("fc_")
    assert first == {
        "type": "function_call",
        "call_id": "a",
        "name": "f",
        "arguments": '{"x":1}',
        "status": "completed",
    }
    assert second["arguments"] == '{"y":2}'
    assert second["call_id"]


def test_calls_alone_are_no_message() -> None:
    calls = [{"id": "a", "function": {"name": "f", "arguments": ""}}]
    output = respond({"content": None, "tool_calls": calls}, "tool_calls")["output"]
    assert [item["type"] for item in output] == ["function_call"]


def test_reasoning_goes_before_the_message() -> None:
    thought, said = respond({"content": "4", "reasoning_content": "2+2"})["output"]
    assert thought["type"] == "reasoning"
    assert thought["content"] == [{"type": "reasoning_text", "text": "2+2"}]
    assert said["content"][0]["text"] == "4"


def test_a_refusal() -> None:
    (item,) = respond({"content": None, "refusal": "No."})["output"]
    assert item["content"] == [{"type": "refusal", "refusal": "No."}]


def test_an_empty_answer_is_an_empty_text() -> None:
    (item,) = respond({"content": None})["output"]
    assert item["content"][0]["text"] == ""


@pytest.mark.parametrize(
    ("finish_reason", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_cut_short_is_incomplete(finish_reason: str, reason: str) -> None:
    response = respond({"content": "Once"}, finish_reason)
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": reason}
    assert response["completed_at"] is None
    assert response["output"][0]["status"] == "incomplete"


def test_logprobs_come_when_they_were_included() -> None:
    told = [{"token": "A", "logprob": -0.5, "bytes": [65], "top_logprobs": []}]
    logprobs = {"content": told, "refusal": None}
    asked = {"include": ["message.output_text.logprobs"]}
    assert (
        respond({"content": "A"}, logprobs=logprobs, **asked)["output"][0]["content"][0]["logprobs"] == told
    )
    assert respond({"content": "A"}, logprobs=logprobs)["output"][0]["content"][0]["logprobs"] == []


def test_the_request_is_repeated() -> None:
    asked = {
        "instructions": "Be brief",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 99,
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": True}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "low"},
        "metadata": {"a": "b"},
        "user": "u",
        "top_logprobs": 2,
    }
    response = respond({"content": "Hi"}, **asked, truncation="auto", store=True)
    assert {name: response[name] for name in asked} == asked
    assert response["truncation"] == "disabled"
    assert response["store"] is False


def test_what_was_not_asked_has_its_default() -> None:
    response = respond({"content": "Hi"}, temperature=None)
    expected = {
        "temperature": None,
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "text": {"format": {"type": "text"}},
        "metadata": {},
        "instructions": None,
    }
    assert {name: response[name] for name in expected} == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[]}',
        b'{"data":[]}',
        b'{"choices":[{"index":0,"text":"no chat"}]}',
        b'{"choices":[{"message":{"content":5}}]}',
        b'{"choices":[{"message":{"content":"A"},"logprobs":[1]}]}',
        b'{"choices":[{"message":',
    ],
)
def test_what_is_no_chat_is_a_bad_answer(body: bytes) -> None:
    asked = open_object(b'{"model":"m","input":"Hi","include":["message.output_text.logprobs"]}')
    with pytest.raises(BackendBadAnswer):
        ResponsesAdapter().answer(body, asked)
