"""Step `embed`: every chunk of the document has its vector in every index version of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.jobs import StepContext
from roundhouse.core.vectors import VectorIndex, VectorRow
from roundhouse.features.knowledge.chunking.chunks import chunks_of, given
from roundhouse.features.knowledge.embedding.model import Image
from roundhouse.features.knowledge.ingesting.holding import Held, Work, hold, hold_document, stage
from roundhouse.features.knowledge.ingesting.ports import Desk
from roundhouse.features.knowledge.ingesting.reading import blocks_path, draw_pages, pictures_folder
from roundhouse.features.knowledge.picturing import image_at
from roundhouse.features.knowledge.stores.model import IndexVersion, Passage
from roundhouse.features.knowledge.stores.store import documents, files, indexes

_PASSAGES = 200
_INPUTS = 128
"""Chunks that are embedded and written at once: about a second of the built-in model."""

_WITH_PICTURES = 32
"""Passages that are looked at together where pictures are embedded: each may be a page that is drawn."""


class Input(msgspec.Struct, frozen=True):
    """What a passage gives an embedding model.

    Attributes:
        passage: Its number.
        place: Of the chunk.
        given: A text, or a picture.
    """

    passage: int
    place: int
    given: Any


@stage
async def embed(desk: Desk, context: StepContext) -> dict[str, Any]:
    """Embed what has no vectors yet, and write them.

    Raises:
        EmbeddingChanged: Another model stands behind the name than the one of the store's other vectors.
        RoundhouseError: What the model's server or the vector store raises.
    """
    if not context.results["passages"]:
        return {}
    await embed_missing(desk, context)
    return {"document": context.results["passages"]["document"]}


async def embed_missing(desk: Desk, context: StepContext) -> None:
    """Embed the document for the index versions that are there now, behind the last passage that is done."""
    async with desk.db.read() as tx:
        held = await hold(tx, Work.of(context.job))
        versions = await indexes.live(tx, str(context.job.input["store_id"]))
    if held is None:
        return
    document = held.written
    done, used = document.embedded, document.usage_bytes
    wanted = [one.number for one in versions]
    if document.indexes != wanted:
        # A new index wants all of it; what was embedded by the same model is remembered by the desk.
        done = 0
    takes_images = any(one.takes_images for one in versions)
    most = _WITH_PICTURES if takes_images else _PASSAGES
    if takes_images:
        # Its pictures are there again, if this is another machine.
        await blocks_path(desk, context)
    pictures = pictures_folder(context)
    while done < document.passages:
        async with desk.db.read() as tx:
            some = await documents.passages_from(tx, document.number, done, most)
        drawn = await draw_pages(desk, context, some) if takes_images else {}
        chosen, by_version = await asyncio.to_thread(_inputs, some, versions, pictures, drawn)
        done += chosen
        rows = {
            version.number: await _rows(desk, context, version, document.number, by_version[version.number])
            for version in versions
        }
        used += sum(4 * version.dimensions * len(rows[version.number]) for version in versions)
        if not await _write(desk, context, held, versions, rows, done, used):
            return
        context.progress(done / document.passages, f"{done} of {document.passages} passages")
    for kind in sorted({version.kind for version in versions}):
        await desk.homes.get(kind).settle()


async def _rows(
    desk: Desk, context: StepContext, version: IndexVersion, document: int, inputs: Sequence[Input]
) -> list[VectorRow]:
    if not inputs:
        return []
    vectors = await desk.embedder.embed(
        context.job.caller,
        version.model,
        [one.given for one in inputs],
        "passage",
        fingerprint=version.fingerprint,
    )
    return [
        VectorRow(one.passage, one.place, document, vector)
        for one, vector in zip(inputs, vectors, strict=True)
    ]


async def _write(
    desk: Desk,
    context: StepContext,
    held: Held,
    versions: Sequence[IndexVersion],
    rows: dict[int, list[VectorRow]],
    done: int,
    used: int,
) -> bool:
    """Vectors and how far they go, in one transaction; False where the document is nobody's any more."""
    number = held.written.number
    async with desk.db.begin() as tx:
        if not await hold_document(tx, Work.of(context.job), number):
            return False
        # In the order of their numbers: writers of one index wait for each other.
        for version in versions:
            if rows[version.number]:
                index = VectorIndex(version.number, version.dimensions)
                await desk.homes.get(version.kind).upsert(tx, index, rows[version.number])
        numbers = [version.number for version in versions]
        await documents.change(tx, number, {"embedded": done, "indexes": numbers, "usage_bytes": used})
        await files.change(tx, held.store.id, held.file.file_id, {"passages_done": done})
    return True


def _inputs(
    some: Sequence[Passage], versions: Sequence[IndexVersion], pictures: Path, drawn: Mapping[int, Path]
) -> tuple[int, dict[int, list[Input]]]:
    """How many of some passages are embedded together, and what each index version is given of them."""
    found: dict[int, list[Input]] = {version.number: [] for version in versions}
    chosen = 0
    for passage in some:
        if chosen and any(len(inputs) >= _INPUTS for inputs in found.values()):
            break
        texts = [
            given(passage.headings, passage.text[chunk.start : chunk.end])
            for chunk in chunks_of(passage.text, passage.kind)
        ]
        picture = _picture(passage, pictures, drawn) if passage.kind == "image" else None
        for version in versions:
            all_of_it: list[Any] = [picture] if picture is not None and version.takes_images else []
            all_of_it += texts
            found[version.number] += [
                Input(passage.number, place, one) for place, one in enumerate(all_of_it)
            ]
        chosen += 1
    return chosen, found


def _picture(passage: Passage, pictures: Path, drawn: Mapping[int, Path]) -> Image | None:
    """A picture as its file has it, or its page as that looks; None = it cannot be shown."""
    if passage.image is not None:
        return image_at(pictures / passage.image)
    path = drawn.get(passage.page or 0)
    return None if path is None else image_at(path)
