"""Requests for Ollama, without Ollama."""

import base64
import json
from typing import Any

import pytest

from peers.asking import fields_of
from roundhouse.backends.ollama_request import (
    OllamaOptions,
    chat_body,
    generate_body,
    read_options,
    remote_images,
)
from roundhouse.core.errors import BadInput, NotSupported, RoundhouseError, UnsupportedContent

PNG = base64.b64encode(b"\x89PNG picture").decode()
USER = {"role": "user", "content": "Hi"}


def body_of(
    options: OllamaOptions | None = None, images: dict[str, str] | None = None, **members: Any
) -> Any:
    members.setdefault("messages", [USER])
    return json.loads(
        chat_body(fields_of(members), "m", options or OllamaOptions(), stream=True, images=images or {})
    )


def generate_of(**members: Any) -> Any:
    return json.loads(generate_body(fields_of(members), "m", OllamaOptions(), stream=False))


def test_a_plain_chat() -> None:
    assert body_of() == {"model": "m", "stream": True, "options": {}, "truncate": False, "messages": [USER]}


def test_sampling_and_limits_become_options() -> None:
    asked = {
        "temperature": 0.2,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "seed": 7,
        "frequency_penalty": 0.1,
        "presence_penalty": -1,
        "repeat_penalty": 1.1,
    }
    assert body_of(**asked, max_tokens=5, stop="x")["options"] == {**asked, "num_predict": 5, "stop": ["x"]}
    assert body_of(max_tokens=5, max_completion_tokens=9, stop=["a", "b"])["options"] == {
        "num_predict": 9,
        "stop": ["a", "b"],
    }
    assert body_of(temperature=None, stop=None, max_tokens=0)["options"] == {"num_predict": 0}


def test_the_operators_options() -> None:
    options = read_options(
        {"keep_alive_s": -1, "num_ctx": 16384, "truncate": True, "options": {"num_gpu": 0}}
    )
    body = body_of(options, temperature=0)
    assert body["options"] == {"num_gpu": 0, "num_ctx": 16384, "temperature": 0}
    assert body["keep_alive"] == -1
    assert "truncate" not in body
    with pytest.raises(BadInput, match="num_ctx"):
        read_options({"num_ctx": "many"})


def test_a_client_cannot_set_the_operators_options() -> None:
    told = chat_body(
        fields_of({"messages": [USER], "options": {"num_gpu": 0}, "keep_alive": 0, "num_ctx": 5}),
        "m",
        OllamaOptions(),
        stream=True,
    )
    assert json.loads(told) == body_of()


@pytest.mark.parametrize(
    ("effort", "think"),
    [
        ("none", False),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("xhigh", "high"),
    ],
)
def test_reasoning_effort(effort: str, think: object) -> None:
    assert body_of(reasoning_effort=effort)["think"] == think
    assert body_of(reasoning_effort=effort, think=True)["think"] is True


def test_response_format() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert "format" not in body_of(response_format={"type": "text"})
    assert body_of(response_format={"type": "json_object"})["format"] == "json"
    told = body_of(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}})
    assert told["format"] == schema
    for wrong in (
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "a"}},
        {"type": "xml"},
        {},
    ):
        with pytest.raises(BadInput, match="response_format"):
            body_of(response_format=wrong)


def test_logprobs() -> None:
    assert (body_of(logprobs=True)["logprobs"], body_of(logprobs=True)["top_logprobs"]) == (True, 0)
    assert body_of(logprobs=True, top_logprobs=3)["top_logprobs"] == 3
    assert "logprobs" not in body_of(logprobs=False, top_logprobs=3)


def test_tools() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert body_of(tools=tools)["tools"] == tools
    assert body_of(tools=tools, tool_choice="auto")["tools"] == tools
    assert "tools" not in body_of(tools=tools, tool_choice="none")
    for choice in ("required", {"type": "function", "function": {"name": "f"}}):
        with pytest.raises(NotSupported) as caught:
            body_of(tools=tools, tool_choice=choice)
        assert caught.value.param == "tool_choice"
    with pytest.raises(NotSupported, match="custom"):
        body_of(tools=[{"type": "custom", "custom": {"name": "f"}}])


def test_a_conversation_with_tool_calls() -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "What is"}, {"type": "text", "text": "the time?"}],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "A clock is needed.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "now", "arguments": '{"zone":"UTC"}'},
                },
                {"id": "call_2", "type": "function", "function": {"name": "day", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_2", "content": "Monday"},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "12:00"}]},
    ]
    assert body_of(messages=messages)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is\nthe time?"},
        {
            "role": "assistant",
            "content": "",
            "thinking": "A clock is needed.",
            "tool_calls": [
                {"id": "call_1", "function": {"name": "now", "arguments": {"zone": "UTC"}}},
                {"id": "call_2", "function": {"name": "day", "arguments": {}}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_2", "tool_name": "day", "content": "Monday"},
        {"role": "tool", "tool_call_id": "call_1", "tool_name": "now", "content": "12:00"},
    ]


def test_images() -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": "https://a.test/b.png"},
        {"type": "image_url", "image_url": {"url": "https://a.test/b.png", "detail": "low"}},
    ]
    messages = [{"role": "user", "content": parts}]
    assert remote_images(fields_of({"messages": messages})) == ["https://a.test/b.png"]
    told = body_of(images={"https://a.test/b.png": "QUJD"}, messages=messages)["messages"]
    assert told == [{"role": "user", "content": "What is this?", "images": [PNG, "QUJD", "QUJD"]}]


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, UnsupportedContent),
        ({"type": "video_url", "video_url": {"url": "https://a.test/b.mp4"}}, UnsupportedContent),
        ({"type": "file", "file": {"file_id": "f"}}, UnsupportedContent),
        ({"type": "image_url", "image_url": {"url": "data:text/plain;base64,QUJD"}}, UnsupportedContent),
        ({"type": "image_url", "image_url": {"url": "data:image/png,raw"}}, BadInput),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,!!"}}, BadInput),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}, BadInput),
        ({"type": "image_url", "image_url": {}}, BadInput),
        ({"type": "image_url"}, BadInput),
        ({"type": "text"}, BadInput),
        ({}, BadInput),
        ("text", BadInput),
        (None, BadInput),
    ],
)
def test_parts_that_cannot_be_sent(part: Any, error: type[RoundhouseError]) -> None:
    with pytest.raises(error) as caught:
        body_of(messages=[{"role": "user", "content": [part]}])
    assert type(caught.value) is error
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    "members",
    [
        {"n": 2},
        {"logit_bias": {"1": 5}},
        {"functions": [{"name": "f"}]},
        {"modalities": ["text", "audio"], "audio": {"voice": "alloy"}},
        {"modalities": ["audio"]},
    ],
)
def test_what_ollama_cannot_do_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(NotSupported) as caught:
        body_of(**members)
    assert caught.value.param in members


def test_defaults_of_what_it_cannot_do_pass() -> None:
    assert (
        body_of(n=1, logit_bias={}, functions=None, modalities=["text"], user="u", store=False) == body_of()
    )


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        "Hi",
        ["Hi"],
        [{"content": "Hi"}],
        [{"role": "function", "content": "Hi"}],
        [{"role": "user", "content": 5}],
        [{"role": "assistant", "tool_calls": [{}]}],
        [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "["}}]}],
        [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[]"}}]}],
        [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}],
    ],
)
def test_malformed_messages(messages: Any) -> None:
    with pytest.raises(BadInput):
        body_of(messages=messages)


@pytest.mark.parametrize(
    "members", [{"temperature": "hot"}, {"max_tokens": "5"}, {"stop": 5}, {"seed": True}]
)
def test_malformed_fields(members: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        body_of(**members)
    assert caught.value.param in members


def test_a_completion() -> None:
    assert generate_of(prompt=["def f("], suffix="return", max_tokens=3, logprobs=2) == {
        "model": "m",
        "stream": False,
        "truncate": False,
        "options": {"num_predict": 3},
        "prompt": "def f(",
        "raw": False,
        "suffix": "return",
        "logprobs": True,
        "top_logprobs": 2,
    }


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({}, BadInput),
        ({"prompt": ""}, BadInput),
        ({"prompt": 5}, BadInput),
        ({"prompt": ["a", "b"]}, NotSupported),
        ({"prompt": [1, 2, 3]}, NotSupported),
        ({"prompt": "a", "echo": True}, NotSupported),
        ({"prompt": "a", "best_of": 2}, NotSupported),
        ({"prompt": "a", "n": 2}, NotSupported),
    ],
)
def test_completions_that_cannot_be_sent(members: dict[str, Any], error: type[RoundhouseError]) -> None:
    with pytest.raises(error) as caught:
        generate_of(**members)
    assert type(caught.value) is error
