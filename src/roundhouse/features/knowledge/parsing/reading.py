"""A document becomes blocks: the side of the process that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import DocumentUnreadable
from roundhouse.features.knowledge.documents import Parsed
from roundhouse.features.knowledge.parsing.shapes import (
    BLOCKS_NAME,
    PageOrder,
    PagesOrder,
    ParsingOrder,
    Picture,
)

InChild = Callable[[str, Any], Awaitable[Any]]
"""`StepContext.in_child`, or `run_in_child` with its other arguments."""

_CHILD = "roundhouse.features.knowledge.parsing.child"
_KEPT = ("picture-*", "attachment-*", BLOCKS_NAME)


async def parse_document(in_child: InChild, order: ParsingOrder) -> Parsed:
    """Read a document in a child process; its blocks lie in `BLOCKS_NAME` of the folder then.

    Raises:
        UnsupportedMedia: It is of a type that is not read.
        DocumentEncrypted: It opens with a password only.
        DocumentUnreadable: It is damaged, made to harm, or takes too much memory or time.
        DocumentEmpty: Nothing is in it.
        TooLarge: It has more text, pages or parts than is allowed.
        StorageFull: The disk is full.
        ChildFailed: The process died.

    However it fails, nothing of it is left in the folder.
    """
    done = False
    try:
        found = await _within(in_child(f"{_CHILD}:parse", order), order.filename, order.limits.timeout_s)
        done = True
    finally:
        if not done:
            await asyncio.to_thread(_forget, Path(order.folder))
    return msgspec.convert(found, Parsed)


async def render_page(in_child: InChild, order: PageOrder) -> Picture:
    """Draw a page of a PDF, or an image, into the folder, in a child process.

    Raises:
        UnsupportedMedia: It is neither a PDF nor an image that is read.
        NotFound: There is no such page.
        DocumentEncrypted: It opens with a password only.
        DocumentUnreadable: It is damaged, or takes too much memory or time.
        TooLarge: It has too many pixels.
        StorageFull: The disk is full.
        ChildFailed: The process died.
    """
    found = await _within(in_child(f"{_CHILD}:preview", order), order.filename, order.limits.timeout_s)
    return msgspec.convert(found, Picture)


async def render_pages(in_child: InChild, order: PagesOrder) -> dict[int, Path]:
    """Draw pages into the folder, in a child process; where each is. Those that cannot be drawn are left out.

    Raises:
        UnsupportedMedia: It is neither a PDF nor an image that is read.
        DocumentUnreadable: It takes too much memory or time.
        StorageFull: The disk is full.
        ChildFailed: The process died.
    """
    found = await _within(in_child(f"{_CHILD}:previews", order), order.filename, order.limits.timeout_s)
    return {int(page): Path(order.folder) / name for page, name in found.items()}


async def _within(work: Awaitable[Any], name: str, timeout_s: float) -> Any:
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except TimeoutError as error:
        raise DocumentUnreadable(f"{name} could not be read within {timeout_s:g} seconds.") from error


def _forget(folder: Path) -> None:
    for pattern in _KEPT:
        for path in folder.glob(pattern):
            with suppress(OSError):
                path.unlink()
