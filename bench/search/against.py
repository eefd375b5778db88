"""The same messages without our index: LIKE, and the tokenisers of SQLite's FTS5."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from roundhouse.infra.search import Entry

Ask = Callable[[str], Awaitable[list[str]]]


class Table:
    """The same messages in one plain table and two FTS5 tables, in a file of its own."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute("CREATE TABLE plain (id INTEGER PRIMARY KEY, ref_id TEXT, text TEXT)")
        for name in ("unicode61", "trigram"):
            options = f"text, content=plain, content_rowid=id, tokenize='{name}'"
            self.connection.execute(f"CREATE VIRTUAL TABLE {name} USING fts5({options})")

    def add(self, entries: list[Entry]) -> None:
        """Write messages."""
        rows = [(entry.ref_id, entry.text) for entry in entries]
        self.connection.executemany("INSERT INTO plain (ref_id, text) VALUES (?, ?)", rows)

    def build(self) -> None:
        """Make the indexes of all that was added."""
        for name in ("unicode61", "trigram"):
            self.connection.execute(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")
        self.connection.commit()

    async def like(self, text: str) -> list[str]:
        """The newest messages with this text in them, as chat programs look for it that keep no index."""
        escaped = text.replace("%", "").replace("_", "\\_")
        query = "SELECT ref_id FROM plain WHERE text LIKE ? ESCAPE '\\' ORDER BY id DESC LIMIT 10"
        return [one for (one,) in self.connection.execute(query, (f"%{escaped}%",))]

    def full_text(self, name: str) -> Ask:
        """The best messages with all words, by the ranking of FTS5.

        Args:
            name: Tokeniser.
        """
        query = (
            f"SELECT ref_id FROM {name} JOIN plain ON plain.id = {name}.rowid WHERE {name} MATCH ? "
            "ORDER BY rank LIMIT 10"
        )

        async def ask(text: str) -> list[str]:
            words = " ".join('"' + word.replace('"', '""') + '"' for word in text.split())
            return [one for (one,) in self.connection.execute(query, (words,))]

        return ask
