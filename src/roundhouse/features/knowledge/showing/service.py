"""Drawing a page of a file for somebody who looks at it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from roundhouse.core.errors import Busy
from roundhouse.core.ports import Files
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.files.ranges import has_it
from roundhouse.features.knowledge.parsing.reading import InChild, render_page
from roundhouse.features.knowledge.parsing.shapes import PageOrder, ParsingLimits
from roundhouse.features.knowledge.picturing import limits_of

AT_ONCE = 2
"""Pages that a process draws at a time: each is a process of its own with memory of its own."""

MOST_WAITING = 32
_LONGEST_S = 60.0
_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}

Children = Callable[[Path], InChild]
"""Runs functions in child processes whose working directory this is."""


class PageImage(msgspec.Struct, frozen=True):
    """A page as it looks.

    Attributes:
        etag: Tells another image of it.
        data: PNG or JPEG; None = whoever asks has it already.
        content_type: Of `data`.
    """

    etag: str
    data: bytes | None = None
    content_type: str = ""


class PageService:
    """Draws pages of files.

    Args:
        files: The house's files.
        settings: What drawing one may cost.
        children: Runs the drawing in a process of its own.
    """

    def __init__(self, files: Files, settings: KnowledgeSettings, children: Children) -> None:
        self._files = files
        limits = limits_of(settings)
        self._limits: ParsingLimits = msgspec.structs.replace(
            limits, timeout_s=min(limits.timeout_s, _LONGEST_S)
        )
        self._children = children
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def show(self, caller: Caller, file_id: str, page: int, if_none_match: str | None) -> PageImage:
        """A page of a PDF, or an image, of about two million pixels, whatever the size of the page.

        Args:
            caller: Who asks.
            file_id: Of the file.
            page: From 1; of an image its number in the file.
            if_none_match: The images that the client has, as it says.

        Raises:
            NotFound: No such file, or no such page.
            UnsupportedMedia: It is neither a PDF nor an image that is read.
            DocumentEncrypted, DocumentUnreadable, TooLarge: The file.
            Busy: Too many wait for pages.
        """
        info = await self._files.get(caller, file_id)
        etag = f'"{info.sha256}-{page}"'
        if has_it(if_none_match, etag):
            return PageImage(etag)
        if self._waiting >= MOST_WAITING:
            raise Busy("Too many pages are being drawn.", retry_after_s=1.0)
        self._waiting += 1
        try:
            async with self._turns, self._files.path(caller, file_id) as path:
                return await self._drawn(path, info.filename, page, etag)
        finally:
            self._waiting -= 1

    async def _drawn(self, path: Path, filename: str, page: int, etag: str) -> PageImage:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="roundhouse-page-"))
        try:
            order = PageOrder(str(path), filename, str(folder), page, limits=self._limits)
            picture = await render_page(self._children(folder), order)
            data = await asyncio.to_thread((folder / picture.name).read_bytes)
            return PageImage(etag, data, _TYPES[Path(picture.name).suffix])
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
