"""An answer on the wire."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import ValidationError

from features.knowledge.answering.voices import ANN, Setting
from roundhouse.core.errors import BackendDown
from roundhouse.features.knowledge.answering.model import Asked
from roundhouse.features.knowledge.answering.schemas import AskCreate
from roundhouse.features.knowledge.answering.shapes import read_answer
from roundhouse.features.knowledge.answering.streaming import AnswerStream

OPENED = "When was the Iron Bridge opened?"


async def sent(setting: Setting, gone: asyncio.Event | None = None) -> list[tuple[str, Any]]:
    """The events of an answer; `gone` = when the client goes away."""
    answer = await setting.asking.begin(ANN, "vs_1", Asked(OPENED), "req_1")
    bodies: list[bytes] = []

    async def send(message):
        bodies.append(message.get("body", b""))
        # The client reads as fast as it can.
        await asyncio.sleep(0)

    async def receive():
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    await AnswerStream(answer)({"type": "http"}, receive, send)
    frames = [block.split("\n") for block in b"".join(bodies).decode().split("\n\n") if block]
    return [
        (event.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for event, data in frames
    ]


async def test_parts_come_as_they_are_said_and_the_whole_at_the_end():
    setting = Setting("The Iron Bridge was opened in 1781 [1].")
    *parts, (kind, whole) = await sent(setting)
    assert {name for name, _ in parts} == {"add"} and kind == "finish"
    assert (
        "".join(data["content"] for _, data in parts)
        == whole["answer"]
        == "The Iron Bridge was opened in 1781 [1]."
    )
    assert [one["number"] for one in whole["citations"]] == [1]
    assert whole["checks"][0]["supported"] is True
    assert whole["object"] == "vector_store.answer"


async def test_a_refusal_is_a_whole_answer_too():
    found = await sent(Setting("NOT_IN_DOCUMENTS"))
    assert [kind for kind, _ in found] == ["add", "finish"]
    assert found[1][1]["found"] is False


async def test_an_answer_that_breaks_off_ends_with_the_error():
    found = await sent(Setting(lambda _: BackendDown("gone")))
    kind, data = found[-1]
    assert (kind, data["error"]["code"]) == ("error", "backend_down")
    assert "finish" not in [name for name, _ in found]


async def test_a_client_that_goes_away_ends_the_call():
    setting = Setting("word " * 5000)
    gone = asyncio.Event()
    gone.set()
    found = await sent(setting, gone)
    assert "finish" not in [name for name, _ in found]
    assert setting.engine.closed == setting.counted.settled == 1


async def test_the_shape_holds_all_that_was_answered():
    setting = Setting("The Iron Bridge was opened in 1781 [1].")
    answered = await setting.asking.ask(ANN, "vs_1", Asked(OPENED, explain=True), "req_1")
    read = read_answer(answered)
    assert read.citations[0].quotes[0].text == "It was opened in 1781."
    assert read.usage.total_tokens == 25 and read.explain is not None


def test_what_is_asked_is_checked():
    asked = AskCreate.model_validate({"question": "q", "history": [{"role": "user", "content": "x"}]}).asked()
    assert (asked.question, asked.max_passages, asked.history[0].text) == ("q", 8, "x")
    for wrong in (
        {"question": ""},
        {"question": "a\0"},
        {"question": "q", "max_passages": 0},
        {"question": "q", "min_similarity": 2},
        {"question": "q", "history": [{"role": "tool", "content": "x"}]},
        {"question": "q", "file_ids": ["../x"]},
        {"question": "q", "language": "!"},
        {"question": "q", "tools": []},
    ):
        with pytest.raises(ValidationError):
            AskCreate.model_validate(wrong)
