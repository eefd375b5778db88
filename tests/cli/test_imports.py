"""`roundhouse import …`, without a server of ours."""

from pathlib import Path
from typing import Any

from features.chat.transfer.mongo_server import serving
from running_server import as_json, good

HISTORY = {
    "session_id": "session_002",
    "user_id": "user_001",
    "messages": [{"role": "user", "content": "我叫张三"}, {"role": "assistant", "content": "你好"}],
}


def test_histories_of_a_mongodb_become_sessions_once(cli: Any, tmp_path: Path) -> None:
    with serving({"chat.chat_history": [HISTORY, {"session_id": "x", "messages": 5}]}) as server:
        words = ("import", "mongo", f"{server.uri}/chat", "--data-dir", str(tmp_path))
        first = cli(*words)
        assert first.exit_code == 1
        assert "1 sessions with 2 messages are new, 0 were here already\n" in first.output
        assert "not read: chat_history[1]" in first.output
        server.collections["chat.chat_history"].pop()
        assert good(cli(*words)).endswith("0 sessions with 0 messages are new, 1 were here already\n")
        told = as_json(cli(*words, "--site", "elsewhere", "--json"))
    assert (told["imported"], told["entries"][0]["title"]) == (1, "我叫张三")


def test_a_server_that_is_not_there_is_told_without_its_password(cli: Any, tmp_path: Path) -> None:
    uri = "mongodb://ada:secret@127.0.0.1:1/chat?serverSelectionTimeoutMS=200"
    answer = cli("import", "mongo", uri, "--data-dir", str(tmp_path))
    assert answer.exit_code == 1
    assert "secret" not in answer.output
