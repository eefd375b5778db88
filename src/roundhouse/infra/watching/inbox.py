"""What the watch asks of the room that a folder's files are for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from roundhouse.core.types import FileInfo
from roundhouse.infra.db import Tx
from roundhouse.infra.watching.model import End, Folder, Note, Taken


class Inbox(Protocol):
    """A folder, and what a room does with its files."""

    @property
    def folder(self) -> Folder:
        """The folder."""
        ...

    @property
    def purpose(self) -> str:
        """Of the files that are kept of it; see `core.types.NewFile`."""
        ...

    @property
    def object_name(self) -> str:
        """How what comes of a file is called where a failure is told, such as `recording_id`."""
        ...

    @property
    def largest_bytes(self) -> int:
        """Larger files are refused."""
        ...

    async def check(self) -> None:
        """Raise what keeps all files from being taken now, such as QueueFull, before the bytes of one are read."""
        ...

    async def enter(self, taken: Taken, info: FileInfo, note: Note) -> None:
        """Make of a kept file what is to come of it.

        Args:
            taken: The file as it was seen.
            info: The file as it is kept; it ends soon, unless it is retained.
            note: To be called in the same transaction with the id of what came of it. What it raises ends that
                transaction.

        Raises:
            RoundhouseError: Nothing came of it; the file waits.
        """
        ...

    async def uses(self, tx: Tx, file_id: str) -> bool:
        """Whether something came of a kept file."""
        ...

    async def going(self, tx: Tx, object_ids: Sequence[str]) -> set[str]:
        """Those of what came of files that have not ended."""
        ...

    async def end_of(self, taken: Taken) -> End | None:
        """How what came of a file has ended; None = it has not."""
        ...

    async def settled(self, taken: Taken) -> None:
        """The end of a file was dealt with: what it took the place of may go."""
        ...

    async def take_out(self, taken: Taken) -> None:
        """A file is gone from a folder of which what came of files goes with them."""
        ...
