"""Pictures of passages out of their files: pages that are drawn, and pictures that stand in documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from features.knowledge.house import ANN, KnowledgeHouse
from features.knowledge.parsing.writers import Pdf, every_format
from features.knowledge.seeking import SeekingHouse
from features.knowledge.vectors_in_memory import FakeEmbedding, FakeModel
from roundhouse.core.errors import NotFound, UnsupportedMedia
from roundhouse.features.knowledge.parsing.child import drawn, parsed
from roundhouse.features.knowledge.parsing.shapes import PageOrder, PagesOrder, ParsingOrder
from roundhouse.features.knowledge.picturing import DocumentPictures
from roundhouse.features.knowledge.showing.service import PageService
from roundhouse.features.knowledge.stores.model import Passage
from roundhouse.features.knowledge.stores.rows import documents
from roundhouse.infra.db import Database

SQUARE = b"0.2 0.4 0.9 rg 100 100 300 300 re f"


def scan(*, pages: int = 2) -> bytes:
    """A first page of text, then pages that only show something."""
    pdf = Pdf()
    pdf.lines("The kettle boils water.", "It switches itself off.")
    for _ in range(pages - 1):
        pdf.page(drawn=SQUARE)
    return pdf.done()


def in_child(asked: list[str]) -> Any:
    """Does in this process, without its limits, what a child process would do."""

    async def run(function: str, argument: Any) -> Any:
        name = function.rpartition(":")[2]
        asked.append(name)
        raw = msgspec.to_builtins(argument)
        if name == "preview":
            return msgspec.to_builtins(drawn(msgspec.convert(raw, PageOrder)))
        if name == "previews":
            order = msgspec.convert(raw, PagesOrder)
            return {
                str(page): drawn(PageOrder(order.path, order.filename, order.folder, page, f"p{page}")).name
                for page in order.pages
            }
        return msgspec.to_builtins(parsed(msgspec.convert(raw, ParsingOrder), lambda _share, _words: None))

    return run


def context(folder: Path, asked: list[str]) -> Any:
    return SimpleNamespace(folder=folder, in_child=in_child(asked))


async def images(house: KnowledgeHouse, store_id: str) -> Sequence[Passage]:
    rows = await house.rows(documents)
    (number,) = [row["number"] for row in rows if (row["store_id"], row["state"]) == (store_id, "visible")]
    return [one for one in await house.passages_of(number) if one.kind == "image"]


async def test_a_scanned_page_has_a_vector_where_the_model_takes_pictures(house: KnowledgeHouse) -> None:
    house.embedding.model = FakeModel(takes_images=True)
    store = await house.make_store(name="scans")
    file = await house.add(store.id, scan(pages=3), "scan.pdf")
    await house.work()
    assert (await house.file(store.id, file.id)).status == "completed"
    shown = await images(house, store.id)
    # The page with words is a picture as well: its look may be asked for.
    assert [one.page for one in shown] == [1, 2, 3]
    version = await house.active_index(store.id)
    kept = {(row.passage, row.place) for row in house.vectors.rows[version.number].values()}
    assert {(one.number, 0) for one in shown} <= kept


class SeeingEmbedding(FakeEmbedding):
    """Sees a blue square in every picture."""

    def __init__(self) -> None:
        super().__init__()
        self.model = FakeModel(takes_images=True)

    def vector(self, given: Any) -> Any:
        return super().vector(given if isinstance(given, str) else "a blue square")


async def test_a_question_in_words_finds_a_scanned_page(
    db: Database, tmp_path: Path, turned_clock: Any
) -> None:
    house = KnowledgeHouse(db, tmp_path, turned_clock, embedding=SeeingEmbedding())
    store = await house.make_store(name="scans")
    await house.add(store.id, scan(pages=2), "scan.pdf")
    await house.work()
    seeking = SeekingHouse(house)
    found = await seeking.find(store.id, "where is the blue square", mode="dense", kinds=("image",), limit=2)
    assert {(one.kind, one.page) for one in found.passages} == {("image", 1), ("image", 2)}
    first = (await seeking.find(store.id, "boils water", mode="dense", limit=1)).passages[0]
    assert (first.kind, first.page) == ("text", 1)
    await house.close()


async def test_a_new_version_that_takes_pictures_gets_them(house: KnowledgeHouse, tmp_path: Path) -> None:
    store = await house.make_store(name="scans")
    await house.add(store.id, scan(), "scan.pdf")
    await house.work()
    shown = await images(house, store.id)
    assert [one.page for one in shown] == [2]
    pictures = DocumentPictures(house.db, house.files.service, house.settings)
    asked: list[str] = []
    found = await pictures.of(await house.store(store.id), shown, context(tmp_path, asked))
    assert asked == ["previews"]
    assert found[shown[0].number].data.startswith((b"\x89PNG", b"\xff\xd8\xff"))
    # Its file is gone meanwhile: what was written about its pictures stays.
    lost = [msgspec.structs.replace(one, document=0) for one in shown]
    assert await pictures.of(await house.store(store.id), lost, context(tmp_path, asked)) == {}


async def test_a_picture_in_a_document_is_read_again(house: KnowledgeHouse, tmp_path: Path) -> None:
    store = await house.make_store(name="slides")
    await house.add(store.id, every_format()["a.docx"], "a.docx")
    await house.work()
    shown = await images(house, store.id)
    assert shown and all(one.image is not None for one in shown)
    pictures = DocumentPictures(house.db, house.files.service, house.settings)
    asked: list[str] = []
    found = await pictures.of(await house.store(store.id), shown, context(tmp_path, asked))
    assert (asked, set(found)) == (["parse"], {one.number for one in shown})
    other = [msgspec.structs.replace(one, sha256="of another picture") for one in shown]
    assert await pictures.of(await house.store(store.id), other, context(tmp_path, asked)) == {}


async def test_a_page_for_who_looks_at_it(house: KnowledgeHouse) -> None:
    info = await house.files.create(scan(), ANN, "scan.pdf", purpose="assistants")
    text = await house.files.create(b"It boils.", ANN, "a.txt", purpose="assistants")
    asked: list[str] = []
    pages = PageService(house.files.service, house.settings, lambda _folder: in_child(asked))
    shown = await pages.show(ANN, info.id, 2, None)
    assert shown.data is not None
    assert (shown.content_type, shown.data[:4]) == ("image/png", b"\x89PNG")
    again = await pages.show(ANN, info.id, 2, shown.etag)
    assert (again.data, len(asked)) == (None, 1)
    for file_id, page, refusal in (
        (info.id, 3, NotFound),
        ("file_none", 1, NotFound),
        (text.id, 1, UnsupportedMedia),
    ):
        with pytest.raises(refusal):
            await pages.show(ANN, file_id, page, None)
