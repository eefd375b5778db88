"""What a request of the Responses API becomes as a chat completion, and what is refused by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundhouse.core.errors import BadInput, NotSupported, RoundhouseError
from roundhouse.core.wire import close_object, open_object
from roundhouse.features.gateway.responses import ResponsesAdapter

ADAPTER = ResponsesAdapter()
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}


def chat(**asked: Any) -> dict[str, Any]:
    fields = ADAPTER.request(open_object(msgspec.json.encode({"model": "m", **asked})))
    told: dict[str, Any] = msgspec.json.decode(close_object(fields))
    return told


def test_a_text_is_the_users_message() -> None:
    assert chat(input="Hi") == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def test_instructions_come_first_as_the_system() -> None:
    assert chat(input=[{"role": "user", "content": "Hi"}], instructions="Be brief")["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "Hi"},
    ]


def test_every_part_of_a_message_has_its_form_in_a_chat() -> None:
    audio = {"data": "UklGRg==", "format": "wav"}
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0=", "detail": "low"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
        {"type": "input_audio", "input_audio": audio},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
    ]
    (message,) = chat(input=[{"type": "message", "role": "user", "content": parts}])["messages"]
    assert message == {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0=", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "input_audio", "input_audio": audio},
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
            },
        ],
    }


def test_a_single_text_part_is_a_plain_string() -> None:
    said = [{"role": "developer", "content": [{"type": "input_text", "text": "Be brief"}]}]
    assert chat(input=said)["messages"] == [{"role": "developer", "content": "Be brief"}]


def test_an_earlier_answer_with_calls_is_one_assistant_message() -> None:
    conversation = [
        {"role": "user", "content": "Weather in Hanoi and Huế?"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
        },
        {"type": "function_call", "call_id": "a", "name": "weather", "arguments": '{"city":"Hanoi"}'},
        {"type": "function_call", "call_id": "b", "name": "weather", "arguments": '{"city":"Huế"}'},
        {"type": "function_call_output", "call_id": "a", "output": "31 °C"},
        {
            "type": "function_call_output",
            "call_id": "b",
            "output": [{"type": "input_text", "text": "29 °C"}, {"type": "input_text", "text": "rain"}],
        },
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"},
    ]

    def call(call_id: str, arguments: str) -> dict[str, Any]:
        function = {"name": "weather", "arguments": arguments}
        return {"id": call_id, "type": "function", "function": function}

    assert chat(input=conversation)["messages"] == [
        {"role": "user", "content": "Weather in Hanoi and Huế?"},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [call("a", '{"city":"Hanoi"}'), call("b", '{"city":"Huế"}')],
        },
        {"role": "tool", "tool_call_id": "a", "content": "31 °C"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "text", "text": "29 °C"}, {"type": "text", "text": "rain"}],
        },
        {"role": "assistant", "content": None, "tool_calls": [call("c", "{}")]},
    ]


def test_a_refusal_is_said_again_as_one() -> None:
    said = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert chat(input=[said])["messages"][0]["content"] == [{"type": "refusal", "refusal": "No."}]


def test_functions_and_their_choice() -> None:
    told = chat(
        input="Hi",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        parallel_tool_calls=False,
    )
    function = {name: value for name, value in WEATHER.items() if name != "type"}
    assert told["tools"] == [{"type": "function", "function": function}]
    assert told["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert told["parallel_tool_calls"] is False


def test_allowed_functions() -> None:
    choice = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "weather"}],
    }
    assert chat(input="Hi", tools=[WEATHER], tool_choice=choice)["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "required",
            "tools": [{"type": "function", "function": {"name": "weather"}}],
        },
    }


def test_without_functions_nothing_is_said_about_them() -> None:
    told = chat(input="Hi", tools=[], tool_choice="auto", parallel_tool_calls=True)
    assert told.keys() == {"model", "messages"}


def test_limits_formats_and_the_rest() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    told = chat(
        input="Hi",
        max_output_tokens=7,
        temperature=0,
        top_p=0.5,
        reasoning={"effort": "low", "summary": "auto"},
        text={
            "verbosity": "low",
            "format": {"type": "json_schema", "name": "num", "schema": schema, "strict": True},
        },
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="flex",
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        top_logprobs=2,
        metadata={"a": "b"},
        store=True,
        truncation="auto",
        unheard_of={"x": 1},
    )
    assert told == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 7,
        "temperature": 0,
        "top_p": 0.5,
        "reasoning_effort": "low",
        "verbosity": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "num", "schema": schema, "strict": True},
        },
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "service_tier": "flex",
        "logprobs": True,
        "top_logprobs": 2,
    }


@pytest.mark.parametrize(
    ("form", "expected"), [({"type": "json_object"}, {"type": "json_object"}), ({"type": "text"}, None)]
)
def test_plain_formats(form: dict[str, Any], expected: Any) -> None:
    assert chat(input="Hi", text={"format": form}).get("response_format") == expected


def test_a_stream_asks_for_its_usage() -> None:
    told = chat(input="Hi", stream=True, stream_options={"include_obfuscation": False})
    assert told["stream"] is True
    assert told["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background": True}, "background"),
        ({"moderation": {"model": "omni-moderation-latest"}}, "moderation"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"include": ["file_search_call.results"]}, "include[0]"),
        ({"tools": [WEATHER, {"type": "web_search"}]}, "tools[1].type"),
        ({"tools": [{"type": "custom", "name": "sql"}]}, "tools[0].type"),
        ({"tools": [WEATHER], "tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"text": {"format": {"type": "grammar", "grammar": "…"}}}, "text.format.type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"type": "computer_call_output", "call_id": "c", "output": {}}]}, "input[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}]},
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
            "input[0].content[0].file_data",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_video", "video_url": "x"}]}]},
            "input[0].content[0].type",
        ),
    ],
)
def test_what_needs_a_memory_or_a_tool_of_openais_is_refused_by_name(
    asked: dict[str, Any], param: str
) -> None:
    with pytest.raises(NotSupported) as caught:
        chat(**{"input": "Hi", **asked})
    assert caught.value.param == param
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({}, "input"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": [{"type": "reasoning", "summary": []}]}, "input"),
        ({"input": ["Hi"]}, "input[0]"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"role": "critic", "content": "Hi"}]}, "input[0]"),
        ({"input": [{"role": "user"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"text": "Hi"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0]"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0]"),
        ({"input": "Hi", "instructions": 1}, "instructions"),
        ({"input": "Hi", "temperature": "hot"}, "temperature"),
        ({"input": "Hi", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "Hi", "truncation": "some"}, "truncation"),
        ({"input": "Hi", "metadata": {"a": 1}}, "metadata"),
        ({"input": "Hi", "tools": {}}, "tools"),
        ({"input": "Hi", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "Hi", "tool_choice": "required"}, "tool_choice"),
        ({"input": "Hi", "tools": [WEATHER], "tool_choice": "perhaps"}, "tool_choice"),
        ({"input": "Hi", "text": {"format": {"type": "json_schema"}}}, "text.format"),
    ],
)
def test_what_is_malformed_is_named(asked: dict[str, Any], param: str) -> None:
    with pytest.raises(BadInput) as caught:
        chat(**asked)
    assert not isinstance(caught.value, NotSupported)
    assert caught.value.param == param


def test_a_deep_schema_passes_and_a_deep_part_is_no_fault() -> None:
    deep = b"[" * 800 + b"]" * 800
    tools = b'[{"type":"function","name":"f","parameters":{"x":%s}}]' % deep
    fields = ADAPTER.request(open_object(b'{"model":"m","input":"Hi","tools":%s}' % tools))
    assert deep in bytes(fields["tools"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "name", "tools", "format", "output", "mode"]),
            inner | st.sampled_from(["message", "user", "input_text", "function", "function_call"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)
MEMBERS = [
    "input", "instructions", "tools", "tool_choice", "text", "reasoning", "include", "metadata", "stream",
    "max_output_tokens", "top_logprobs", "prompt", "background", "truncation", "temperature",
]  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(MEMBERS), json_values, max_size=6))
def test_any_json_is_translated_or_refused_as_bad_input(asked: dict[str, Any]) -> None:
    body = msgspec.json.encode({"model": "m", "input": "Hi"} | asked)
    try:
        fields = ADAPTER.request(open_object(body))
    except RoundhouseError as error:
        assert isinstance(error, BadInput)
        assert error.param
    else:
        assert msgspec.json.decode(close_object(fields))["messages"]
