"""Reading documents: as the child process does, but in this one, which is quicker."""

import shutil
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from roundhouse.features.knowledge.documents import SEPARATOR, Block, Parsed
from roundhouse.features.knowledge.parsing import BLOCKS_NAME, ParsingLimits, ParsingOrder
from roundhouse.features.knowledge.parsing.child import parsed


class Taken(NamedTuple):
    """What came out of a document."""

    parsed: Parsed
    blocks: list[Block]
    whole: str
    folder: Path

    def told(self) -> list[tuple[str, str]]:
        return [(block.kind, block.text) for block in self.blocks]


def read_blocks(folder: Path, summary: Parsed) -> tuple[list[Block], str]:
    """The blocks that were written; that their places are right is checked for each document of the tests."""
    decoder = msgspec.json.Decoder(Block)
    blocks = [decoder.decode(line) for line in (folder / BLOCKS_NAME).read_bytes().splitlines()]
    whole = SEPARATOR.join(block.text for block in blocks)
    assert [block.text for block in blocks] == [whole[block.start : block.end] for block in blocks]
    assert all(one.end <= other.start for one, other in pairwise(blocks))
    assert (summary.blocks, summary.chars) == (len(blocks), len(whole))
    for block in blocks:
        assert block.text == block.text.strip()
        assert block.text or block.kind == "image"
        assert (block.level is not None) == (block.kind == "heading")
        assert block.image is None or (folder / block.image).stat().st_size > 0
        assert block.page is None or 1 <= block.page <= (summary.pages or 0)
    return blocks, whole


@pytest.fixture
def take(tmp_path):
    """Read a document that is given as bytes or as a text in UTF-8."""

    def taken(
        content: bytes | str, name: str = "a.txt", *, label: str = "", pages: bool = False, **limits
    ) -> Taken:
        folder = tmp_path / "folder"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        order = ParsingOrder(
            path=str(path),
            filename=name,
            folder=str(folder),
            content_type=label,
            limits=ParsingLimits(**limits),
            pages=pages,
        )
        found = parsed(order, lambda fraction, text: None)
        return Taken(found, *read_blocks(folder, found), folder)

    return taken
