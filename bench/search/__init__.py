"""How fast and how well messages are found: ours on both databases, LIKE, and the tokenisers of SQLite's FTS5."""
