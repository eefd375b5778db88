"""Step `passages`: the passages of the document are in the database, where nobody sees them yet."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import DocumentEmpty
from roundhouse.core.jobs import StepContext
from roundhouse.features.knowledge.chunking.passages import passages_of
from roundhouse.features.knowledge.documents import Block, Chunking, NewPassage, Parsed
from roundhouse.features.knowledge.ingesting.holding import Held, Work, hold, stage
from roundhouse.features.knowledge.ingesting.ports import Desk
from roundhouse.features.knowledge.ingesting.reading import blocks_path, pictures_folder
from roundhouse.features.knowledge.stores.model import Document
from roundhouse.features.knowledge.stores.store import documents, files
from roundhouse.infra.db import Tx

_AT_ONCE = 200
"""Passages of one transaction."""


@stage
async def write_passages(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Cut the blocks and enter what comes of them, behind what an earlier run has entered.

    Raises:
        DocumentEmpty: There is nothing to be found in it.
    """
    if not context.results["parse"]:
        return {}
    parsed = msgspec.convert(context.results["parse"]["parsed"], Parsed)
    path = await blocks_path(desk, context)
    info = await desk.files.get(context.job.caller, str(context.job.input["file_id"]))
    async with desk.db.read() as tx:
        held = await hold(tx, Work.of(context.job))
        known = None if held is None else held.document
        done = 0 if known is None else await documents.passages_written(tx, known.number)
        last = await documents.passages_from(tx, known.number, done - 1, 1) if known and done else []
    if held is None:
        return {}
    cut = _Cutting(path, pictures_folder(context), held.file.chunking, info.sha256)
    if last and not await asyncio.to_thread(cut.goes_on_behind, last[0].place, last[0].sha256):
        # Read by another version, it came out otherwise: all of it anew.
        await _clear(desk, last[0].document)
        cut = _Cutting(path, pictures_folder(context), held.file.chunking, info.sha256)
        done = 0
    while True:
        some = await asyncio.to_thread(cut.next, _AT_ONCE)
        done += len(some)
        if not done:
            raise DocumentEmpty(f"{info.filename} holds no text and no picture that is read.")
        is_last = len(some) < _AT_ONCE
        async with desk.db.begin() as tx:
            held = await hold(tx, Work.of(context.job), lock=True)
            if held is None:
                return {}
            document = await _begun(tx, held, context, info.sha256, desk.clock.now_s())
            await documents.insert_passages(tx, document, some, desk.clock.now_s())
            if is_last:
                await _count(tx, held, document, parsed, done, cut.text_bytes)
        if is_last:
            return {"document": document.number, "passages": done}
        context.progress(min(1.0, some[-1].end / max(1, parsed.chars)), f"{done} passages")


async def _begun(tx: Tx, held: Held, context: StepContext, sha256: str, now_s: float) -> Document:
    if held.document is not None:
        return held.document
    number = await documents.begin(tx, held.store, held.file.file_id, context.job.id, sha256, now_s)
    document = await documents.get(tx, number)
    assert document is not None
    return document


async def _clear(desk: Desk, number: int) -> None:
    while True:
        async with desk.db.begin() as tx:
            if len(await documents.delete_passages(tx, number, _AT_ONCE)) < _AT_ONCE:
                return


async def _count(tx: Tx, held: Held, document: Document, parsed: Parsed, done: int, text_bytes: int) -> None:
    changes: dict[str, Any] = {
        "title": parsed.title[:500],
        "pages": parsed.pages,
        "chars": parsed.chars,
        "passages": done,
        "usage_bytes": text_bytes,
        "embedded": 0,
        "indexes": [],
    }
    await documents.change(tx, document.number, changes)
    of_file = {"passages_total": done, "passages_done": 0, "warnings": list(parsed.warnings)}
    await files.change(tx, held.store.id, held.file.file_id, of_file)


class _Cutting:
    """Passages of a file of blocks, made as they are wanted; its calls take time.

    Attributes:
        text_bytes: Of the passages that were made so far.
    """

    def __init__(self, path: Path, pictures: Path, chunking: Chunking, sha256: str) -> None:
        self.text_bytes = 0
        self._path = path
        self._pictures = pictures
        self._sha256 = sha256
        self._passages = passages_of(self._blocks(), chunking, self._digest)

    def next(self, count: int) -> list[NewPassage]:
        """The next ones, fewer where these are the last."""
        return list(islice(self._counted(), count))

    def goes_on_behind(self, place: int, sha256: str) -> bool:
        """Whether the passage at a place is the one that is known; then the next ones come behind it."""
        for one in self._counted():
            if one.place == place:
                return one.sha256 == sha256
        return False

    def _counted(self) -> Iterator[NewPassage]:
        for one in self._passages:
            self.text_bytes += len(one.text.encode())
            yield one

    def _blocks(self) -> Iterator[Block]:
        decode = msgspec.json.Decoder(Block).decode
        with self._path.open("rb") as file:
            for line in file:
                yield decode(line)

    def _digest(self, block: Block) -> str:
        """Of a picture's bytes; of the image of a page what it is the page of."""
        if block.image is None:
            return hashlib.sha256(f"{self._sha256} page {block.page}".encode()).hexdigest()
        return hashlib.sha256((self._pictures / block.image).read_bytes()).hexdigest()
