"""Which documents a command line means: files, what lies in folders, and addresses."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from roundhouse.cli.exits import USAGE, Stop

_NEVER = frozenset({"thumbs.db", "desktop.ini"})
_MOST_NAME_CHARS = 512


class Source(NamedTuple):
    """A document to take in.

    Attributes:
        name: What it is called in its store: the path from the folder that was named, that one's name first, or the
            address.
        path: Its file; None = the server fetches it.
        was_found: Whether it was found in a folder, and not named itself.
    """

    name: str
    path: Path | None
    was_found: bool = False


class Unread(NamedTuple):
    """What was not taken, and why."""

    name: str
    reason: str


class Gathered(NamedTuple):
    """What there is to take in, in the order of its names, and what cannot be."""

    sources: list[Source]
    unread: list[Unread]


def is_address(text: str) -> bool:
    """Whether something that was named is fetched by the server."""
    return text.lower().startswith(("http://", "https://"))


def gather(named: Sequence[str], include: Sequence[str], exclude: Sequence[str]) -> Gathered:
    """All documents that are meant.

    Args:
        named: Paths of files and folders, and addresses.
        include: Patterns; of what lies in folders, only what matches one. None = everything.
        exclude: Patterns; of what lies in folders, nothing that matches one.

    A pattern is about the name of a file, or about its path from the folder if it holds a slash; `*` stands for
    slashes as well. Hidden files and folders are left out, folders that are links are not entered.

    Raises:
        Stop: Something that was named is not there, or two files would have the same name.
    """
    sources: dict[str, Source] = {}
    unread: list[Unread] = []
    taken: set[str] = set()
    for text in named:
        for one in _meant(text, include, exclude, unread):
            real = str(one.path.resolve()) if one.path is not None else one.name
            if real in taken:
                continue
            taken.add(real)
            if one.name in sources:
                raise Stop(
                    f"{sources[one.name].path} and {one.path} would both be {one.name!r} in the store.",
                    code=USAGE,
                    fix="Name the folder above them, with --include where not all of it is meant.",
                )
            sources[one.name] = one
    return Gathered([sources[name] for name in sorted(sources)], sorted(unread))


def _meant(
    text: str, include: Sequence[str], exclude: Sequence[str], unread: list[Unread]
) -> Iterator[Source]:
    if is_address(text):
        yield Source(text, None)
        return
    path = Path(text).expanduser()
    if path.is_dir():
        folder = path.resolve()
        for inner in _walk(folder, "", include, exclude, unread):
            yield Source(f"{folder.name}/{inner}".lstrip("/"), folder / inner, was_found=True)
    elif path.exists():
        if (reason := _unreadable(path, path.name)) is not None:
            unread.append(Unread(path.name, reason))
        else:
            yield Source(path.name, path)
    else:
        raise Stop(f"There is no file or folder {text!r}.", code=USAGE)


def _walk(
    folder: Path, below: str, include: Sequence[str], exclude: Sequence[str], unread: list[Unread]
) -> Iterator[str]:
    """Paths of files from the folder on, with slashes, in order."""
    try:
        with os.scandir(folder / below) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        unread.append(Unread(f"{folder.name}/{below}", _reason(error)))
        return
    for entry in entries:
        inner = f"{below}/{entry.name}" if below else entry.name
        if entry.name.startswith(".") or entry.name.lower() in _NEVER:
            continue
        if entry.is_dir(follow_symlinks=False):
            if not _matches(inner, exclude):
                yield from _walk(folder, inner, include, exclude, unread)
        elif (
            not entry.is_dir() and (not include or _matches(inner, include)) and not _matches(inner, exclude)
        ):
            if (reason := _unreadable(folder / inner, f"{folder.name}/{inner}")) is not None:
                unread.append(Unread(f"{folder.name}/{inner}", reason))
            else:
                yield inner


def _matches(inner: str, patterns: Sequence[str]) -> bool:
    name = inner.rpartition("/")[2]
    return any(fnmatchcase(inner if "/" in one else name, one.rstrip("/")) for one in patterns)


def _unreadable(path: Path, name: str) -> str | None:
    """Why a file cannot be taken in; None = it can, as far as one sees."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not text"
    if len(name) > _MOST_NAME_CHARS:
        return f"its path has more than {_MOST_NAME_CHARS} characters"
    try:
        if not path.is_file():
            return "it is no regular file"
        with path.open("rb") as file:
            return None if file.read(1) else "it is empty"
    except OSError as error:
        return _reason(error)


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
