"""What a changed file of a folder takes the place of in its store."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller, FileInfo
from roundhouse.features.knowledge.files import store as file_rows
from roundhouse.features.knowledge.stores.model import Store, StoreFile
from roundhouse.features.knowledge.stores.ports import PassageIndex
from roundhouse.features.knowledge.stores.store import documents, files
from roundhouse.features.knowledge.stores.told import tell_file
from roundhouse.infra.db import Tx
from roundhouse.infra.watching import store as watched_rows
from roundhouse.infra.watching.model import Taken


class Replacing:
    """Knows the former contents of files.

    Args:
        index: The full text index.
        clock: Time.
    """

    def __init__(self, index: PassageIndex, clock: Clock) -> None:
        self._index = index
        self._clock = clock

    async def former(self, tx: Tx, taken: Taken) -> list[Taken]:
        """What was taken in under the same name and has no successor yet, the newest first."""
        return [one for one in await watched_rows.same_name(tx, taken) if one.state != "removed"]

    async def same(self, tx: Tx, store: Store, former: Sequence[Taken], info: FileInfo) -> str | None:
        """The file of the store that has the very same bytes, and did not fail; None = there is none."""
        known = await files.some(tx, store.id, _ids(former))
        good = [one.file_id for one in known.values() if one.status in ("completed", "in_progress")]
        caller = Caller("watch", info.site_id, info.user_id, info.app_id, frozenset())
        infos = await file_rows.some_files(tx, caller, good, self._clock.now_s())
        return next((one.id for one in infos.values() if one.sha256 == info.sha256), None)

    async def make_way(self, tx: Tx, store: Store, former: Sequence[Taken]) -> tuple[str | None, list[str]]:
        """The file that the new one takes the place of once it is found, and jobs that nobody wants any more.

        A former content that is not found itself, because it failed or is still worked on, leaves the store at once;
        what it was to take the place of is handed on.
        """
        replaces: str | None = None
        given_up: list[str] = []
        known = await files.some(tx, store.id, _ids(former))
        for file in known.values():
            if file.document is not None:
                replaces = file.file_id
                continue
            if file.replaces is not None and replaces is None:
                replaces = file.replaces
            await self._forget(tx, store, file)
            if file.status == "in_progress" and file.job_id is not None:
                given_up.append(file.job_id)
        return replaces, given_up

    async def _forget(self, tx: Tx, store: Store, file: StoreFile) -> None:
        before = await documents.give_up(tx, store.id, file.file_id)
        await files.forget(tx, store.id, file.file_id)
        await self._index.gone(tx, store.site_id, store.id, before)
        await tell_file(tx, store, file, "deleted", self._clock.now_s())


def _ids(former: Sequence[Taken]) -> list[str]:
    return [one.object_id for one in former if one.object_id is not None]
