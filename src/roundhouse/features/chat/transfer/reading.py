"""Files from outside, whatever they are: finds out what, and reads one session after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Literal, cast

import msgspec

from roundhouse.core.errors import BadInput, TooLarge
from roundhouse.features.chat.transfer import archive, chatgpt, open_webui, own, studio
from roundhouse.features.chat.transfer.own import KeptMemory
from roundhouse.features.chat.transfer.splitting import elements
from roundhouse.features.chat.transfer.whole import Refused, Whole, check, wrong

ImportFormat = Literal["auto", "roundhouse", "chatgpt", "open-webui", "studio"]

MEMORIES = "memories.json"
"""The file of an archive of ours that holds long-term memories."""

_MAGIC_BYTES = 16

Found = Whole | Refused | KeptMemory


class ReadLimits(msgspec.Struct, frozen=True):
    """What a file may hold.

    Attributes:
        file_bytes: Its size, and the size of what it holds when it is unpacked.
        session_bytes: JSON of one session.
        sessions: How many.
        archive_files: Files in an archive.
    """

    file_bytes: int = 1024 * 1024 * 1024
    session_bytes: int = 64 * 1024 * 1024
    sessions: int = 200_000
    archive_files: int = 500_000


class _Probe(msgspec.Struct):
    """By which members the programs' forms are told apart."""

    format: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    mapping: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    chat: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    history: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_probe = msgspec.json.Decoder(_Probe)

_READERS: dict[str, Callable[[bytes, str], Whole]] = {
    "roundhouse": own.read,
    "chatgpt": chatgpt.read,
    "open-webui": open_webui.read,
}


def read_file(path: Path, wanted: ImportFormat, limits: ReadLimits) -> Iterator[Found]:
    """All sessions of a file, and memories if it is an archive of ours; blocking.

    A session that is wrong is told as `Refused`, and the next one follows; a file that is wrong ends it.

    Args:
        path: The file.
        wanted: What it is; `auto` = it tells itself.
        limits: See there.

    Raises:
        BadInput: The file is of no form that is known, or damaged; the text names the place.
        TooLarge: It holds more than it may.
    """
    with path.open("rb") as stream:
        magic = stream.read(_MAGIC_BYTES)
    if not magic:
        raise BadInput("The file is empty.", param="file")
    if magic.startswith(archive.MAGIC):
        found = _archive(path, wanted, limits)
    elif magic == studio.MAGIC or wanted == "studio":
        if wanted not in ("auto", "studio"):
            raise BadInput("The file is a SQLite database, which is the form 'studio'.", param="format")
        found = checked(studio.read(path))
    else:
        found = _opened(path, wanted, limits)
    return _counted(found, limits.sessions)


def _opened(path: Path, wanted: ImportFormat, limits: ReadLimits) -> Iterator[Found]:
    with path.open("rb") as stream:
        yield from _json(stream, "", wanted, limits)


def _archive(path: Path, wanted: ImportFormat, limits: ReadLimits) -> Iterator[Found]:
    names = archive.members(path)
    if len(names) > limits.archive_files:
        raise TooLarge(f"The zip file holds more than {limits.archive_files} files.", param="file")
    left_bytes = limits.file_bytes
    seen = False
    for name in archive.conversation_members(names):
        if name == MEMORIES:
            continue
        seen = True
        counted = _Counting(archive.Unpacked(path, name, left_bytes))
        with closing(counted):
            yield from _json(cast("BinaryIO", counted), name, wanted, limits)
        left_bytes -= counted.size_bytes
    if MEMORIES in names and wanted in ("auto", "roundhouse"):
        seen = True
        yield from _memories(path, min(left_bytes, limits.session_bytes))
    if not seen:
        raise BadInput("The zip file holds no JSON file.", param="file")


def _memories(path: Path, most_bytes: int) -> Iterator[Found]:
    unpacked = archive.Unpacked(path, MEMORIES, most_bytes)
    with closing(unpacked):
        try:
            yield from own.read_memories(unpacked.read(), MEMORIES)
        except BadInput as error:
            yield Refused(error.param or MEMORIES, error.detail)


class _Counting:
    """Counts what is unpacked: all files of an archive together have a limit."""

    def __init__(self, inner: archive.Unpacked) -> None:
        self._inner = inner
        self.size_bytes = 0

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(size)
        self.size_bytes += len(data)
        return data

    def close(self) -> None:
        self._inner.close()


def _json(stream: BinaryIO, file: str, wanted: ImportFormat, limits: ReadLimits) -> Iterator[Found]:
    for number, element in enumerate(elements(stream, limits.session_bytes)):
        place = f"{file}[{number}]"
        try:
            reader = _READERS[_form(element, place) if wanted == "auto" else wanted]
            whole = reader(element, place)
            if reader is not own.read:
                # Our own form is checked by its reader.
                check(whole, place)
            yield whole
        except BadInput as error:
            yield Refused(error.param or place, error.detail)


def _form(element: bytes, place: str) -> str:
    try:
        found = _probe.decode(element)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(place, f"cannot be read: {str(error)[:300]}") from None
    if found.mapping is not msgspec.UNSET:
        return "chatgpt"
    if found.format is not msgspec.UNSET:
        return "roundhouse"
    if found.chat is not msgspec.UNSET or found.history is not msgspec.UNSET:
        return "open-webui"
    raise wrong(place, "is no conversation of a form that is known")


def checked(found: Iterator[Whole | Refused]) -> Iterator[Found]:
    """What a reader gives, with what could be no session of ours told as `Refused`."""
    for one in found:
        if isinstance(one, Whole):
            try:
                check(one, one.session.id[:80])
            except BadInput as error:
                yield Refused(error.param or one.session.id[:80], error.detail)
                continue
        yield one


def _counted(found: Iterator[Found], most: int) -> Iterator[Found]:
    for number, one in enumerate(found):
        if number >= most and not isinstance(one, KeptMemory):
            raise TooLarge(f"The file holds more than {most} sessions.", param="file")
        yield one
