"""Histories of a MongoDB: documents, and a real driver against a server of ours (wire-level, no database)."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from features.chat.transfer.mongo_server import serving
from features.chat.transfer.wholes import shown
from roundhouse.core.errors import BadInput, StorageUnavailable
from roundhouse.features.chat.transfer import mongo
from roundhouse.features.chat.transfer.whole import Refused, Whole


def history(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "session_id": f"session_{number:03d}",
        "user_id": "user_001",
        "messages": [
            {"role": "user", "content": "我叫张三,今年25岁"},
            {"role": "assistant", "content": "你好，张三！"},
        ],
    } | changes


def read(*documents: Any) -> list[Whole | Refused]:
    return list(mongo.read(documents))


def test_a_session_keeps_its_name():
    (found,) = read(history())
    assert isinstance(found, Whole)
    assert (found.session.outside_id, found.session.user_id) == ("session_001", "user_001")
    assert [(one.role, one.content) for one in shown(found)] == [
        ("user", "我叫张三,今年25岁"),
        ("assistant", "你好，张三！"),
    ]


def test_times_are_taken_as_they_are_told():
    at = datetime(2026, 1, 7, 12, tzinfo=UTC)
    message = {"role": "user", "content": "a", "timestamp": at.replace(tzinfo=None)}
    (found,) = read(history(messages=[message], created_at=at.isoformat()))
    assert isinstance(found, Whole)
    assert found.session.created_at_s == found.messages[0].created_at_s == at.timestamp()


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({}, "session_id"),
        (history(session_id=5), "session_id"),
        (history(session_id="x" * 201), "session_id"),
        (history(session_id="a\x00"), "session_id"),
        (history(user_id=5), "user_id"),
        (history(messages="x"), "messages"),
        (history(messages=["x"]), r"messages\[0\]"),
        (history(messages=[{"content": "x"}]), r"messages\[0\].role"),
        (history(messages=[{"role": "user", "content": 5}]), r"messages\[0\].content"),
        (
            history(messages=[{"role": "user", "content": "x", "timestamp": "noon"}]),
            r"messages\[0\].timestamp",
        ),
    ],
)
def test_what_is_wrong_is_named_and_the_next_one_follows(document, named):
    refused, good = read(document, history(2))
    assert isinstance(refused, Refused)
    assert isinstance(good, Whole)
    assert re.search(named, refused.reason)


def test_a_driver_reads_all_pages_of_a_collection():
    documents = [history(number) | {"_id": number} for number in range(120)]
    with serving({"chat.chat_history": documents}) as server:
        found = list(mongo.documents_of(f"{server.uri}/chat"))
        assert [one["session_id"] for one in found] == [one["session_id"] for one in documents]
        assert server.asked.count("getMore") == 2
        assert list(mongo.documents_of(server.uri, "chat", "chat_history")) == documents
        assert list(mongo.documents_of(server.uri, "other")) == []


def test_an_object_id_tells_when_a_session_began():
    import bson

    documents = [history() | {"_id": bson.ObjectId.from_datetime(datetime(2026, 1, 7, tzinfo=UTC))}]
    with serving({"chat.chat_history": documents}) as server:
        (found,) = mongo.read(mongo.documents_of(f"{server.uri}/chat"))
    assert isinstance(found, Whole)
    assert found.session.created_at_s == datetime(2026, 1, 7, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "uri", ["", "http://x", "mongodb://", "mongodb://127.0.0.1:1", "mongodb://h:99999/x"]
)
def test_a_uri_that_is_none_or_names_no_database_is_refused(uri):
    with pytest.raises(BadInput) as caught:
        list(mongo.documents_of(uri))
    assert caught.value.param == "uri"


def test_a_server_that_refuses_is_told_without_its_words():
    with serving({"chat.chat_history": [history()]}) as server:
        server.failing = "find"
        with pytest.raises(StorageUnavailable) as caught:
            list(mongo.documents_of(f"{server.uri}/chat"))
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_told():
    with serving({}) as server:
        uri = f"{server.uri}/chat?serverSelectionTimeoutMS=200"
    with pytest.raises(StorageUnavailable):
        list(mongo.documents_of(uri))
