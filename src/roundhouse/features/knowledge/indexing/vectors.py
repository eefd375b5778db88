"""The kinds of vector store, opened when they are first used."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.core.ports import Clock
from roundhouse.core.registry import open_vectors
from roundhouse.core.settings import DbSettings
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.vectors import VectorContext, VectorStore
from roundhouse.infra.db import Database

# Those who search hold a connection each while they wait for a load: it must not need one of theirs.
_CONNECTIONS = 2

# It is there, or whoever is asked for it may make it.
_HAS_PGVECTOR = sa.text(
    "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector') "
    "OR (current_setting('is_superuser') = 'on' "
    "AND EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'vector'))"
)


class VectorStores:
    """Vector stores of this process; close it at the end.

    Args:
        db: The database of the transactions that they are called with.
        db_settings: Its settings; they have connections of their own.
        settings: The section `knowledge`.
        clock: Time.
    """

    def __init__(
        self, db: Database, db_settings: DbSettings, settings: KnowledgeSettings, clock: Clock
    ) -> None:
        self._db = db
        self._db_settings = db_settings
        self._settings = settings
        self._clock = clock
        self._own: Database | None = None
        self._opened: dict[str, VectorStore] = {}
        self._auto: str | None = None

    async def kind(self) -> str:
        """The kind that new index versions are of: that of the settings, `auto` resolved."""
        if self._settings.vectors != "auto":
            return self._settings.vectors
        if self._auto is None:
            self._auto = "embedded"
            if not self._db.is_sqlite:
                async with self._db.read() as tx:
                    if (await tx.execute(_HAS_PGVECTOR)).scalar_one():
                        self._auto = "pgvector"
        return self._auto

    def get(self, kind: str) -> VectorStore:
        """The vector store of a kind.

        Raises:
            BadInput: There is no such kind, or a setting that it needs is missing.
            MissingExtra: A library or a part of the database that it needs is missing.
        """
        store = self._opened.get(kind)
        if store is None:
            store = self._opened[kind] = open_vectors(kind, self._context())
        return store

    async def close(self) -> None:
        """Close all that were opened."""
        for store in self._opened.values():
            await store.close()
        self._opened.clear()
        if self._own is not None:
            await self._own.close()

    def _context(self) -> VectorContext:
        url = self._db.url.render_as_string(hide_password=False)
        if self._own is None:
            few = self._db_settings.model_copy(update={"pool_size": _CONNECTIONS})
            self._own = Database(few, url)
        return VectorContext(self._settings, url, self._own.read, self._own.begin, self._clock)
