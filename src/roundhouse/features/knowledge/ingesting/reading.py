"""Step `parse`: the file is there, and its blocks are in the job's folder."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from roundhouse.core.jobs import StepContext
from roundhouse.core.types import FileInfo, NewFile
from roundhouse.features.knowledge.documents import Parsed
from roundhouse.features.knowledge.ingesting.holding import Held, Work, hold, stage
from roundhouse.features.knowledge.ingesting.ports import Desk
from roundhouse.features.knowledge.parsing.reading import render_pages
from roundhouse.features.knowledge.parsing.shapes import PagesOrder
from roundhouse.features.knowledge.picturing import limits_of, pages_of
from roundhouse.features.knowledge.stores.model import Passage
from roundhouse.features.knowledge.stores.store import files, indexes
from roundhouse.infra.db import Tx

PARSE = "roundhouse.features.knowledge.parsing.child:parse"
_FOLDER = "parsed"
_PAGES = "pages"
_BLOCKS = "blocks.jsonl"
_PLAIN = frozenset({"text/plain", "text/markdown"})
_PLAIN_BYTES = 256 * 1024
"""A text up to this size is read here: a child process takes a second to start, and has nothing to be kept from."""

_MIB = 1024 * 1024


@stage
async def parse(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Fetch the file if it is elsewhere, and read it.

    Raises:
        AddressRefused, BadInput, TooLarge: The address, or what it points to.
        UnsupportedMedia, DocumentEncrypted, DocumentUnreadable, DocumentEmpty: The file.
        ChildFailed: The process that read it died.
    """
    async with desk.db.read() as tx:
        held = await hold(tx, Work.of(context.job))
    if held is None:
        return {}
    if held.file.source_url is not None and not held.file.filename:
        await _fetch(desk, context, held)
    parsed = await read(desk, context)
    return {"parsed": msgspec.to_builtins(parsed)}


async def blocks_path(desk: Desk, context: StepContext) -> Path:
    """The file of the blocks; read again where it was read on another machine."""
    path = context.folder / _FOLDER / _BLOCKS
    if not await asyncio.to_thread(path.is_file):
        await read(desk, context)
    return path


async def draw_pages(desk: Desk, context: StepContext, some: Sequence[Passage]) -> dict[int, Path]:
    """Draw the pages that are pictures among some passages; where each is, until the next ones are drawn."""
    pages = pages_of(some)
    folder = context.folder / _PAGES
    await asyncio.to_thread(_empty, folder)
    if not pages:
        return {}
    job = context.job
    info = await desk.files.get(job.caller, str(job.input["file_id"]))
    async with desk.files.path(job.caller, info.id) as path:
        order = PagesOrder(str(path), info.filename, str(folder), pages, limits_of(desk.settings))
        return await render_pages(context.in_child, order)


def pictures_folder(context: StepContext) -> Path:
    """Where the pictures of the document are."""
    return context.folder / _FOLDER


async def read(desk: Desk, context: StepContext) -> Parsed:
    """Read the file; the folder of the blocks is there as a whole or not at all."""
    job, settings = context.job, desk.settings
    store_id, file_id = str(job.input["store_id"]), str(job.input["file_id"])
    info = await desk.files.get(job.caller, file_id)
    async with desk.db.read() as tx:
        takes_images = any(one.takes_images for one in await indexes.live(tx, store_id))
    folder, fresh = context.folder / _FOLDER, context.folder / f"{_FOLDER}.new"
    await asyncio.to_thread(_empty, fresh)
    async with desk.files.path(job.caller, file_id) as path:
        order = {
            "path": str(path),
            "filename": info.filename,
            "folder": str(fresh),
            "content_type": info.content_type,
            "pages": takes_images,
            "limits": msgspec.to_builtins(limits_of(settings)),
        }
        if info.content_type in _PLAIN and info.size_bytes <= _PLAIN_BYTES:
            told = await asyncio.to_thread(desk.read_text, order)
        else:
            async with asyncio.timeout(settings.parse_timeout_s):
                told = await context.in_child(PARSE, order)
    await asyncio.to_thread(_put, fresh, folder)
    return msgspec.convert(told, Parsed)


def read_here(order: Any) -> Any:
    """Read a document in this very process: what is a text needs no other one."""
    # Not at the top: parsers are large, and most processes read nothing.
    from roundhouse.features.knowledge.parsing.child import parsed
    from roundhouse.features.knowledge.parsing.shapes import ParsingOrder

    return msgspec.to_builtins(parsed(msgspec.convert(order, ParsingOrder), lambda _share, _words: None))


async def _fetch(desk: Desk, context: StepContext, held: Held) -> None:
    context.progress(0.0, "downloading")
    url = held.file.source_url or ""
    limit_bytes = desk.settings.max_download_mib * _MIB
    pieces = desk.downloads.download(url, limit_bytes=limit_bytes, limit_s=desk.settings.download_timeout_s)
    # Fetched twice, because the first try was cut off behind it: the same file.
    key = f"{context.job.id}:fetch"
    new = NewFile(_name_of(url), "user_data", idempotency_key=key, file_id=held.file.file_id)
    info = await desk.files.create(context.job.caller, new, pieces)
    async with desk.db.begin() as tx:
        await _enter(tx, context, info)


async def _enter(tx: Tx, context: StepContext, info: FileInfo) -> None:
    held = await hold(tx, Work.of(context.job), lock=True)
    if held is not None:
        changes = {
            "filename": info.filename,
            "content_type": info.content_type,
            "size_bytes": info.size_bytes,
        }
        await files.change(tx, held.store.id, held.file.file_id, changes)


def _name_of(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2], errors="replace") or "page.html"


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _put(fresh: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
