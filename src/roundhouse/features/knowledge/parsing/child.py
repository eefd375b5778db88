"""What runs in the child process: a document in, blocks out; or one of its pages as an image.

The address space is limited once the libraries are loaded, so that what a file drives to take gigabytes fails alone.
The time is limited by whoever waits for the process.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import (
    DocumentEmpty,
    DocumentEncrypted,
    DocumentUnreadable,
    NotFound,
    StorageFull,
    TooLarge,
    UnsupportedMedia,
)
from roundhouse.features.knowledge.documents import Parsed
from roundhouse.features.knowledge.parsing import formats
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.pdf import draw_page
from roundhouse.features.knowledge.parsing.pictures import draw_picture, write_picture
from roundhouse.features.knowledge.parsing.shapes import (
    BLOCKS_NAME,
    PageOrder,
    PagesOrder,
    ParsingOrder,
    Picture,
    Tell,
)
from roundhouse.features.knowledge.parsing.writing import BlockWriter
from roundhouse.infra.jobs.child_limits import limit_memory

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NESTED = frozenset({formats.MAIL})


def parse(argument: Any, tell: Tell) -> Any:
    """Read a document: its blocks go into `blocks.jsonl` of the folder, embedded pictures beside it.

    Args:
        argument: A `ParsingOrder`, as JSON.
        tell: Told how far it is.

    Returns:
        A `Parsed`, as JSON.

    Raises:
        UnsupportedMedia: It is of a type that is not read.
        DocumentEncrypted: It opens with a password only.
        DocumentUnreadable: It is damaged, made to harm, or takes too much memory.
        DocumentEmpty: Nothing is in it.
        TooLarge: It has more text, pages or parts than is allowed.
        StorageFull: The disk is full.
    """
    order = msgspec.convert(argument, ParsingOrder)
    _load()
    # The thread that carries the news must be there before memory is short.
    tell(0.0, "opening")
    limit_memory(order.limits.memory_mib)
    with _translated(order.filename, order.limits.memory_mib):
        return msgspec.to_builtins(parsed(order, tell))


def preview(argument: Any, tell: Tell) -> Any:
    """Draw a page of a PDF, or an image, into the folder.

    Args:
        argument: A `PageOrder`, as JSON.
        tell: Not told anything.

    Returns:
        A `Picture`, as JSON.

    Raises:
        UnsupportedMedia: It is neither a PDF nor an image that is read.
        NotFound: There is no such page.
        DocumentEncrypted: It opens with a password only.
        DocumentUnreadable: It is damaged, or takes too much memory.
        TooLarge: It has too many pixels.
        StorageFull: The disk is full.
    """
    order = msgspec.convert(argument, PageOrder)
    _load()
    limit_memory(order.limits.memory_mib)
    with _translated(order.filename, order.limits.memory_mib):
        return msgspec.to_builtins(drawn(order))


def previews(argument: Any, tell: Tell) -> Any:
    """Draw pages of a PDF, or images of a file, into the folder; those that cannot be drawn are left out.

    Args:
        argument: A `PagesOrder`, as JSON.
        tell: Told how far it is.

    Returns:
        File names in the folder by page, as JSON.

    Raises:
        UnsupportedMedia: It is neither a PDF nor an image that is read.
        DocumentUnreadable: It takes too much memory.
        StorageFull: The disk is full.
    """
    order = msgspec.convert(argument, PagesOrder)
    _load()
    tell(0.0, "drawing")
    limit_memory(order.limits.memory_mib)
    found: dict[str, str] = {}
    with _translated(order.filename, order.limits.memory_mib):
        for page in order.pages:
            one = PageOrder(order.path, order.filename, order.folder, page, f"page-{page:05d}", order.limits)
            with suppress(NotFound, DocumentEncrypted, DocumentUnreadable, TooLarge):
                found[str(page)] = drawn(one).name
    return found


def parsed(order: ParsingOrder, tell: Tell) -> Parsed:
    """`parse` in this very process, without limits on its memory."""
    folder, path = Path(order.folder), Path(order.path)
    with (folder / BLOCKS_NAME).open("wb") as file:
        out = BlockWriter(file, order.limits, order.filename)
        content_type = formats.type_of(path, order.filename, order.content_type, order.limits)

        def nested(inner: Path, name: str) -> None:
            kind = formats.type_of(inner, name, "", order.limits)
            if kind in _NESTED:
                raise UnsupportedMedia("a message within a message is not read.")
            pages, out.inside = out.pages, True
            try:
                formats.read(Reading(inner, name, kind, folder, order.limits, out, _silent))
            finally:
                out.pages, out.inside = pages, False

        formats.read(
            Reading(
                path=path,
                name=order.filename,
                content_type=content_type,
                folder=folder,
                limits=order.limits,
                out=out,
                tell=tell,
                pages=order.pages,
                nested=nested,
            )
        )
    if not out.blocks:
        raise DocumentEmpty(f"{order.filename} holds no text and no picture that is read.")
    return Parsed(content_type, out.title, out.pages, out.chars, out.blocks, tuple(out.warnings))


def drawn(order: PageOrder) -> Picture:
    """`preview` in this very process, without limits on its memory."""
    path = Path(order.path)
    kind = formats.type_of(path, order.filename, "", order.limits)
    draw = draw_page if formats.check_drawable(kind, order.filename) else draw_picture
    image = draw(path, order.filename, order.page, order.limits)
    return write_picture(image, Path(order.folder), order.name)


def _load() -> None:
    """Libraries, before memory is limited."""
    import PIL.Image
    import pypdfium2
    import selectolax.lexbor

    assert all((PIL.Image, pypdfium2, selectolax.lexbor))


def _silent(fraction: float, message: str) -> None:
    """Documents within a document tell nothing."""


@contextmanager
def _translated(name: str, memory_mib: int) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise DocumentUnreadable(
            f"{name} cannot be read in {memory_mib} MiB of memory: it is too large, damaged, or made to harm."
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("The disk is full; the document could not be read.") from error
        raise
