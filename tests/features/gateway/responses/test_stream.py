"""The events of a response."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from openai._models import validate_type
from openai.types.responses import ResponseStreamEvent

from features.gateway.scripted_chat import Script, chunk
from roundhouse.core.errors import BackendBadAnswer, BackendBusy, BackendTimeout, RoundhouseError
from roundhouse.core.types import Usage
from roundhouse.core.wire import event, open_object
from roundhouse.engine.model import Running
from roundhouse.features.gateway.responses import ResponsesAdapter

Event = dict[str, Any]


def call(index: int, arguments: Any, **more: Any) -> Event:
    function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
    return {"tool_calls": [{"index": index, **more, "function": function}]}


def parse(text: bytes) -> list[Event]:
    """Named events, each valid by the official client's own models."""
    events = []
    for block in text.removesuffix(b"\n\n").split(b"\n\n"):
        name, data = block.split(b"\n")
        told = msgspec.json.decode(data.removeprefix(b"data: "))
        assert name == b"event: " + told["type"].encode()
        validate_type(type_=ResponseStreamEvent, value=told)
        events.append(told)
    assert [told["sequence_number"] for told in events] == list(range(len(events)))
    return events


async def play(
    *pieces: bytes, error: RoundhouseError | None = None, usage: Usage | None = None, **asked: Any
) -> list[Event]:
    fields = open_object(msgspec.json.encode({"model": "m", "input": "Hi", **asked}))
    running = Running(Script(list(pieces), error, usage))
    stream = ResponsesAdapter().stream(running, fields)
    written = b""
    try:
        async for piece in stream:
            written += piece
    except RoundhouseError as caught:
        written += stream.failed(caught)
    return parse(written)


def kinds(events: list[Event]) -> list[str]:
    return [told["type"].removeprefix("response.") for told in events]


async def test_a_text_has_the_whole_sequence() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    events = await play(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Xin "}) + chunk({"content": "chào"}),
        chunk({}, "stop"),
        event({"object": "chat.completion.chunk", "choices": [], "usage": usage}),
    )
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [told["delta"] for told in events[4:6]] == ["Xin ", "chào"]
    assert events[6]["text"] == "Xin chào"
    assert len({told["item_id"] for told in events[3:8]}) == 1
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["output"] == []
    response = events[-1]["response"]
    assert response["id"] == events[0]["response"]["id"]
    assert response["model"] == events[0]["response"]["model"] == "served"
    assert response["status"] == "completed"
    assert response["output"] == [events[8]["item"]]
    assert response["output"][0]["content"][0]["text"] == "Xin chào"
    assert (response["usage"]["input_tokens"], response["usage"]["output_tokens"]) == (3, 2)


async def test_where_reads_end_changes_nothing() -> None:
    pieces = [chunk({"content": "a"}), chunk({"content": "b"}), chunk({}, "stop")]
    apart, together = await play(*pieces), await play(b"".join(pieces))
    assert kinds(apart) == kinds(together)


async def test_calls_stay_open_to_the_end() -> None:
    events = await play(
        chunk({"content": "I look."}),
        chunk(call(0, "", id="a", name="f")),
        chunk(call(1, "", id="b", name="g")),
        chunk(call(0, '{"x"')),
        chunk(call(1, "{}")),
        chunk(call(0, ":1}")),
        chunk({}, "tool_calls"),
    )
    said, first, second = events[-1]["response"]["output"]
    assert said["content"][0]["text"] == "I look."
    assert (first["call_id"], first["name"], first["arguments"]) == ("a", "f", '{"x":1}')
    assert (second["call_id"], second["name"], second["arguments"]) == ("b", "g", "{}")
    assert [told["output_index"] for told in events if told["type"].endswith("item.added")] == [0, 1, 2]
    deltas = [told for told in events if told["type"].endswith("arguments.delta")]
    assert [(told["output_index"], told["delta"]) for told in deltas] == [(1, '{"x"'), (2, "{}"), (1, ":1}")]
    done = [told for told in events if told["type"].endswith("arguments.done")]
    assert [told["arguments"] for told in done] == ['{"x":1}', "{}"]
    # The text ended before the first call began.
    order = kinds(events)
    assert order.index("output_text.done") < order.index("function_call_arguments.delta")


async def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    def whole(call_id: str) -> bytes:
        made = {"id": call_id, "function": {"name": "f", "arguments": {"id": call_id}}}
        return chunk({"tool_calls": [made]})

    events = await play(whole("a"), whole("b"), chunk({}, "tool_calls"))
    output = events[-1]["response"]["output"]
    assert [(item["call_id"], item["arguments"]) for item in output] == [
        ("a", '{"id":"a"}'),
        ("b", '{"id":"b"}'),
    ]


async def test_reasoning_is_an_item_of_its_own() -> None:
    events = await play(
        chunk({"reasoning_content": "2+"}),
        chunk({"reasoning": "2"}),
        chunk({"content": "4"}),
        chunk({}, "stop"),
    )
    order = kinds(events)
    assert order.count("reasoning_text.delta") == 2
    assert order.index("reasoning_text.done") < order.index("output_text.delta")
    thought, said = events[-1]["response"]["output"]
    assert thought["content"] == [{"type": "reasoning_text", "text": "2+2"}]
    assert said["content"][0]["text"] == "4"


async def test_a_refusal_after_a_text_is_a_part_of_the_same_message() -> None:
    events = await play(chunk({"content": "Well"}), chunk({"refusal": "No."}), chunk({}, "stop"))
    (item,) = events[-1]["response"]["output"]
    assert [part["type"] for part in item["content"]] == ["output_text", "refusal"]
    (done,) = [told for told in events if told["type"] == "response.refusal.done"]
    assert (done["refusal"], done["content_index"]) == ("No.", 1)


async def test_an_answer_cut_short_ends_incomplete() -> None:
    events = await play(chunk({"content": "Once"}), chunk({}, "length"))
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


async def test_an_empty_answer_is_an_empty_text() -> None:
    events = await play(chunk({"reasoning": "hm"}), chunk({}, "stop"))
    thought, said = events[-1]["response"]["output"]
    assert thought["type"] == "reasoning"
    assert said["content"] == [{"type": "output_text", "text": "", "annotations": [], "logprobs": []}]


async def test_logprobs_go_with_their_texts() -> None:
    told = {"token": "A", "logprob": -0.5, "bytes": [65], "top_logprobs": []}
    piece = chunk({"content": "A"}, logprobs={"content": [told]})
    asked = {"include": ["message.output_text.logprobs"]}
    events = await play(piece, piece, chunk({}, "stop"), **asked)
    deltas = [told for told in events if told["type"] == "response.output_text.delta"]
    assert [delta["logprobs"] for delta in deltas] == [[told], [told]]
    assert events[-1]["response"]["output"][0]["content"][0]["logprobs"] == [told, told]


async def test_counted_usage_stands_in_for_what_was_not_told() -> None:
    events = await play(chunk({"content": "A"}, "stop"), usage=Usage(5, 1, 4))
    usage = events[-1]["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (5, 1, 6)
    assert usage["input_tokens_details"]["cached_tokens"] == 4


async def test_other_choices_are_left_out_and_comments_pass() -> None:
    other = event({"choices": [{"index": 1, "delta": {"content": "other"}}]})
    fields = open_object(b'{"model":"m","input":"Hi"}')
    running = Running(Script([b": wait\n\n", other, chunk({"content": "one"}, "stop")]))
    written = b"".join([piece async for piece in ResponsesAdapter().stream(running, fields)])
    assert written.startswith(b": wait\n\nevent: response.created\n")
    assert b"other" not in written


@pytest.mark.parametrize(
    ("error", "code", "own"),
    [
        (BackendTimeout("Too slow."), "server_error", "backend_timeout"),
        (BackendBusy("Later."), "rate_limit_exceeded", "backend_busy"),
    ],
)
async def test_a_stream_that_breaks_fails_with_what_it_had(
    error: RoundhouseError, code: str, own: str
) -> None:
    events = await play(chunk({"content": "Once"}), chunk(call(0, "{", id="a", name="f")), error=error)
    failed, told = events[-2:]
    assert failed["type"] == "response.failed"
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"]["code"] == code
    assert failed["response"]["error"]["message"] == error.detail
    said, cut = failed["response"]["output"]
    assert (said["status"], said["content"][0]["text"]) == ("completed", "Once")
    assert (cut["status"], cut["arguments"]) == ("incomplete", "{")
    assert told["type"] == "error"
    assert (told["code"], told["message"]) == (own, error.detail)
    assert told["error"]["code"] == own


async def test_a_stream_that_breaks_at_once_was_created_first() -> None:
    events = await play(error=BackendTimeout())
    assert kinds(events) == ["created", "in_progress", "failed", "error"]


async def test_a_chunk_that_is_none_is_a_bad_answer() -> None:
    events = await play(chunk({"content": "A"}), event({"choices": [{"delta": {"content": 5}}]}))
    assert events[-1]["code"] == BackendBadAnswer.code
