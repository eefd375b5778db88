"""Removing what nobody finds any more: vectors first, then passages, then the document, in small transactions."""

from __future__ import annotations

from roundhouse.core.vectors import VectorIndex
from roundhouse.features.knowledge.stores.model import Document
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.features.knowledge.stores.store import documents, indexes
from roundhouse.infra.db import Database

_DOCUMENTS = 50
_PASSAGES = 500


class Removing:
    """Removes documents that are `gone`.

    Args:
        db: The database.
        homes: Where their vectors are.
    """

    def __init__(self, db: Database, homes: VectorHomes) -> None:
        self._db = db
        self._homes = homes

    async def documents_of(self, store_id: str | None) -> int:
        """Remove the documents of a store, or of all (None); how many.

        Raises:
            VectorsUnavailable: Where vectors are kept nobody answers; what is left the clean-up removes.
        """
        removed = 0
        while True:
            async with self._db.read() as tx:
                some = await documents.gone(tx, store_id, _DOCUMENTS)
            for one in some:
                await self._remove(one)
            removed += len(some)
            if len(some) < _DOCUMENTS:
                return removed

    async def _remove(self, document: Document) -> None:
        async with self._db.begin() as tx:
            # Whoever still writes into it has the row; afterwards nobody does.
            await documents.get(tx, document.number, lock=True)
            for version in await indexes.of_store(tx, document.store_id):
                if version.state != "gone":
                    index = VectorIndex(version.number, version.dimensions)
                    await self._homes.get(version.kind).delete(tx, index, [document.number])
        while True:
            async with self._db.begin() as tx:
                numbers = await documents.delete_passages(tx, document.number, _PASSAGES)
                if len(numbers) < _PASSAGES:
                    await documents.forget(tx, [document.number])
                    return
