"""The verbs of transfer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from roundhouse.core.errors import Busy, RequestTimeout, TooLarge
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.features.chat.store import SessionFilter
from roundhouse.features.chat.transfer import mongo
from roundhouse.features.chat.transfer.archive import slug
from roundhouse.features.chat.transfer.exporting import CONTENT_TYPES, SUFFIXES, Exporter, ExportFormat
from roundhouse.features.chat.transfer.importing import Importer
from roundhouse.features.chat.transfer.reading import ImportFormat, ReadLimits, checked, read_file
from roundhouse.features.chat.transfer.schemas import ImportReport
from roundhouse.infra.blobs.pump import pump
from roundhouse.infra.blobs.staging import Staged, Staging
from roundhouse.infra.db import Database

ACCOUNT_NAME = "roundhouse-chats.zip"

_MOST_IMPORTS = 4
_RETRY_AFTER_S = 10.0
_LONGEST_UPLOAD_S = 3600.0


class Download(msgspec.Struct, frozen=True):
    """A file that is sent while it comes into being.

    Attributes:
        filename: Safe to keep.
        content_type: Of it.
        pieces: Its bytes.
    """

    filename: str
    content_type: str
    pieces: AsyncIterator[bytes]


class TransferService:
    """Export and import of chats.

    Args:
        db: The database.
        index: Is told of what is new.
        staging: Where files come in; they are removed when they are read.
        clock: Time.
        max_memories: Long-term memories that a user may have; further ones of a file are left out.
        limits: What a file may hold.
    """

    def __init__(
        self,
        db: Database,
        index: ChatIndex,
        staging: Staging,
        clock: Clock,
        max_memories: int,
        limits: ReadLimits | None = None,
    ) -> None:
        self._staging = staging
        self._limits = limits or ReadLimits()
        self._importing = 0
        self._exporter = Exporter(db, clock)
        self._importer = Importer(db, index, clock, staging.threads, max_memories)

    @property
    def largest_file_bytes(self) -> int:
        """Largest file that is read."""
        return self._limits.file_bytes

    async def export_session(self, caller: Caller, session_id: str, form: ExportFormat = "json") -> Download:
        """One session: all of it as JSON, the shown conversation in the other forms; raises NotFound."""
        session, pieces = await self._exporter.session(caller, session_id, form)
        # Some systems keep a few names, such as `con`, for themselves.
        named = f"chat-{slug(session.title) or session.id}{SUFFIXES[form]}"
        return Download(named, CONTENT_TYPES[form], pieces)

    async def export_account(
        self,
        caller: Caller,
        wanted: SessionFilter | None = None,
        form: ExportFormat = "json",
        *,
        with_memories: bool = True,
    ) -> Download:
        """All sessions that a filter lets through, as a zip file that is written while it is sent.

        Args:
            caller: Who asks.
            wanted: Which; None = all that are not deleted.
            form: Of each session.
            with_memories: Whether long-term memories come along, as JSON.
        """
        pieces = self._exporter.account(caller, wanted or SessionFilter(), form, with_memories=with_memories)
        return Download(ACCOUNT_NAME, "application/zip", pieces)

    async def import_file(
        self, caller: Caller, pieces: AsyncIterator[bytes], form: ImportFormat = "auto"
    ) -> ImportReport:
        """Import sessions from a file: our JSON or zip, ChatGPT's export, Open WebUI's, or the studio's SQLite file.

        Args:
            caller: Whose they become.
            pieces: The file.
            form: What it is; `auto` = it tells itself.

        Raises:
            BadInput: It cannot be read; nothing was imported. The text names the place.
            TooLarge: It is larger than `largest_file_bytes`, or holds more than it may.
            Busy: As many imports as may be are under way in this process.
            RequestTimeout: The upload takes longer than an hour.
            StorageFull: No room to put it meanwhile.
        """
        if self._importing >= _MOST_IMPORTS:
            raise Busy(f"{_MOST_IMPORTS} imports are under way.", retry_after_s=_RETRY_AFTER_S)
        self._importing += 1
        try:
            async with self._staging.open() as staged:
                await self._receive(staged, pieces)
                return await self._importer.take(
                    caller, lambda: read_file(staged.path, form, self._limits), form
                )
        finally:
            self._importing -= 1

    async def import_mongo(
        self, caller: Caller, uri: str, database: str | None = None, collection: str = mongo.COLLECTION
    ) -> ImportReport:
        """Import the histories of a MongoDB; for the operator, since the URI leads anywhere.

        Args:
            caller: Whose they become; one who stands for no user leaves them to their users.
            uri: `mongodb://…`.
            database: Its name; None = the one in the URI.
            collection: Of the histories.

        Raises:
            MissingExtra: pymongo is not installed.
            BadInput: The URI is none.
            StorageUnavailable: The server does not answer.
        """
        documents = mongo.documents_of(uri, database, collection)
        return await self._importer.take(caller, lambda: checked(mongo.read(documents)), mongo.PROGRAM)

    async def _receive(self, staged: Staged, pieces: AsyncIterator[bytes]) -> None:
        taking = _Taking(staged, self._limits.file_bytes)
        try:
            async with asyncio.timeout(_LONGEST_UPLOAD_S):
                await pump(pieces, taking.take, self._staging.threads)
        except TimeoutError:
            raise RequestTimeout("The upload took too long.") from None
        await self._staging.threads.run(staged.seal)


class _Taking:
    """Writes an upload down up to its largest size."""

    def __init__(self, staged: Staged, most_bytes: int) -> None:
        self._staged = staged
        self._most_bytes = most_bytes

    def take(self, data: bytes) -> None:
        """Write some of it; raises TooLarge."""
        if self._staged.size_bytes + len(data) > self._most_bytes:
            raise TooLarge(f"The file is larger than {self._most_bytes} bytes.", param="file")
        self._staged.write(data)
