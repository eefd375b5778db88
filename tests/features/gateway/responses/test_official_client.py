"""The official client reads every answer, over a real connection."""

from __future__ import annotations

import msgspec
import openai
import pydantic
import pytest

from features.gateway.scripted_chat import Gateway, Script, chunk
from roundhouse.core.errors import BackendBusy, BackendTimeout
from roundhouse.core.types import Usage

CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
WEATHER: openai.types.responses.FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}


class Sum(pydantic.BaseModel):
    total: int


def whole(message: dict[str, object], finish_reason: str = "stop") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    return msgspec.json.encode(
        {"object": "chat.completion", "model": "served", "choices": [choice], "usage": usage}
    )


async def test_create(gateway: Gateway) -> None:
    gateway.engine.body = whole({"content": "Chào bạn."})
    response = await gateway.client.responses.create(model="m", input="Hi", instructions="Be brief")
    assert response.output_text == "Chào bạn."
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.total_tokens == 8
    assert gateway.engine.asked["messages"][0] == {"role": "system", "content": "Be brief"}
    (record,) = gateway.records
    assert (record.status, record.prompt_tokens, record.operation) == (200, 5, "chat")


async def test_create_with_a_call_and_its_output(gateway: Gateway) -> None:
    function = {"name": "weather", "arguments": '{"city":"Hanoi"}'}
    call = {"id": "call_1", "type": "function", "function": function}
    gateway.engine.body = whole({"content": None, "tool_calls": [call]}, "tool_calls")
    first = await gateway.client.responses.create(model="m", input="Weather?", tools=[WEATHER])
    (asked,) = first.output
    assert asked.type == "function_call"

    gateway.engine.body = whole({"content": "31 °C"})
    told = {"type": "function_call_output", "call_id": asked.call_id, "output": "31"}
    conversation = [{"role": "user", "content": "Weather?"}, asked.to_dict(), told]
    second = await gateway.client.responses.create(model="m", input=conversation)
    assert second.output_text == "31 °C"
    assert gateway.engine.asked["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "31"},
    ]


async def test_an_output_can_be_sent_back_as_input(gateway: Gateway) -> None:
    gateway.engine.body = whole({"content": "4", "reasoning_content": "2+2"})
    first = await gateway.client.responses.create(model="m", input="2+2?")
    again = [{"role": "user", "content": "2+2?"}, *(item.to_dict() for item in first.output)]
    await gateway.client.responses.create(model="m", input=again)
    assert gateway.engine.asked["messages"][1] == {"role": "assistant", "content": "4"}


async def test_parse(gateway: Gateway) -> None:
    gateway.engine.body = whole({"content": '{"total":4}'})
    parsed = await gateway.client.responses.parse(model="m", input="2+2?", text_format=Sum)
    assert parsed.output_parsed == Sum(total=4)
    assert gateway.engine.asked["response_format"]["json_schema"]["name"] == "Sum"


async def test_create_as_a_stream(gateway: Gateway) -> None:
    pieces = [chunk({"role": "assistant", "content": "Xin "}), chunk({"content": "chào"}), chunk({}, "stop")]
    gateway.engine.script = Script(pieces, usage=Usage(5, 2))
    events = [
        told async for told in await gateway.client.responses.create(model="m", input="Hi", stream=True)
    ]
    texts = [told.delta for told in events if told.type == "response.output_text.delta"]
    assert texts == ["Xin ", "chào"]
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "Xin chào"
    assert gateway.engine.script.closed


async def test_stream_helper_with_calls(gateway: Gateway) -> None:
    pieces = [
        chunk({"content": "I look."}),
        chunk({"tool_calls": [CALL]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Hanoi"}'}}]}),
        chunk({}, "tool_calls"),
    ]
    gateway.engine.script = Script(pieces)
    snapshots = []
    async with gateway.client.responses.stream(model="m", input="Weather?", tools=[WEATHER]) as stream:
        async for told in stream:
            if told.type == "response.function_call_arguments.delta":
                snapshots.append(told.snapshot)
        final = await stream.get_final_response()
    assert snapshots == ['{"city":', '{"city":"Hanoi"}']
    _, call = final.output
    assert call.type == "function_call"
    assert call.parsed_arguments == {"city": "Hanoi"}
    assert final.output_text == "I look."


async def test_stream_helper_parses(gateway: Gateway) -> None:
    gateway.engine.script = Script(
        [chunk({"reasoning_content": "2+2"}), chunk({"content": '{"total":4}'}, "stop")]
    )
    async with gateway.client.responses.stream(model="m", input="2+2?", text_format=Sum) as stream:
        final = await stream.get_final_response()
    assert final.output_parsed == Sum(total=4)


async def test_a_broken_stream_is_never_silent(gateway: Gateway) -> None:
    gateway.engine.script = Script([chunk({"content": "Once"})], error=BackendTimeout("Too slow."))
    seen = []
    with pytest.raises(openai.APIError, match="Too slow"):
        async for told in await gateway.client.responses.create(model="m", input="Hi", stream=True):
            seen.append(told.type)
    assert seen[-1] == "response.failed"
    (record,) = gateway.records
    assert (record.status, record.error_code) == (504, "backend_timeout")


async def test_a_stream_that_fails_before_it_begins_has_its_status(gateway: Gateway) -> None:
    gateway.engine.script = Script([], error=BackendBusy("Later."))
    with pytest.raises(openai.RateLimitError):
        await gateway.client.responses.create(model="m", input="Hi", stream=True)


async def test_a_stored_answer_is_refused_by_name(gateway: Gateway) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await gateway.client.responses.create(model="m", input="Hi", previous_response_id="resp_1")
    assert (caught.value.code, caught.value.param) == ("not_supported", "previous_response_id")


async def test_the_stream_has_no_done(gateway: Gateway) -> None:
    gateway.engine.script = Script([chunk({"content": "A"}, "stop")])
    call = gateway.client.responses.with_streaming_response.create(model="m", input="Hi", stream=True)
    async with call as answered:
        text = await answered.text()
    assert answered.headers["content-type"].startswith("text/event-stream")
    assert text.startswith("event: response.created\ndata: {")
    assert "[DONE]" not in text
