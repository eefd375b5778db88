"""Chats of the audio chat studio: its SQLite file with tables of sessions and messages.

The names of tables and columns differ between its versions; each is looked for under all names that are known. The
file comes from a stranger: it is opened for reading only, its views, triggers and virtual tables are left alone, and
values larger than a message may be are refused by SQLite itself.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.features.chat.transfer.making import Said, Told, linear, make, role_of, seconds
from roundhouse.features.chat.transfer.whole import MOST_CONTENT_CHARS, MOST_MESSAGES, Refused, Whole, wrong

PROGRAM = "studio"
MAGIC = b"SQLite format 3\x00"

_LONGEST_S = 900.0
_STEPS = 100_000

_SESSION_TABLES = ("sessions", "chat_sessions", "chat_session", "session")
_MESSAGE_TABLES = ("messages", "chat_messages", "chat_message", "message")
_SESSION_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "session_id", "uuid"),
    "title": ("title", "name"),
    "model": ("model_id", "model", "model_name"),
    "user_id": ("user_id", "user"),
    "created": ("created_at", "created", "create_time"),
    "updated": ("updated_at", "updated", "update_time"),
    "archived": ("is_archived", "archived"),
    "metadata": ("metadata", "metadata_json", "meta"),
}
_MESSAGE_COLUMNS: dict[str, tuple[str, ...]] = {
    "session": ("session_id", "session", "chat_id"),
    "id": ("id", "message_id", "uuid"),
    "role": ("role", "sender"),
    "content": ("content", "text", "message"),
    "at": ("timestamp", "created_at", "created"),
    "model": ("model_id", "model", "model_used", "model_name"),
    "tokens": ("tokens_used", "token_count", "tokens"),
    "seconds": ("response_time", "response_time_s"),
    "metadata": ("metadata", "metadata_json", "meta"),
}


def read(path: Path) -> Iterator[Whole | Refused]:
    """All sessions of a file; blocking.

    Raises:
        BadInput: It is no such file, or it is damaged.
    """
    try:
        with closing(_open(path)) as connection:
            yield from _sessions(connection)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise BadInput(f"The SQLite file cannot be read: {str(error)[:200]}.", param="file") from None


def _open(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * MOST_CONTENT_CHARS)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA query_only=ON")
    ends_s = time.monotonic() + _LONGEST_S
    connection.set_progress_handler(lambda: int(time.monotonic() > ends_s), _STEPS)
    return connection


def _sessions(connection: sqlite3.Connection) -> Iterator[Whole | Refused]:
    session_table = _table(connection, _SESSION_TABLES)
    message_table = _table(connection, _MESSAGE_TABLES)
    messages = groupby(
        _rows(connection, message_table, _MESSAGE_COLUMNS, ("session", "role", "content"), "session"),
        key=lambda row: str(row["session"]),
    )
    following = next(messages, None)
    for row in _rows(connection, session_table, _SESSION_COLUMNS, ("id",), "id"):
        key = str(row["id"])
        while following is not None and following[0] < key:
            yield Refused(f"{message_table}[{following[0][:80]}]", "These messages belong to no session.")
            following = next(messages, None)
        mine: Iterator[Mapping[str, Any]] = iter(())
        if following is not None and following[0] == key:
            mine = following[1]
        try:
            yield _whole(row, list(_some(mine, f"{message_table}[{key[:80]}]")), session_table)
        except BadInput as error:
            yield Refused(f"{session_table}[{key[:80]}]", error.detail)
        if following is not None and following[0] == key:
            following = next(messages, None)
    while following is not None:
        yield Refused(f"{message_table}[{following[0][:80]}]", "These messages belong to no session.")
        following = next(messages, None)


def _table(connection: sqlite3.Connection, names: tuple[str, ...]) -> str:
    found = connection.execute(
        "SELECT lower(name), name FROM sqlite_master"
        " WHERE type = 'table' AND upper(sql) NOT LIKE 'CREATE VIRTUAL%'"
    )
    there = dict(found.fetchall())
    for name in names:
        if name in there:
            return str(there[name])
    raise BadInput(f"The SQLite file has no table {' or '.join(names[:2])}.", param="file")


def _rows(
    connection: sqlite3.Connection,
    table: str,
    columns: Mapping[str, tuple[str, ...]],
    needed: tuple[str, ...],
    order: str,
) -> Iterator[Mapping[str, Any]]:
    """Rows by our names of their columns, None for those that are not there; ordered by one as text, then by time."""
    quoted = '"' + table.replace('"', '""') + '"'
    there = {str(row[1]).lower(): str(row[1]) for row in connection.execute(f"PRAGMA table_info({quoted})")}
    chosen = {
        ours: next((there[name] for name in names if name in there), None) for ours, names in columns.items()
    }
    for ours in needed:
        if chosen[ours] is None:
            raise BadInput(f"The table {table[:80]} has no column {columns[ours][0]}.", param="file")
    terms = ['"' + name.replace('"', '""') + '"' if name is not None else "NULL" for name in chosen.values()]
    by = dict(zip(chosen, terms, strict=True))
    order_by = f"CAST({by[order]} AS TEXT) COLLATE BINARY, {by.get('at', 'NULL')}"
    # The names are the file's own, in quotes; nothing of them is ours to bind.
    query = f"SELECT {', '.join(terms)} FROM {quoted} WHERE {by[order]} IS NOT NULL ORDER BY {order_by}"  # noqa: S608 - as above
    for row in connection.execute(query):
        yield dict(zip(chosen, row, strict=True))


def _some(rows: Iterator[Mapping[str, Any]], place: str) -> Iterator[Mapping[str, Any]]:
    for number, row in enumerate(rows):
        if number >= MOST_MESSAGES:
            raise wrong(place, f"has more than {MOST_MESSAGES} messages")
        yield row


def _whole(row: Mapping[str, Any], rows: list[Mapping[str, Any]], table: str) -> Whole:
    key = str(row["id"])
    place = f"{table}[{key[:80]}]"
    told = Told(
        program=PROGRAM,
        key=key,
        title=_text(row["title"]) or "",
        user_id=_text(row["user_id"]),
        model=_text(row["model"]),
        archived=row["archived"] in (1, "1", "true", "True"),
        created_at_s=seconds(row["created"], f"{place}.created"),
        updated_at_s=seconds(row["updated"], f"{place}.updated"),
        metadata=_metadata(row["metadata"]),
    )
    said = [_said(number, one, f"{place}.messages[{number}]") for number, one in enumerate(rows)]
    return make(told, linear(said), f"{place}.messages")


def _said(number: int, row: Mapping[str, Any], place: str) -> Said:
    took_s = row["seconds"]
    tokens = row["tokens"]
    role = role_of(_text(row["role"]) or "")
    counted = tokens if isinstance(tokens, int) and 0 <= tokens < 2**31 else None
    return Said(
        key=str(number),
        parent=None,
        role=role,
        content=_text(row["content"]) or "",
        at_s=seconds(row["at"], f"{place}.timestamp"),
        model=_text(row["model"]),
        completion_tokens=counted if role == "assistant" else None,
        prompt_tokens=counted if role == "user" else None,
        total_ms=took_s * 1000.0 if isinstance(took_s, int | float) and 0 <= took_s < 1e6 else None,
        metadata=_metadata(row["metadata"]),
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, bytes):
        return None
    return str(value)


def _metadata(value: Any) -> dict[str, Any]:
    """JSON as the studio keeps it in a text; what is none is dropped."""
    if not isinstance(value, str):
        return {}
    try:
        found = msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return {}
    return found if isinstance(found, dict) else {}
