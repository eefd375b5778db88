"""Messages from Python, on both databases."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from roundhouse.core.errors import BadInput, NotFound, Unprocessable
from roundhouse.studio import Message, MessageRole, Studio

AT = datetime(2025, 8, 2, 10, 20, 30, tzinfo=UTC)


def said(content: str = "Hello, world!", role: str = "user", **more: Any) -> Message:
    return Message("", "", MessageRole(role), content, **more)


@pytest.fixture
def filled(studio: Studio) -> tuple[Studio, str]:
    """A session of ada's with five messages."""
    session = studio.sessions.create_session("Filled", user_id="ada")
    for number in range(5):
        role = "assistant" if number % 2 else "user"
        studio.history.save_message(session.id, said(f"Message {number}", role))
    return studio, session.id


def test_a_message_is_saved_and_read(studio: Studio) -> None:
    session = studio.sessions.create_session()
    message = Message(
        "mine", "elsewhere", MessageRole.ASSISTANT, "שלום", AT, "quick/m", 5, 1.25, {"test": True}
    )
    message_id = studio.history.save_message(session.id, message)
    seen = studio.history.get_message_by_id(message_id)
    assert seen == Message(
        message_id, session.id, MessageRole.ASSISTANT, "שלום", AT, "quick/m", 5, 1.25, {"test": True}
    )
    assert studio.history.get_session_messages(session.id) == [seen]
    after = studio.sessions.get_session(session.id)
    assert after is not None
    assert after.message_count == 1


@pytest.mark.parametrize("content", ["", "x" * 1_000_001, "a\x00b", "a\ud800"])
def test_what_is_no_message_is_refused(lite: Studio, content: str) -> None:
    session = lite.sessions.create_session()
    with pytest.raises(Unprocessable):
        lite.history.save_message(session.id, said(content))
    with pytest.raises(Unprocessable):
        lite.history.save_message(session.id, said(metadata={"big": "x" * 70_000}))
    for wrong in ({"model_id": "m" * 201}, {"model_id": "a\ud800"}, {"tokens_used": 2**31}):
        with pytest.raises(BadInput) as caught:
            lite.history.save_message(session.id, said(**wrong))
        assert caught.value.param in wrong
    with pytest.raises(BadInput):
        lite.history.save_message(session.id, {"content": "x"})  # type: ignore[arg-type]  # wrong on purpose
    assert lite.history.get_session_messages(session.id) == []


def test_the_conversation_is_cut_by_limit_and_offset(filled: tuple[Studio, str]) -> None:
    studio, session_id = filled
    whole = [f"Message {number}" for number in range(5)]
    studio.history.delete_message(studio.history.get_session_messages(session_id)[1].id)
    del whole[1]
    for limit in (None, 0, 1, 2, 4, 9):
        for offset in (0, 1, 3, 4, 9):
            end = None if limit is None else offset + limit
            found = studio.history.get_session_messages(session_id, limit=limit, offset=offset)
            assert [one.content for one in found] == whole[offset:end]
    with pytest.raises(BadInput):
        studio.history.get_session_messages(session_id, limit=-1)


def test_a_long_conversation_is_read_as_it_is_wanted(lite: Studio) -> None:
    session = lite.sessions.create_session()
    ids = [lite.history.save_message(session.id, said(str(number))) for number in range(205)]
    assert [one.id for one in lite.history.iter_session_messages(session.id)] == ids
    newest = lite.history.iter_session_messages(session.id, newest_first=True)
    assert [one.id for one in islice(newest, 3)] == ids[:-4:-1]
    assert [one.id for one in lite.history.get_session_messages(session.id, 2, 202)] == ids[202:204]
    assert lite.history.get_message_count(session.id) == 205
    assert [one.id for one in lite.chat.get_conversation_context(session.id)] == ids[-10:]
    assert [one.id for one in lite.chat.get_conversation_context(session.id, max_messages=2)] == ids[-2:]


def test_a_message_is_changed_and_deleted(filled: tuple[Studio, str]) -> None:
    studio, session_id = filled
    first = studio.history.get_session_messages(session_id)[0]
    assert studio.history.update_message(first.id, content="Updated", metadata={"updated": True})
    seen = studio.history.get_message_by_id(first.id)
    assert seen is not None
    assert (seen.content, seen.metadata) == ("Updated", {"updated": True})
    assert studio.history.update_message(first.id, metadata={})
    assert studio.history.delete_message(first.id)
    assert studio.history.get_message_by_id(first.id) is None
    assert not studio.history.delete_message(first.id)
    assert not studio.history.update_message(first.id, content="again")
    assert studio.history.get_message_count(session_id) == 4


def test_what_is_not_there_is_none_or_false_or_not_found(lite: Studio) -> None:
    history = lite.history
    assert history.get_message_by_id("msg_nothing") is None
    assert not history.delete_message("msg_nothing")
    assert not history.update_message("msg_nothing", content="x")
    refused: list[Callable[[str], object]] = [
        history.get_session_messages,
        history.export_session,
        history.get_session_statistics,
        history.get_message_count,
        lite.chat.get_conversation_context,
        lite.chat.stop_message,
        lambda wrong: history.get_session_messages(wrong, limit=0),
        lambda wrong: list(history.iter_session_messages(wrong)),
        lambda wrong: history.save_message(wrong, said()),
    ]
    for verb in refused:
        with pytest.raises(NotFound):
            verb("ses_nothing")


def test_another_users_messages_are_not_there(filled: tuple[Studio, str]) -> None:
    studio, session_id = filled
    history = studio.history
    (message, *_) = history.get_session_messages(session_id, user_id="ada")
    assert history.get_message_by_id(message.id, "eve") is None
    assert not history.update_message(message.id, content="x", user_id="eve")
    assert not history.delete_message(message.id, "eve")
    assert history.search_messages("Message", user_id="eve") == []
    for verb in (history.get_session_messages, history.export_session, history.get_session_statistics):
        with pytest.raises(NotFound):
            verb(session_id, user_id="eve")
    with pytest.raises(NotFound):
        history.save_message(session_id, said(), "eve")
    with pytest.raises(NotFound):
        list(history.iter_session_messages(session_id, "eve"))


def test_messages_are_found_in_every_language(studio: Studio) -> None:
    first = studio.sessions.create_session(user_id="ada")
    second = studio.sessions.create_session(user_id="eve")
    for session, text in (
        (first, "Python programming"),
        (first, "什么是微积分？"),
        (second, "Python data science"),
        (second, "Đăng ký khóa học"),
        (second, "שָׁלוֹם לכולם"),
    ):
        studio.history.save_message(session.id, said(text))

    def found(query: str, **more: Any) -> set[str]:
        return {one.content for one in studio.history.search_messages(query, **more)}

    assert found("Python") == {"Python programming", "Python data science"}
    assert found("python", user_id="ada") == {"Python programming"}
    assert found("python", session_id=second.id) == {"Python data science"}
    assert found("微积") == {"什么是微积分？"}
    assert found("dang ky") == {"Đăng ký khóa học"}
    assert found("שלום") == {"שָׁלוֹם לכולם"}
    assert len(found("Python", limit=1)) == 1


def test_more_is_found_than_a_page_of_the_search_holds(lite: Studio) -> None:
    session = lite.sessions.create_session()
    for number in range(120):
        lite.history.save_message(session.id, said(f"needle {number}"))
    assert len(lite.history.search_messages("needle", limit=110)) == 110
    assert len(lite.history.search_messages("needle", limit=1000)) == 120


def test_a_session_is_exported_in_each_form(filled: tuple[Studio, str]) -> None:
    studio, session_id = filled
    kept = json.loads(studio.history.export_session(session_id))
    assert [one["content"] for one in kept["messages"]] == [f"Message {number}" for number in range(5)]
    markdown = studio.history.export_session(session_id, format="markdown")
    assert markdown.startswith("# Filled")
    assert "Message 4" in markdown
    assert studio.history.export_session(session_id, "txt") == studio.history.export_session(
        session_id, "text"
    )
    table = list(csv.DictReader(io.StringIO(studio.history.export_session(session_id, "csv"))))
    assert [one["content"] for one in table] == [f"Message {number}" for number in range(5)]
    for wrong in ("pdf", "", None):
        with pytest.raises(BadInput) as caught:
            studio.history.export_session(session_id, wrong)  # type: ignore[arg-type]  # wrong on purpose
        assert caught.value.param == "format"


def test_numbers_of_a_conversation(studio: Studio) -> None:
    session = studio.sessions.create_session()
    for role, tokens, took_s in (("user", 5, 1.0), ("assistant", 3, 0.5), ("user", 7, 1.5)):
        studio.history.save_message(session.id, said("Hi", role, tokens_used=tokens, response_time=took_s))
    stats = studio.history.get_session_statistics(session.id)
    assert stats["session_id"] == session.id
    assert stats["message_counts"] == {"total": 3, "user": 2, "assistant": 1, "system": 0}
    assert (stats["token_usage"]["total"], stats["token_usage"]["average"]) == (15, 5.0)
    assert stats["response_times"]["average"] == 1.0
    json.dumps(stats)
    empty = studio.history.get_session_statistics(studio.sessions.create_session().id)
    assert (empty["message_counts"]["total"], empty["response_times"]["average"]) == (0, None)
