"""What is meant by files, folders, patterns and addresses on a command line."""

from pathlib import Path

import pytest

from roundhouse.cli.exits import USAGE, Stop
from roundhouse.cli.sources import Source, Unread, gather


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text")


def names(*named: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    return [one.name for one in gather(named, include, exclude).sources]


def test_names_begin_with_the_folder_that_was_named(place: Path) -> None:
    fill(place, "a/x.md", "a/deep/er/y.md", "a/.git/config", "a/.x.md", "a/Thumbs.db", "z.md")
    assert names("a", "z.md") == ["a/deep/er/y.md", "a/x.md", "z.md"]
    assert names(".") == [f"{place.name}/{rest}" for rest in ("a/deep/er/y.md", "a/x.md", "z.md")]
    assert names("a/deep/..") == names("a")
    assert names("https://example.org/a.html") == ["https://example.org/a.html"]
    found = gather(["a/x.md", "a"], (), ()).sources
    assert found == [
        Source("a/deep/er/y.md", place / "a" / "deep" / "er" / "y.md", True),
        Source("x.md", Path("a/x.md")),
    ]


@pytest.mark.parametrize(
    ("include", "exclude", "wanted"),
    [
        (("*.md",), (), ["a/deep/y.md", "a/x.md"]),
        (("*.md", "*.pdf"), ("deep",), ["a/x.md", "a/z.pdf"]),
        (("deep/*",), (), ["a/deep/y.md"]),
        ((), ("*.md", "deep/"), ["a/z.pdf"]),
        ((), ("[!z]*",), ["a/z.pdf"]),
        (("*.MD",), (), []),
    ],
)
def test_patterns(place: Path, include: tuple[str, ...], exclude: tuple[str, ...], wanted: list[str]) -> None:
    fill(place, "a/x.md", "a/deep/y.md", "a/z.pdf")
    assert names("a", include=include, exclude=exclude) == wanted


def test_what_cannot_be_read_is_told(place: Path) -> None:
    fill(place, "a/x.md")
    (place / "a" / "empty.md").touch()
    (place / "a" / "gone.md").symlink_to(place / "nowhere")
    (place / "a" / "linked").symlink_to(place, target_is_directory=True)
    (place / "a" / "link.md").symlink_to(place / "a" / "x.md")
    found = gather(["a"], (), ())
    # The file is there by both of its names, and comes once.
    assert [one.name for one in found.sources] == ["a/link.md"]
    assert found.unread == [
        Unread("a/empty.md", "it is empty"),
        Unread("a/gone.md", "it is no regular file"),
    ]


def test_two_that_would_have_the_same_name_are_refused(place: Path) -> None:
    fill(place, "a/same.md", "b/same.md")
    with pytest.raises(Stop, match=r"'same\.md'") as stop:
        gather(["a/same.md", "b/same.md"], (), ())
    assert stop.value.code == USAGE
    assert names("a", "b") == ["a/same.md", "b/same.md"]


def test_what_is_not_there_is_refused(place: Path) -> None:
    with pytest.raises(Stop, match="There is no file or folder 'a'"):
        gather(["a"], (), ())
