"""Pictures of passages: pages as they look, and pictures that are embedded in documents."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from roundhouse.core.errors import DocumentEncrypted, DocumentUnreadable, NotFound, UnsupportedMedia
from roundhouse.core.jobs import StepContext
from roundhouse.core.ports import Files
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.types import Caller, FileInfo
from roundhouse.features.knowledge.embedding.model import Image
from roundhouse.features.knowledge.parsing.reading import parse_document, render_pages
from roundhouse.features.knowledge.parsing.shapes import PagesOrder, ParsingLimits, ParsingOrder
from roundhouse.features.knowledge.stores.model import Passage, Store
from roundhouse.features.knowledge.stores.store import documents
from roundhouse.infra.db import Database

_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
_GONE = (NotFound, DocumentEncrypted, DocumentUnreadable, UnsupportedMedia)
"""The file cannot be shown any more; what is written about its pictures is found all the same."""

_FOLDER = "shown"


def limits_of(settings: KnowledgeSettings) -> ParsingLimits:
    """What reading, or drawing, a document may cost."""
    return ParsingLimits(
        memory_mib=settings.parse_memory_mib,
        timeout_s=settings.parse_timeout_s,
        max_pages=settings.max_pages,
        max_chars=settings.max_chars,
    )


def image_at(path: Path) -> Image | None:
    """The picture in a file, blocking; None = it is not there, or of a type that no model takes."""
    content_type = _TYPES.get(path.suffix.lower())
    if content_type is None or not path.is_file():
        return None
    return Image(path.read_bytes(), content_type)


def pages_of(passages: Sequence[Passage]) -> tuple[int, ...]:
    """Pages that are pictures themselves among some passages of a document."""
    wanted = {one.page for one in passages if one.kind == "image" and one.image is None}
    return tuple(sorted(page for page in wanted if page is not None))


class DocumentPictures:
    """Gets the pictures of passages again out of the files that they were read from.

    Args:
        db: The database.
        files: Where the files are.
        settings: What reading one may cost.
    """

    def __init__(self, db: Database, files: Files, settings: KnowledgeSettings) -> None:
        self._db = db
        self._files = files
        self._limits = limits_of(settings)

    async def of(self, store: Store, passages: Sequence[Passage], context: StepContext) -> dict[int, Image]:
        """The pictures of some passages of a store, by the passages' numbers; what cannot be shown is left out.

        Args:
            store: The store.
            passages: Which; those that are no pictures are passed over.
            context: Of the step that wants them; its folder is used, and its child processes.

        Raises:
            StorageFull, StorageUnavailable, ChildFailed: Not now.
        """
        by_document: dict[int, list[Passage]] = {}
        for one in passages:
            if one.kind == "image":
                by_document.setdefault(one.document, []).append(one)
        async with self._db.read() as tx:
            known = await documents.numbered(tx, sorted(by_document))
        found: dict[int, Image] = {}
        for number, some in by_document.items():
            if number in known:
                with suppress(*_GONE):
                    found |= await self._of_file(store.owner, known[number].file_id, some, context)
        return found

    async def _of_file(
        self, caller: Caller, file_id: str, some: Sequence[Passage], context: StepContext
    ) -> dict[int, Image]:
        info = await self._files.get(caller, file_id)
        folder = context.folder / _FOLDER
        await asyncio.to_thread(_empty, folder)
        try:
            async with self._files.path(caller, file_id) as path:
                drawn = await self._drawn(context, path, info, folder, pages_of(some))
                if any(one.image is not None for one in some):
                    order = ParsingOrder(
                        str(path), info.filename, str(folder), info.content_type, self._limits
                    )
                    await parse_document(context.in_child, order)
            return await asyncio.to_thread(_read, some, folder, drawn)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _drawn(
        self, context: StepContext, path: Path, info: FileInfo, folder: Path, pages: tuple[int, ...]
    ) -> dict[int, Path]:
        if not pages:
            return {}
        order = PagesOrder(str(path), info.filename, str(folder), pages, self._limits)
        return await render_pages(context.in_child, order)


def _read(some: Sequence[Passage], folder: Path, drawn: dict[int, Path]) -> dict[int, Image]:
    found: dict[int, Image] = {}
    for one in some:
        path = drawn.get(one.page or 0) if one.image is None else folder / one.image
        image = None if path is None else image_at(path)
        if image is None:
            continue
        # Another version may count pictures otherwise: one of the name may be another picture.
        if one.image is None or hashlib.sha256(image.data).hexdigest() == one.sha256:
            found[one.number] = image
    return found


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
