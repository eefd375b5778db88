import json
from typing import Any

import pytest

from features.chat.transfer.wholes import shown
from roundhouse.core.errors import BadInput
from roundhouse.features.chat.transfer import chatgpt
from roundhouse.features.chat.transfer.whole import check


def node(parent: str | None, role: str, *parts: Any, **message: Any) -> dict[str, Any]:
    at = message.pop("at", 1_700_000_000.0)
    told = {
        "id": "x",
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": at,
        "update_time": None,
        "content": {"content_type": "text", "parts": list(parts)},
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": {},
        "recipient": "all",
    }
    return {"id": "x", "message": told | message, "parent": parent, "children": []}


def conversation(**changes: Any) -> dict[str, Any]:
    """As an export has it: a root without a message, a hidden system message, a question that was answered twice."""
    hidden = {"is_visually_hidden_from_conversation": True}
    mapping = {
        "client-created-root": {
            "id": "client-created-root",
            "message": None,
            "parent": None,
            "children": ["sys"],
        },
        "sys": node("client-created-root", "system", "", metadata=hidden, at=None),
        "q1": node("sys", "user", "What is Python?", at=1_700_000_001.5),
        "a1": node("q1", "assistant", "A snake.", at=1_700_000_002.0, metadata={"model_slug": "gpt-4o"}),
        "a2": node(
            "q1",
            "assistant",
            "A language.",
            at=1_700_000_003.0,
            metadata={"model_slug": "gpt-4o", "finish_details": {"type": "stop"}},
        ),
        "q2": node("a2", "user", "Who made it?", at=1_700_000_004.0),
    }
    return {
        "title": "Python",
        "create_time": 1_700_000_000.25,
        "update_time": 1_700_000_010.0,
        "mapping": mapping,
        "current_node": "q2",
        "conversation_id": "conv-1",
        "id": "conv-1",
        "is_archived": True,
        "default_model_slug": "gpt-4o",
    } | changes


def read(document: dict[str, Any]):
    whole = chatgpt.read(json.dumps(document).encode(), "[0]")
    check(whole, "[0]")
    return whole


def test_a_conversation_with_two_answers():
    whole = read(conversation())
    assert [(one.role, one.content) for one in shown(whole)] == [
        ("user", "What is Python?"),
        ("assistant", "A language."),
        ("user", "Who made it?"),
    ]
    assert {one.content for one in whole.messages} - {one.content for one in shown(whole)} == {"A snake."}
    assert whole.session.title == "Python"
    assert whole.session.outside_id == "chatgpt:conv-1"
    assert whole.session.created_at_s == 1_700_000_000.25
    assert whole.session.updated_at_s == whole.session.archived_at_s == 1_700_000_010.0
    answer = shown(whole)[1]
    assert (answer.model, answer.finish_reason, answer.created_at_s) == ("gpt-4o", "stop", 1_700_000_003.0)
    assert [one.depth for one in shown(whole)] == [0, 1, 2]


def with_answer(**message: Any):
    document = conversation()
    document["mapping"]["q2"] = node("a2", "assistant", **message)
    return shown(read(document))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"content_type": "text", "parts": ["a", "b"]}, "a\n\nb"),
        ({"content_type": "code", "language": "python", "text": "print(1)"}, "```python\nprint(1)\n```"),
        ({"content_type": "code", "language": "unknown", "text": "x"}, "```\nx\n```"),
        ({"content_type": "execution_output", "text": "1"}, "```\n1\n```"),
        ({"content_type": "tether_quote", "url": "u", "text": "quoted"}, "quoted"),
        ({"content_type": "tether_browsing_display", "result": "found"}, "found"),
        (
            {"content_type": "multimodal_text",
             "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}, "see"]},
            "[image_asset_pointer]\n\nsee",
        ),
        (
            {"content_type": "multimodal_text",
             "parts": [
                 {"content_type": "real_time_user_audio_video_asset_pointer", "audio_asset_pointer": {}},
                 {"content_type": "audio_transcription", "text": "hi", "direction": "in"},
                 {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file_1"},
             ]},
            "hi",
        ),
        (
            {"content_type": "multimodal_text", "parts": [{"content_type": "audio_asset_pointer"}]},
            "[audio_asset_pointer]",
        ),
        ({"content_type": "system_error", "name": "tool_error", "text": "It broke."}, "It broke."),
    ],
)  # fmt: skip
def test_every_kind_of_content_becomes_text(content, expected):
    assert with_answer(content=content)[-1].content == expected


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "c"}]},
        {"content_type": "user_editable_context", "user_profile": "p", "user_instructions": "i"},
        {"content_type": "text", "parts": [""]},
        {"content_type": "text", "parts": None},
        {"content_type": "new_kind", "text": {"a": 1}},
    ],
)
def test_what_was_not_said_is_passed_over(content):
    assert [one.content for one in with_answer(content=content)] == ["What is Python?", "A language."]


def test_a_stopped_answer_a_tool_and_a_file_are_told():
    stopped = with_answer(
        content={"content_type": "text", "parts": ["half"]},
        metadata={
            "finish_details": {"type": "interrupted"},
            "attachments": [{"id": "f", "name": "plan.pdf"}, 3],
        },
        recipient="python",
    )[-1]
    assert (stopped.state, stopped.metadata) == ("stopped", {"recipient": "python", "files": ["plan.pdf"]})
    tool = with_answer(
        author={"role": "tool", "name": "browser"}, content={"content_type": "text", "parts": ["x"]}
    )
    assert (tool[-1].role, tool[-1].metadata) == ("tool", {"name": "browser"})


def test_the_files_of_pictures_are_named():
    parts = [
        {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_77", "width": 9},
        {"content_type": "image_asset_pointer", "asset_pointer": None},
        "What is this?",
    ]
    said = with_answer(content={"content_type": "multimodal_text", "parts": parts})[-1]
    assert said.metadata == {"assets": ["sediment://file_77"]}


def test_marks_of_citations_become_links():
    one, other = "\ue200cite\ue202turn0search1\ue201", "\ue200i\ue202turn0image0\ue201"
    references = [
        {"matched_text": one, "alt": "([Rail](https://a.test/r))", "type": "grouped_webpages",
         "items": [{"title": "Rail", "url": "https://a.test/r"}, {"title": None, "url": "https://a.test/s"}]},
        {"matched_text": "", "type": "sources_footnote", "sources": [{"title": "R", "url": "https://a.test/r"}, 5]},
        "odd",
    ]  # fmt: skip
    older = [{"start_ix": 0, "metadata": {"type": "webpage", "title": "Old", "url": "https://a.test/o"}}, 7]
    said = with_answer(
        content={"content_type": "text", "parts": [f"It turns. {one}{other}"]},
        metadata={"content_references": references, "citations": older},
    )[-1]
    assert said.content == "It turns. ([Rail](https://a.test/r))"
    assert said.citations == [
        {"title": "Rail", "url": "https://a.test/r"},
        {"url": "https://a.test/s"},
        {"title": "Old", "url": "https://a.test/o"},
    ]


def test_an_export_without_children_and_with_a_root_that_follows_nothing():
    document = conversation()
    for name, one in document["mapping"].items():
        del one["children"]
        if name == "client-created-root":
            one["parent"] = "00000000-aaaa"
        elif name != "sys":
            del one["message"]["metadata"]
            del one["message"]["recipient"]
    assert [one.content for one in shown(read(document))] == [
        "What is Python?",
        "A language.",
        "Who made it?",
    ]
    lost = broken("mapping/a2/parent", "gone")
    assert [one.content for one in shown(read(lost))] == ["A language.", "Who made it?"]
    assert len(read(lost).messages) == 4


def broken(path: str, value: Any) -> dict[str, Any]:
    document = conversation()
    at: Any = document
    *steps, last = path.split("/")
    for step in steps:
        at = at[step]
    at[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("mapping", [], "[0]"),
        ("mapping/q1/parent", "q2", "[0].mapping[q1]"),
        ("mapping/q2/parent", "q2", "[0].mapping[q2]"),
        ("mapping/q2/parent", 5, "[0].mapping[q2]"),
        ("mapping/q2/message/author", None, "[0].mapping[q2]"),
        ("mapping/q2/message/author/role", 7, "[0].mapping[q2]"),
        ("mapping/q2/message/content", "text", "[0].mapping[q2]"),
        ("mapping/q2/message/create_time", "soon", "[0].mapping[q2].message.create_time"),
        ("mapping/q2/message/create_time", -5, "[0].mapping[q2].message.create_time"),
        ("mapping/q2", "text", "[0].mapping[q2]"),
        ("create_time", [], "[0].create_time"),
        ("title", 5, "[0]"),
        ("conversation_id", 5, "[0]"),
        ("mapping/q2/message/content/parts", ["a\x00b"], "[0].messages[3].content"),
        ("mapping/q2/message/content/parts", ["x" * 4_000_001], "[0].messages[3].content"),
        ("mapping/q2/message/author/name", "a\x00", "[0].messages[3].metadata.name"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(path, value, place):
    with pytest.raises(BadInput) as caught:
        read(broken(path, value))
    assert caught.value.param == place


def test_a_conversation_without_an_id_is_refused():
    with pytest.raises(BadInput, match="id is missing"):
        read(conversation(conversation_id=None, id=None))


def test_an_empty_conversation_is_one():
    whole = read(conversation(mapping={}, current_node=None))
    assert whole.messages == ()
