import json
from typing import Any

import pytest

from features.chat.transfer.wholes import shown
from roundhouse.core.errors import BadInput
from roundhouse.features.chat.transfer import open_webui
from roundhouse.features.chat.transfer.whole import check


def message(key: str, parent: str | None, role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": key,
        "parentId": parent,
        "childrenIds": [],
        "role": role,
        "content": content,
        "timestamp": 1_700_000_000,
    } | more


FILES = [{"type": "file", "file": {"filename": "a.pdf"}}]


def row(**changes: Any) -> dict[str, Any]:
    """As `GET /api/v1/chats/all` has it: an edited question, so two roots."""
    messages = {
        "u0": message("u0", None, "user", "Was ist Phyton?"),
        "u1": message("u1", None, "user", "Was ist Python?", models=["llama3.2"], files=FILES),
        "a1": message(
            "a1",
            "u1",
            "assistant",
            "Eine Sprache.",
            model="llama3.2:latest",
            done=True,
            timestamp=1_700_000_005,
            usage={"prompt_eval_count": 12, "eval_count": 5},
            sources=[{"source": {"name": "Wiki", "url": "https://example.org"}, "document": ["x"]}],
        ),
    }  # fmt: skip
    chat = {
        "id": "",
        "title": "Python",
        "models": ["llama3.2:latest"],
        "params": {"system": "Antworte kurz."},
        "history": {"messages": messages, "currentId": "a1"},
        "messages": [],
        "tags": [],
        "timestamp": 1_700_000_000_123,
        "files": [],
    }
    return {
        "id": "chat-1",
        "user_id": "u-7",
        "title": "Python!",
        "chat": chat,
        "updated_at": 1_700_000_009,
        "created_at": 1_700_000_000,
        "share_id": None,
        "archived": False,
        "pinned": True,
        "meta": {"tags": ["code", "deutsch"]},
        "folder_id": None,
    } | changes


def read(document: Any):
    whole = open_webui.read(json.dumps(document).encode(), "[0]")
    check(whole, "[0]")
    return whole


def test_a_chat_with_an_edited_question():
    whole = read(row())
    session = whole.session
    assert [one.content for one in shown(whole)] == ["Was ist Python?", "Eine Sprache."]
    assert [one.content for one in whole.messages] == ["Was ist Phyton?", "Was ist Python?", "Eine Sprache."]
    assert whole.branches[0].parent is None
    assert (session.title, session.system, session.tags, session.pinned) == (
        "Python!",
        "Antworte kurz.",
        ("code", "deutsch"),
        True,
    )
    assert (session.outside_id, session.user_id, session.model) == (
        "open-webui:chat-1",
        "u-7",
        "llama3.2:latest",
    )
    assert (session.created_at_s, session.updated_at_s) == (1_700_000_000, 1_700_000_009)
    question, answer = shown(whole)
    assert question.metadata == {"files": ["a.pdf"]}
    assert (answer.prompt_tokens, answer.completion_tokens) == (12, 5)
    assert answer.citations == [{"title": "Wiki", "url": "https://example.org"}]


def test_a_chat_alone_is_read_like_a_row():
    chat = row()["chat"] | {"id": "chat-9"}
    whole = read(chat)
    assert (whole.session.title, whole.session.outside_id) == ("Python", "open-webui:chat-9")
    assert whole.session.created_at_s == 1_700_000_000.123


def test_an_old_chat_without_a_tree():
    chat = row()["chat"]
    old = chat | {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    del old["history"]
    assert [one.content for one in shown(read(row(chat=old)))] == ["a", "b"]


def test_an_error_and_a_cut_answer_are_told():
    document = row()
    messages = document["chat"]["history"]["messages"]
    messages["a1"] |= {"error": {"content": "boom"}, "content": ""}
    assert shown(read(document))[-1].state == "failed"
    messages["a1"] |= {
        "error": None,
        "done": False,
        "content": [{"type": "text", "text": "half"}, {"type": "image_url"}],
    }
    cut = shown(read(document))[-1]
    assert (cut.state, cut.content) == ("interrupted", "half\n\n[image_url]")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda one: one["history"]["messages"]["u1"].update(parentId="a1"), "[0].chat.history.messages[u1]"),
        (lambda one: one["history"]["messages"]["a1"].update(role=7), "[0].chat.history.messages[a1]"),
        (lambda one: one["history"]["messages"]["a1"].update(content=7), "[0].chat.history.messages[a1]"),
        (
            lambda one: one["history"]["messages"]["a1"].update(timestamp="x"),
            "[0].chat.history.messages[a1].timestamp",
        ),
        (lambda one: one["history"].update(messages=[]), "[0]"),
        (lambda one: one.update(title=5), "[0]"),
        (lambda one: one["history"]["messages"]["a1"].update(content="a\x00"), "[0].messages[2].content"),
        (lambda one: one.update(params={"system": "a\x00"}), "[0].session.system"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(change, place):
    document = row()
    change(document["chat"])
    with pytest.raises(BadInput) as caught:
        read(document)
    assert caught.value.param == place


def test_values_of_wrong_kinds_that_do_not_matter_are_passed_over():
    document = row(meta={"tags": [1, {"name": "x"}, None]})
    document["chat"]["params"] = {"system": 5}
    document["chat"]["history"]["messages"]["a1"] |= {
        "usage": {"prompt_tokens": -1},
        "sources": [3, {"source": 4}],
        "files": [3],
    }
    whole = read(document)
    assert (whole.session.tags, whole.session.system) == (("x",), "")
    assert shown(whole)[-1].citations == []


def test_a_chat_without_an_id_is_known_by_what_it_says():
    nameless = row(id="")
    one, same, other = read(nameless), read(nameless), read(nameless | {"title": "Other"})
    assert one.session.outside_id == same.session.outside_id
    assert one.session.outside_id.startswith("open-webui:sha256:")
    assert one.session.outside_id != other.session.outside_id


def test_what_broken_answers_leave_does_not_lose_the_rest():
    document = row(folder_id="folder-3")
    messages = document["chat"]["history"]["messages"]
    messages["a1"]["parentId"] = "ghost"
    messages["ghost"] = {"id": "ghost", "parentId": "u1", "childrenIds": ["a1"], "done": True}
    messages["nothing"] = None
    messages["stray"] = message("stray", "gone", "user", "Hallo?", timestamp=1_600_000_000)
    del messages["u1"]["parentId"]
    whole = read(document)
    assert [one.content for one in shown(whole)] == ["Was ist Python?", "Eine Sprache."]
    assert {one.content for one in whole.messages} == {
        "Was ist Phyton?",
        "Was ist Python?",
        "Eine Sprache.",
        "Hallo?",
    }
    assert whole.session.metadata["folder_id"] == "folder-3"


@pytest.mark.parametrize("models", [["", None, "qwen3:4b"], ["qwen3:4b", "llama"], [None, "qwen3:4b"]])
def test_the_model_is_the_first_that_was_chosen(models):
    document = row()
    document["chat"]["models"] = models
    assert read(document).session.model == "qwen3:4b"


def test_thoughts_and_errors_and_pages():
    document = row()
    answer = document["chat"]["history"]["messages"]["a1"]
    thoughts = (
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought</summary>\n> Hm.\n</details>\n'
    )
    answer["content"] = thoughts + "Eine Sprache.\n<details><summary>Mehr</summary>Viel.</details>"
    pages = [
        {"source": "https://a.test/1", "title": "Eins"},
        {"source": "https://a.test/2"},
        {"source": "https://a.test/1", "title": "Eins"},
        {"source": "plan.pdf", "name": "plan.pdf"},
        None,
    ]
    answer["sources"] = [{"source": {"name": "search"}, "metadata": pages}, {"source": {"name": "plan.pdf"}}]
    answer["error"] = {"content": "Too late."}
    answer["files"] = [{"type": "image", "url": "data:image/png;base64,AA"}]
    said = shown(read(document))[-1]
    assert said.content == "Eine Sprache.\n<details><summary>Mehr</summary>Viel.</details>"
    assert said.citations == [
        {"title": "Eins", "url": "https://a.test/1"},
        {"title": "search", "url": "https://a.test/2"},
        {"title": "plan.pdf"},
    ]
    assert (said.state, said.metadata) == ("failed", {"files": ["image"], "error": "Too late."})
