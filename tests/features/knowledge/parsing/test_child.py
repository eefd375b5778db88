"""Parsing in its child process: results, errors, memory, time."""

import sys
from pathlib import Path

import pytest

from features.knowledge.parsing.conftest import read_blocks
from features.knowledge.parsing.writers import Pdf, every_format, zipped
from roundhouse.core.errors import ChildFailed, DocumentUnreadable, NotFound, TooLarge, UnsupportedMedia
from roundhouse.features.knowledge.parsing import (
    PageOrder,
    ParsingLimits,
    ParsingOrder,
)
from roundhouse.features.knowledge.parsing.reading import parse_document, render_page, render_pages
from roundhouse.features.knowledge.parsing.shapes import PagesOrder
from roundhouse.infra.jobs.child import run_in_child


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "folder"
    path.mkdir()
    return path


def order(folder: Path, content: bytes, name: str, **limits) -> ParsingOrder:
    path = folder.parent / "upload"
    path.write_bytes(content)
    return ParsingOrder(str(path), name, str(folder), limits=ParsingLimits(**limits))


def in_child(folder: Path, told: list[str] | None = None, instead: str = ""):
    def progress(fraction: float, text: str) -> None:
        if told is not None:
            told.append(text)

    async def run(function: str, argument):
        return await run_in_child(instead or function, argument, on_progress=progress, folder=folder,
                                  packages=("roundhouse", "hostile_parsers"))  # fmt: skip

    return run


async def test_documents_of_some_formats(folder):
    told: list[str] = []
    for name in ("a.pdf", "a.docx", "a.html"):
        found = await parse_document(in_child(folder, told), order(folder, every_format()[name], name))
        blocks, _ = read_blocks(folder, found)
        assert blocks
    assert any("page" in text or "opening" in text for text in told)


async def test_errors_keep_their_class_and_leave_nothing(folder):
    with pytest.raises(UnsupportedMedia, match=r"a\.zip is an archive"):
        await parse_document(in_child(folder), order(folder, zipped({"a": "b"}), "a.zip"))
    with pytest.raises(TooLarge, match="more than 100 characters"):
        await parse_document(in_child(folder), order(folder, b"a\n\n" * 99, "a.txt", max_chars=100))
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="no other system limits the address space")
async def test_a_document_that_needs_too_much_memory(folder):
    content = b"<html><body>" + b"<p>x" * 2_000_000
    with pytest.raises(DocumentUnreadable):
        await parse_document(in_child(folder), order(folder, content, "a.html", memory_mib=64))


async def test_two_gigabytes_of_text_are_refused_unread(folder):
    path = folder.parent / "huge"
    with path.open("wb") as file:
        file.write(b"word " * 20_000)
        file.truncate(2 * 1024**3)
    for name in ("huge.txt", "huge.csv", "huge.md"):
        its = ParsingOrder(str(path), name, str(folder))
        with pytest.raises(TooLarge):
            await parse_document(in_child(folder), its)


async def test_one_that_takes_too_long_or_crashes(folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    its = order(folder, b"text", "a.txt", timeout_s=1.0)
    hostile = "hostile_parsers"
    with pytest.raises(DocumentUnreadable, match="within 1 seconds"):
        await parse_document(in_child(folder, instead=f"{hostile}:hang"), its)
    with pytest.raises(ChildFailed):
        await parse_document(in_child(folder, instead=f"{hostile}:crash"), order(folder, b"text", "a.txt"))


async def test_a_page_as_an_image(folder):
    pdf = Pdf()
    pdf.lines("One")
    path = folder.parent / "upload"
    path.write_bytes(pdf.done())
    found = await render_page(in_child(folder), PageOrder(str(path), "a.pdf", str(folder), 1, "page-1"))
    assert (folder / found.name).read_bytes().startswith(b"\x89PNG")
    assert found.width_px * found.height_px < 2_100_000
    with pytest.raises(NotFound):
        await render_page(in_child(folder), PageOrder(str(path), "a.pdf", str(folder), 2))
    several = await render_pages(in_child(folder), PagesOrder(str(path), "a.pdf", str(folder), (1, 2)))
    assert several == {1: folder / "page-00001.png"}
    assert several[1].read_bytes() == (folder / found.name).read_bytes()
