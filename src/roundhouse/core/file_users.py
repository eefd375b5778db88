"""Who works on files: asked before an old file is cleaned away, and told when it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from roundhouse.core.ports import Transaction


class FileUser(Protocol):
    """A room whose rows or jobs name files of others."""

    async def uses(
        self, tx: Transaction, file_ids: Sequence[str], since_s: float | None
    ) -> Mapping[str, float | None]:
        """When the last work on some files ended (Unix seconds); None = it has not.

        Args:
            tx: Any transaction.
            file_ids: A few hundred at most.
            since_s: Work that ended before this time need not be told; None = only work that has not ended.

        Returns:
            By file; files that nobody works or worked on are left out.
        """
        ...

    async def let_go(self, tx: Transaction, file_id: str, at_s: float) -> None:
        """A file is deleted at this time, in this transaction: whatever shows it shows it no more."""
        ...
