"""What goes through JSON comes back as it was; what is no record is told by name."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.errors import BadInput
from roundhouse.studio import (
    ChatResponse,
    ChatSession,
    ConnectionTest,
    LLMModel,
    LLMProvider,
    Message,
    MessageRole,
    SessionStatus,
)

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
texts = st.text(max_size=40)
maybe = st.none() | texts
counts = st.integers(0, 2**40)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1), timezones=offsets)
seconds = st.floats(0, 1e9)
frees = st.dictionaries(
    texts, st.recursive(st.none() | st.booleans() | texts | counts, st.lists, max_leaves=5)
)
records = st.one_of(
    st.builds(
        ChatSession,
        texts,
        texts,
        maybe,
        maybe,
        moments,
        moments,
        counts,
        st.booleans(),
        frees,
        st.lists(texts),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        Message,
        texts,
        texts,
        st.sampled_from(MessageRole),
        texts,
        moments,
        maybe,
        st.none() | counts,
        st.none() | seconds,
        frees,
        texts,
    ),
    st.builds(ChatResponse, texts, maybe, counts, seconds, st.booleans(), maybe, frees),
    st.builds(LLMModel, texts, maybe, st.lists(texts), st.none() | counts, st.booleans(), st.lists(texts)),
    st.builds(LLMProvider, texts, texts, texts, st.booleans(), st.booleans(), maybe, texts),
    st.builds(ConnectionTest, st.booleans(), seconds, st.lists(texts), maybe),
)


@given(records)
def test_through_json_and_back_it_is_the_same(record: Any) -> None:
    told = json.loads(json.dumps(record.to_dict()))
    again = type(record).from_dict({**told, "a member of a later version": 1})
    assert again == record
    assert again.to_dict() == record.to_dict()


def test_the_old_studios_own_records_are_read() -> None:
    """As its `to_dict` wrote them: times without an offset, no field of ours."""
    told = {
        "id": "4f0e",
        "session_id": "77ab",
        "role": "user",
        "content": "שלום",
        "timestamp": "2025-08-02T10:20:30.123456",
        "model_id": None,
        "tokens_used": 5,
        "response_time": None,
        "metadata": {"test": True},
    }
    message = Message.from_dict(told)
    assert message.role is MessageRole.USER
    assert message.role == "user"
    assert message.timestamp == datetime(2025, 8, 2, 10, 20, 30, 123456, UTC)
    session = ChatSession.from_dict(
        {
            "id": "77ab",
            "title": "My Chat",
            "model_id": "local-gemma-3-4b-it",
            "user_id": None,
            "created_at": "2025-08-02T10:20:30",
            "updated_at": "2025-08-02T10:20:30",
            "message_count": 0,
            "is_archived": True,
            "metadata": {},
        }
    )
    assert session.status is SessionStatus.ARCHIVED


@pytest.mark.parametrize(
    ("archived", "deleted", "status"),
    [(False, False, "active"), (True, False, "archived"), (True, True, "deleted"), (False, True, "deleted")],
)
def test_a_session_has_one_status(archived: bool, deleted: bool, status: str) -> None:
    session = ChatSession("s", "", None, None, AT, AT, is_archived=archived, is_deleted=deleted)
    assert session.status == status


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"role": "robot"}, "role"),
        ({"role": None}, "role"),
        ({"content": None}, "content"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 1.5}, "timestamp"),
        ({"tokens_used": -1}, "tokens_used"),
        ({"tokens_used": True}, "tokens_used"),
        ({"tokens_used": 1.5}, "tokens_used"),
        ({"response_time": float("nan")}, "response_time"),
        ({"response_time": "fast"}, "response_time"),
        ({"metadata": []}, "metadata"),
        ({"model_id": 7}, "model_id"),
    ],
)
def test_a_wrong_member_is_named(change: dict[str, Any], param: str) -> None:
    good = Message("m", "s", MessageRole.USER, "hello").to_dict()
    with pytest.raises(BadInput) as caught:
        Message.from_dict(good | change)
    assert caught.value.param == param


def test_a_missing_member_is_named() -> None:
    with pytest.raises(BadInput, match="session_id"):
        Message.from_dict({"id": "m", "role": "user", "content": "x"})
    with pytest.raises(BadInput, match="mapping"):
        Message.from_dict([])  # type: ignore[arg-type]  # wrong on purpose


def test_a_connection_is_as_true_as_it_went() -> None:
    assert ConnectionTest(True, 0.1)
    assert not ConnectionTest(False, 0.1)
