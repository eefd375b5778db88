import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from features.chat.transfer.wholes import shown
from roundhouse.core.errors import BadInput
from roundhouse.features.chat.transfer import studio
from roundhouse.features.chat.transfer.whole import Refused, Whole

TABLES = """
CREATE TABLE chat_sessions (id TEXT PRIMARY KEY, title TEXT, model_id TEXT, user_id TEXT, created_at TIMESTAMP,
  updated_at TIMESTAMP, message_count INTEGER, is_archived BOOLEAN, metadata TEXT);
CREATE TABLE chat_messages (id TEXT PRIMARY KEY, session_id TEXT, role TEXT, content TEXT, timestamp TIMESTAMP,
  model_id TEXT, tokens_used INTEGER, response_time REAL, metadata TEXT);
"""


def made(path: Path, *statements: str, tables: str = TABLES) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(tables)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def read(path: Path) -> list[Whole | Refused]:
    return list(studio.read(path))


TWO = (
    "INSERT INTO chat_sessions VALUES ('s2', 'שלום', 'local-gemma-3-4b-it', 'dana', '2025-08-02T10:00:00',"
    " '2025-08-02T10:05:00', 2, 1, '{\"a\": 1}')",
    "INSERT INTO chat_sessions VALUES ('s1', 'Empty', NULL, NULL, NULL, NULL, 0, 0, NULL)",
    "INSERT INTO chat_messages VALUES ('m2', 's2', 'assistant', 'Hi!', '2025-08-02T10:00:02', 'local-gemma',"
    " 7, 1.5, '{}')",
    "INSERT INTO chat_messages VALUES ('m1', 's2', 'user', 'Hello', '2025-08-02T10:00:01', NULL, 3, NULL, 'no json')",
)


def test_sessions_with_their_messages_in_order(tmp_path):
    empty, full = read(made(tmp_path / "c.db", *TWO))
    assert isinstance(empty, Whole)
    assert isinstance(full, Whole)
    assert (empty.session.title, empty.messages) == ("Empty", ())
    session = full.session
    assert (session.title, session.model, session.user_id) == ("שלום", "local-gemma-3-4b-it", "dana")
    assert session.outside_id == "studio:s2"
    assert session.metadata == {"a": 1, "imported_from": "studio", "imported_id": "s2"}
    assert session.created_at_s == 1754128800.0
    assert session.archived_at_s == session.updated_at_s == 1754129100.0
    question, answer = shown(full)
    assert (question.content, question.prompt_tokens, question.metadata) == ("Hello", 3, {})
    assert (answer.content, answer.completion_tokens, answer.total_ms) == ("Hi!", 7, 1500.0)


def test_names_of_another_version(tmp_path):
    tables = """
    CREATE TABLE Sessions (session_id INTEGER PRIMARY KEY, name TEXT, archived INTEGER);
    CREATE TABLE Messages (session INTEGER, sender TEXT, text TEXT, created REAL);
    INSERT INTO Sessions VALUES (10, 'ten', 0), (9, 'nine', 0);
    INSERT INTO Messages VALUES (10, 'human', 'a', 1700000000.5), (9, 'ai', 'b', 1700000000);
    """
    found = read(made(tmp_path / "c.db", tables=tables))
    assert [one.session.title for one in found if isinstance(one, Whole)] == ["ten", "nine"]
    assert [one.messages[0].role for one in found if isinstance(one, Whole)] == ["user", "assistant"]


def test_messages_of_no_session_are_told(tmp_path):
    orphans = (
        "INSERT INTO chat_messages VALUES ('m3', 's0', 'user', 'x', NULL, NULL, NULL, NULL, NULL)",
        "INSERT INTO chat_messages VALUES ('m4', 's9', 'user', 'x', NULL, NULL, NULL, NULL, NULL)",
    )
    found = read(made(tmp_path / "c.db", *TWO, *orphans))
    assert [one.place for one in found if isinstance(one, Refused)] == [
        "chat_messages[s0]",
        "chat_messages[s9]",
    ]
    assert [len(one.messages) for one in found if isinstance(one, Whole)] == [0, 2]


def test_a_session_that_is_wrong_does_not_stop_the_others(tmp_path):
    found = read(made(tmp_path / "c.db", *TWO, "UPDATE chat_messages SET timestamp = 'noon' WHERE id = 'm1'"))
    assert isinstance(found[0], Whole)
    assert isinstance(found[1], Refused)
    assert found[1].place == "chat_sessions[s2]"


def test_bytes_that_are_no_text_do_no_harm(tmp_path):
    found = read(
        made(
            tmp_path / "c.db",
            *TWO,
            "UPDATE chat_messages SET content = CAST(x'ff41' AS TEXT) WHERE id = 'm1'",
            "UPDATE chat_messages SET content = x'00ff' WHERE id = 'm2'",
        )
    )
    assert isinstance(found[1], Whole)
    assert [one.content for one in shown(found[1])] == ["\ufffdA", ""]


@pytest.mark.parametrize(
    "tables",
    [
        "CREATE TABLE a (b)",
        "CREATE TABLE sessions (id)",
        "CREATE TABLE sessions (id); CREATE TABLE messages (id)",
        "CREATE VIEW sessions AS SELECT 1 id; CREATE TABLE messages (session_id, role, content)",
        "CREATE VIRTUAL TABLE sessions USING fts5(id); CREATE TABLE messages (session_id, role, content)",
    ],
)
def test_a_database_without_chats_is_refused(tmp_path, tables):
    with pytest.raises(BadInput) as caught:
        read(made(tmp_path / "c.db", tables=tables))
    assert caught.value.param == "file"


def test_a_damaged_file_is_refused(tmp_path):
    path = made(tmp_path / "c.db", *TWO)
    whole = path.read_bytes()
    for end in (16, 100, 5000):
        path.write_bytes(whole[:end])
        with pytest.raises(BadInput):
            read(path)
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(BadInput):
        read(path)


def test_names_with_quotes_stay_names(tmp_path):
    tables = """
    CREATE TABLE sessions (id TEXT, "title" TEXT, 'x"; DROP TABLE sessions; --' TEXT);
    CREATE TABLE messages (session_id TEXT, role TEXT, content TEXT);
    INSERT INTO sessions VALUES ('a"b''c', 't', 'x');
    """
    (found,) = read(made(tmp_path / "c.db", tables=tables))
    assert isinstance(found, Whole)
    assert found.session.id == "a\"b'c"


def test_a_value_that_is_too_large_is_refused(tmp_path):
    path = made(
        tmp_path / "c.db", *TWO, "UPDATE chat_messages SET content = zeroblob(17000000) WHERE id = 'm1'"
    )
    with pytest.raises(BadInput):
        read(path)


def test_the_file_is_not_written(tmp_path):
    path = made(tmp_path / "c.db", *TWO)
    before = path.read_bytes()
    read(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["c.db"]
