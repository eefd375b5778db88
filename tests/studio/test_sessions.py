"""Sessions from Python, on both databases."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roundhouse.core.errors import BadInput, NotFound, Unprocessable
from roundhouse.studio import Message, MessageRole, SessionService, SessionStatus, Studio


def test_a_session_is_begun_and_looked_at(studio: Studio) -> None:
    made = studio.sessions.create_session(
        title="My Chat", model_id="local-gemma-3-4b-it", user_id="ada", metadata={"a": [1]}, tags=["x"]
    )
    assert (made.title, made.model_id, made.user_id) == ("My Chat", "local-gemma-3-4b-it", "ada")
    assert (made.metadata, made.tags, made.message_count) == ({"a": [1]}, ["x"], 0)
    assert made.status is SessionStatus.ACTIVE
    assert studio.sessions.get_session(made.id) == made
    assert studio.sessions.get_session(made.id, "ada") == made
    plain = studio.sessions.create_session()
    assert (plain.title, plain.model_id, plain.user_id, plain.metadata) == ("", None, None, {})


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"title": "a\ud800"}, "title"),
        ({"title": 0}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"model_id": ""}, "model_id"),
        ({"user_id": "ada\x00"}, "user_id"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "\ud800"}}, "metadata"),
        ({"tags": "x"}, "tags"),
        ({"pinned": "yes"}, "pinned"),
        ({"system": 5}, "system"),
    ],
)
def test_what_no_session_can_have_is_named(lite: Studio, given: dict[str, Any], param: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        lite.sessions.create_session(**given)
    assert caught.value.param == param


def test_a_session_is_changed(studio: Studio) -> None:
    made = studio.sessions.create_session("Old")
    changes: dict[str, Any] = {
        "title": "New",
        "model_id": "quick/m",
        "metadata": {"b": 2},
        "is_archived": True,
    }
    assert studio.sessions.update_session(made.id, **changes)
    seen = studio.sessions.get_session(made.id)
    assert seen is not None
    assert {name: getattr(seen, name) for name in changes} == changes
    assert studio.sessions.update_session(made.id, is_archived=False)
    with pytest.raises(BadInput, match="no field 'titel'"):
        studio.sessions.update_session(made.id, titel="x")
    with pytest.raises(BadInput) as caught:
        studio.sessions.update_session(made.id, is_archived="yes")
    assert caught.value.param == "is_archived"
    with pytest.raises(Unprocessable) as refused:
        studio.sessions.update_session(made.id, model_id="x" * 201)
    assert refused.value.param == "model_id"


def test_it_is_put_away_and_taken_back_and_deleted_and_restored(studio: Studio) -> None:
    sessions, made = studio.sessions, studio.sessions.create_session("One", user_id="ada")
    assert sessions.archive_session(made.id)
    assert [one.id for one in sessions.list_user_sessions("ada", status=SessionStatus.ARCHIVED)] == [made.id]
    assert sessions.list_user_sessions("ada", status="active") == []
    assert sessions.unarchive_session(made.id)
    assert [one.id for one in sessions.list_user_sessions("ada", status="active")] == [made.id]
    assert sessions.delete_session(made.id)
    assert sessions.get_session(made.id) is None
    assert sessions.list_user_sessions("ada") == []
    (deleted,) = sessions.list_user_sessions("ada", status="deleted")
    assert deleted.status is SessionStatus.DELETED
    assert not sessions.delete_session(made.id)
    assert sessions.restore_session(made.id)
    assert sessions.delete_session(made.id, permanent=True)
    assert not sessions.restore_session(made.id)


@pytest.mark.parametrize("wrong", ["ses_nothing", "", "x" * 100, "שלום", "' OR 1=1 --"])
def test_what_is_not_there_is_none_or_false_or_not_found(lite: Studio, wrong: str) -> None:
    sessions = lite.sessions
    assert sessions.get_session(wrong) is None
    verbs: list[Callable[[str], bool]] = [
        sessions.update_session,
        sessions.delete_session,
        sessions.restore_session,
        sessions.archive_session,
        sessions.unarchive_session,
    ]
    assert [verb(wrong) for verb in verbs] == [False] * 5
    with pytest.raises(NotFound):
        sessions.get_session_stats(wrong)


@pytest.mark.parametrize("wrong", [None, 5, b"ses", "a\x00b", "a\ud800"])
def test_what_is_no_id_is_told(lite: Studio, wrong: Any) -> None:
    for verb in (lite.sessions.get_session, lite.sessions.archive_session, lite.sessions.get_session_stats):
        with pytest.raises(BadInput) as caught:
            verb(wrong)
        assert caught.value.param == "session_id"


def test_another_users_session_is_not_there(studio: Studio) -> None:
    sessions = studio.sessions
    theirs = sessions.create_session("Theirs", user_id="ada")
    assert sessions.get_session(theirs.id, "eve") is None
    assert not sessions.update_session(theirs.id, "eve", title="Mine")
    assert not sessions.archive_session(theirs.id, "eve")
    assert not sessions.delete_session(theirs.id, "eve", permanent=True)
    assert sessions.list_user_sessions("eve") == []
    assert sessions.search_sessions("Theirs", "eve") == []
    with pytest.raises(NotFound):
        sessions.get_session_stats(theirs.id, "eve")
    assert sessions.get_session(theirs.id) == theirs


def test_another_tenants_session_is_not_there(tmp_path: Path, config: Path) -> None:
    with (
        SessionService(tmp_path / "data", config=config) as here,
        SessionService(tmp_path / "data", config=config, site_id="elsewhere") as elsewhere,
    ):
        made = elsewhere.create_session("Theirs")
        assert here.get_session(made.id) is None
        assert here.list_user_sessions(limit=None) == []
        assert [one.id for one in elsewhere.list_user_sessions()] == [made.id]


def test_lists_are_cut_by_limit_and_offset(studio: Studio) -> None:
    made = [studio.sessions.create_session(str(number), user_id="ada").id for number in range(7)]
    newest = made[::-1]

    def ids(**span: Any) -> list[str]:
        return [one.id for one in studio.sessions.list_user_sessions("ada", **span)]

    assert ids() == newest
    for limit in (0, 1, 3, 7, 50, None):
        for offset in (0, 1, 5, 7, 9):
            end = None if limit is None else offset + limit
            assert ids(limit=limit, offset=offset) == newest[offset:end]
    for span in ({"limit": -1}, {"offset": -1}, {"limit": 1.5}, {"limit": True}, {"offset": None}):
        with pytest.raises(BadInput):
            ids(**span)
    with pytest.raises(BadInput, match="status is one of active, archived, deleted"):
        ids(status="lost")


def test_a_long_list_is_read_page_by_page(lite: Studio) -> None:
    made = [lite.sessions.create_session(str(number)).id for number in range(205)]
    assert [one.id for one in lite.sessions.list_user_sessions(limit=None)] == made[::-1]
    assert [one.id for one in lite.sessions.list_user_sessions(limit=3, offset=201)] == made[3:0:-1]


def test_sessions_are_found_by_their_titles(studio: Studio) -> None:
    studio.sessions.create_session("Chuyến đi Đà Lạt", user_id="ada")
    studio.sessions.create_session("שיחה על פייתון", user_id="eve")
    assert [one.title for one in studio.sessions.search_sessions("da lat")] == ["Chuyến đi Đà Lạt"]
    assert [one.title for one in studio.sessions.search_sessions("פייתון", "eve")] == ["שיחה על פייתון"]
    assert studio.sessions.search_sessions("פייתון", limit=0) == []
    for wrong in ("", "  ", "x" * 1001, "\ud800", None):
        with pytest.raises(BadInput) as caught:
            studio.sessions.search_sessions(wrong)  # type: ignore[arg-type]  # wrong on purpose
        assert caught.value.param == "query"


def test_numbers_of_a_session(studio: Studio) -> None:
    made = studio.sessions.create_session("Counted")
    for role, tokens, took_s in (("user", 5, None), ("assistant", 3, 0.5), ("assistant", 7, 1.5)):
        message = Message("", made.id, MessageRole(role), "Hi", tokens_used=tokens, response_time=took_s)
        studio.history.save_message(made.id, message)
    stats = studio.sessions.get_session_stats(made.id)
    assert (stats["title"], stats["message_count"]) == ("Counted", 3)
    assert (stats["user_messages"], stats["assistant_messages"]) == (1, 2)
    assert (stats["total_tokens"], stats["average_response_time"]) == (15, 1.0)


def test_old_sessions_are_counted_then_archived(studio: Studio) -> None:
    old = studio.sessions.create_session("Old", user_id="ada")
    studio.sessions.create_session("Kept", user_id="ada", pinned=True)
    studio.sessions.create_session("Another's", user_id="eve")
    moment_days = 1e-9
    clean = studio.sessions.cleanup_old_sessions
    assert clean(days_old=30, dry_run=False) == 0
    assert clean(moment_days, user_id="ada") == 1
    assert studio.sessions.list_user_sessions(status="archived") == []
    assert clean(days_old=moment_days, dry_run=False, user_id="ada") == 1
    assert [one.id for one in studio.sessions.list_user_sessions(status="archived")] == [old.id]
    assert clean(moment_days, False, action="delete") == 2
    assert [one.title for one in studio.sessions.list_user_sessions()] == ["Kept"]
    with pytest.raises(Unprocessable) as caught:
        clean(0)
    assert caught.value.param == "days_old"
