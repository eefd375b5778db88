"""What this room tells the clean-up of files: which ones its recordings need, and that one is gone."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.ports import Transaction
from roundhouse.features.audio.store import recordings


class SoundUse:
    """Implements `core.file_users.FileUser`."""

    async def uses(
        self, tx: Transaction, file_ids: Sequence[str], since_s: float | None
    ) -> dict[str, float | None]:
        """The files of recordings: those of a job that has not ended, and those that changed since."""
        found: dict[str, float | None] = {}
        for file_id, ended_at_s in await recordings.sound_use(tx, file_ids):
            if ended_at_s is None:
                found[file_id] = None
            elif since_s is not None and ended_at_s > since_s and found.get(file_id, 0.0) is not None:
                found[file_id] = max(ended_at_s, found.get(file_id) or 0.0)
        return found

    async def let_go(self, tx: Transaction, file_id: str, at_s: float) -> None:
        """Their recordings are without sound from now on; texts stay."""
        await recordings.forget_sound(tx, file_id, at_s)
