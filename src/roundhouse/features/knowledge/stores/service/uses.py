"""What stores tell the clean-up of files: which ones they need, and that one is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from roundhouse.core.ports import Transaction
from roundhouse.features.knowledge.stores.ports import PassageIndex
from roundhouse.features.knowledge.stores.store import documents, files
from roundhouse.infra.db import Tx


class StoreUse:
    """Implements `core.file_users.FileUser`.

    Args:
        index: The full text index.
    """

    def __init__(self, index: PassageIndex) -> None:
        self._index = index

    async def uses(
        self, tx: Transaction, file_ids: Sequence[str], since_s: float | None
    ) -> dict[str, float | None]:
        """The files that are in stores: as long as they are, they are needed."""
        return dict.fromkeys(await files.used(cast("Tx", tx), file_ids))

    async def let_go(self, tx: Transaction, file_id: str, at_s: float) -> None:
        """It leaves its stores, and nothing of it is found; what was read of it is removed later."""
        mine = cast("Tx", tx)
        for file in await files.of_file(mine, file_id):
            before = await documents.give_up(mine, file.store_id, file_id)
            await files.forget(mine, file.store_id, file_id)
            await self._index.gone(mine, file.site_id, file.store_id, before)
