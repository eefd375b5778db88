"""Which file of a store a document on the disk was before."""

from pathlib import Path
from typing import Any

from roundhouse.cli.sources import Source
from roundhouse.cli.taking import Present


def stored(file_id: str, filename: str, **more: Any) -> dict[str, Any]:
    return {
        "id": file_id,
        "filename": filename,
        "source_url": more.pop("source_url", None),
        "attributes": more,
    }


def source(name: str) -> Source:
    return Source(name, Path(name))


def found(files: list[dict[str, Any]], *sources: Source) -> list[str | None]:
    present = Present(files, sources)
    return [None if (one := present.find(each)) is None else one["id"] for each in sources]


def test_the_same_path_is_the_same_file() -> None:
    files = [stored("old", "x.md", path="a/x.md"), stored("new", "x.md", path="a/x.md")]
    assert found(files, source("a/x.md"), source("b/x.md"), source("x.md")) == ["new", None, None]


def test_a_file_without_a_path_is_meant_where_nothing_else_can_be() -> None:
    assert found([stored("one", "x.md")], source("a/x.md")) == ["one"]
    assert found([stored("one", "x.md")], source("a/x.md"), source("b/x.md")) == [None, None]
    assert found([stored("one", "x.md"), stored("two", "x.md")], source("a/x.md")) == [None]


def test_names_are_compared_as_the_server_keeps_them() -> None:
    assert found([stored("one", "bản_ kế.md")], source("bản: kế.md")) == ["one"]


def test_an_address_is_known_by_itself() -> None:
    address = "https://example.org/x.md"
    files = [stored("one", "x.md", source_url=address), stored("two", "x.md")]
    assert found(files, Source(address, None), source("x.md")) == ["one", "two"]
