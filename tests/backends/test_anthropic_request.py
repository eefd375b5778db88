"""Requests for Anthropic, without Anthropic."""

import base64
import json
from typing import Any

import pytest

from peers.asking import fields_of
from roundhouse.backends.anthropic_request import messages_body, remote_urls
from roundhouse.backends.anthropic_server import AnthropicOptions, read_options
from roundhouse.core.errors import BadInput, NotSupported, RoundhouseError, UnsupportedContent

PNG = base64.b64encode(b"\x89PNG picture").decode()
HI = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "Does.", "parameters": SCHEMA, "strict": True},
}


def body_of(options: AnthropicOptions | None = None, without: tuple[str, ...] = (), **members: Any) -> Any:
    members.setdefault("messages", [{"role": "user", "content": "Hi"}])
    return json.loads(
        messages_body(fields_of(members), "m", options or AnthropicOptions(), stream=False, without=without)
    )


def turns_of(*messages: dict[str, Any]) -> Any:
    return body_of(messages=list(messages))["messages"]


def test_a_plain_chat() -> None:
    assert body_of() == {"model": "m", "stream": False, "max_tokens": 8192, "messages": [HI]}


def test_limits_and_stops() -> None:
    assert body_of(read_options({"max_tokens": 99}))["max_tokens"] == 99
    assert body_of(max_tokens=5)["max_tokens"] == 5
    assert body_of(max_tokens=5, max_completion_tokens=7)["max_tokens"] == 7
    assert body_of(stop="x")["stop_sequences"] == ["x"]
    assert body_of(stop=["x", "y"])["stop_sequences"] == ["x", "y"]
    assert body_of(user="u")["metadata"] == {"user_id": "u"}
    assert body_of(user="u", safety_identifier="s")["metadata"] == {"user_id": "s"}


def test_sampling() -> None:
    told = body_of(temperature=1.7, top_p=0.5, top_k=3)
    assert (told["temperature"], told["top_p"], told["top_k"]) == (1, 0.5, 3)
    assert body_of(temperature=0.3)["temperature"] == 0.3
    assert body_of(temperature=1, top_p=1.0) == body_of()
    assert body_of(temperature=0.3, top_p=0.5, without=("temperature",)) == {**body_of(), "top_p": 0.5}
    assert body_of(AnthropicOptions(sampling="drop"), temperature=0.3, top_k=1) == body_of()


def test_options_of_the_wrong_type() -> None:
    with pytest.raises(BadInput, match="sampling"):
        read_options({"sampling": "maybe"})


def test_system_prompts_stand_apart() -> None:
    told = body_of(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {
                "role": "developer",
                "content": [{"type": "text", "text": "Rhyme.", "cache_control": {"type": "ephemeral"}}],
            },
        ]
    )
    assert told["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Rhyme.", "cache_control": {"type": "ephemeral"}},
    ]
    assert told["messages"] == [HI]


def test_a_conversation_with_tool_calls() -> None:
    turns = turns_of(
        {"role": "user", "content": "What time is it?"},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "without a signature it cannot go back",
            "thinking_blocks": [{"type": "thinking", "thinking": "A clock.", "signature": "s"}],
            "tool_calls": [
                {
                    "id": "call:1",
                    "type": "function",
                    "function": {"name": "now", "arguments": '{"zone":"UTC"}'},
                },
                {"id": "call_2", "type": "function", "function": {"name": "day", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "call:1", "content": "12:00"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "Monday"}]},
        {"role": "tool", "tool_call_id": "call_3", "content": ""},
        {"role": "user", "content": "So?"},
    )
    assert turns == [
        {"role": "user", "content": [{"type": "text", "text": "What time is it?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "A clock.", "signature": "s"},
                {"type": "tool_use", "id": "call_1", "name": "now", "input": {"zone": "UTC"}},
                {"type": "tool_use", "id": "call_2", "name": "day", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "12:00"},
                {
                    "type": "tool_result",
                    "tool_use_id": "call_2",
                    "content": [{"type": "text", "text": "Monday"}],
                },
                {"type": "tool_result", "tool_use_id": "call_3"},
                {"type": "text", "text": "So?"},
            ],
        },
    ]


def test_empty_texts_are_left_out() -> None:
    empty = {"role": "user", "content": [{"type": "text", "text": ""}]}
    assert turns_of(empty, {"role": "assistant", "content": ""}, {"role": "user", "content": "Hi"}) == [HI]
    with pytest.raises(BadInput, match="not empty"):
        turns_of(empty)


def test_an_answer_that_was_begun_ends_without_white_space() -> None:
    asked = {"role": "user", "content": "Hi"}
    earlier = {"role": "assistant", "content": "Hello. "}
    begun = {
        "role": "assistant",
        "content": [{"type": "text", "text": "Pack a \n"}, {"type": "text", "text": " "}],
    }
    *before, last = turns_of(asked, earlier, asked, begun)
    assert before[1]["content"] == [{"type": "text", "text": "Hello. "}]
    assert last == {"role": "assistant", "content": [{"type": "text", "text": "Pack a"}]}
    assert turns_of(asked, {"role": "assistant", "content": "\n"}) == [HI]
    thought = {
        "role": "assistant",
        "content": " ",
        "thinking_blocks": [{"type": "thinking", "signature": "s"}],
    }
    assert turns_of(asked, thought)[1]["content"] == [{"type": "thinking", "signature": "s"}]


def test_pictures_and_documents() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {
            "type": "image_url",
            "image_url": {"url": "https://a.test/b.png"},
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}},
        {"type": "text", "text": "What is this?"},
    ]
    message = {"role": "user", "content": parts}
    assert remote_urls(fields_of({"messages": [message]})) == ["https://a.test/b.png"]
    assert turns_of(message)[0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {
            "type": "image",
            "source": {"type": "url", "url": "https://a.test/b.png"},
            "cache_control": {"type": "ephemeral"},
        },
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"},
            "title": "a.pdf",
        },
        {"type": "text", "text": "What is this?"},
    ]


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, UnsupportedContent),
        ({"type": "video_url", "video_url": {"url": "https://a.test/b.mp4"}}, UnsupportedContent),
        ({"type": "file", "file": {"file_id": "f"}}, UnsupportedContent),
        ({"type": "file", "file": {"file_data": "data:text/csv;base64,QUJD"}}, UnsupportedContent),
        ({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,QUJD"}}, UnsupportedContent),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,!!"}}, BadInput),
        ({"type": "image_url"}, BadInput),
        ({"type": "text", "text": 5}, BadInput),
        ("text", BadInput),
    ],
)
def test_parts_that_cannot_be_sent(part: Any, error: type[RoundhouseError]) -> None:
    with pytest.raises(error) as caught:
        turns_of({"role": "user", "content": [part]})
    assert type(caught.value) is error


def test_tools() -> None:
    told = body_of(tools=[TOOL, {"type": "function", "function": {"name": "g"}}])
    assert told["tools"] == [
        {"name": "f", "description": "Does.", "input_schema": SCHEMA, "strict": True},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert "tool_choice" not in told
    assert "tools" not in body_of(tools=[], tool_choice="auto")


@pytest.mark.parametrize(
    ("choice", "parallel", "told"),
    [
        ("none", None, {"type": "none"}),
        ("auto", True, {"type": "auto"}),
        ("required", None, {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, None, {"type": "tool", "name": "f"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
    ],
)
def test_tool_choice(choice: Any, parallel: bool | None, told: dict[str, Any]) -> None:
    assert body_of(tools=[TOOL], tool_choice=choice, parallel_tool_calls=parallel)["tool_choice"] == told


def test_structured_output_and_effort() -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}}
    told = body_of(response_format=shape, reasoning_effort="minimal")
    assert told["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}
    assert body_of(response_format={"type": "text"}) == body_of()
    with pytest.raises(NotSupported, match="json_schema"):
        body_of(response_format={"type": "json_object"})
    with pytest.raises(BadInput):
        body_of(response_format={"type": "json_schema"})


def test_thinking() -> None:
    always = AnthropicOptions(thinking={"type": "adaptive"})
    own = {"type": "enabled", "budget_tokens": 2000}
    assert body_of(always)["thinking"] == {"type": "adaptive"}
    assert body_of(always, thinking=own)["thinking"] == own
    assert body_of(always, reasoning_effort="none")["thinking"] == {"type": "disabled"}
    assert "output_config" not in body_of(reasoning_effort="none")


@pytest.mark.parametrize(
    "members",
    [
        {"n": 2},
        {"logprobs": True},
        {"top_logprobs": 3},
        {"logit_bias": {"1": 5}},
        {"frequency_penalty": 0.5},
        {"presence_penalty": -1},
        {"modalities": ["audio"]},
        {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
        {"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}},
        {"tools": [TOOL], "tool_choice": "sometimes"},
    ],
)
def test_what_anthropic_cannot_do_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(NotSupported) as caught:
        body_of(**members)
    assert caught.value.param in members


def test_defaults_of_what_it_cannot_do_pass() -> None:
    assert (
        body_of(n=1, logprobs=False, frequency_penalty=0, presence_penalty=0.0, seed=5, store=True)
        == body_of()
    )


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        "Hi",
        [{"content": "Hi"}],
        [{"role": "function", "content": "Hi"}],
        [{"role": "user", "content": 5}],
        [{"role": "system", "content": "only"}],
        [{"role": "assistant", "tool_calls": [{"id": "a"}]}],
        [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}],
        [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "[1]"}}]}],
        [{"role": "tool", "content": "no id"}],
    ],
)
def test_malformed_messages(messages: Any) -> None:
    with pytest.raises(BadInput):
        body_of(messages=messages)
