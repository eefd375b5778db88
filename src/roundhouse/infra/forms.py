"""Reads a form with files as it arrives: small fields are kept, the bytes of the files are passed on.

The parser is the library `multipart`; Starlette's own would put the whole file on the disk before anybody saw a byte.

Source:
    RFC 7578 (2015); the WHATWG HTML Standard (2024) on how browsers write names.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple
from urllib.parse import unquote

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from roundhouse.core.errors import BadInput, TooLarge, UnsupportedMedia

OVERHEAD_BYTES = 1024 * 1024
"""Most that a form measures besides its files."""

_MOST_HEADER_BYTES = 64 * 1024
_MOST_PARTS = 64
# Not allowed in forms since 2015, and still sent.
_EXTENDED = re.compile(r";\s*filename\*\s*=\s*\"?utf-8'[^']*'([^;\s\"]+)", re.IGNORECASE)


class FormShape(NamedTuple):
    """What a form may hold besides its files.

    Attributes:
        hint: Said to who sends something else than a form.
        fields: Fields that may stand there once.
        lists: Fields that may stand there several times.
        most_value_bytes: Longest value.
        most_values_bytes: Most that all values have together.
        most_files: So many parts may be the field `file`.
        wrong: What is raised for a field that is unknown, too long or there too often.
    """

    hint: str
    fields: frozenset[str]
    lists: frozenset[str] = frozenset()
    most_value_bytes: int = 1000
    most_values_bytes: int = OVERHEAD_BYTES
    most_files: int = 1
    wrong: type[BadInput] = BadInput


class FileBegins(NamedTuple):
    """A file comes; `filename` as the client sent it, empty where a browser was given none."""

    filename: str


class FilePiece(NamedTuple):
    """The next bytes of the file that began last."""

    data: bytes


class FileEnds(NamedTuple):
    """The file that began last is whole."""


FormEvent = FileBegins | FilePiece | FileEnds


class FormReader:
    """One form, fed in pieces. Its methods may run in a thread, one at a time.

    Args:
        content_type: Header of the request.
        shape: What it may hold.

    Attributes:
        fields: Values by name, once they have arrived.
        lists: All values of those that may stand there several times.

    Raises:
        UnsupportedMedia: It is not a form of this kind.
    """

    def __init__(self, content_type: str, shape: FormShape) -> None:
        self.fields: dict[str, str] = {}
        self.lists: dict[str, list[str]] = {}
        self._shape = shape
        self._part = ""
        self._value = b""
        self._files = 0
        self._values_bytes = 0
        kind, options = parse_options_header(content_type)
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not 0 < len(boundary) <= 200 or not boundary.isascii():
            raise UnsupportedMedia(shape.hint)
        self._parser = PushMultipartParser(
            boundary,
            max_header_size=_MOST_HEADER_BYTES,
            max_segment_count=_MOST_PARTS + shape.most_files,
            # Names in any encoding must be read; they are decoded here.
            header_charset="latin-1",
        )

    def feed(self, data: bytes) -> list[FormEvent]:
        """Read the next bytes of the body; what they tell of files.

        Raises:
            BadInput: The form is malformed, or has a field that is unknown or too long, or too many files.
            TooLarge: All fields together are.
        """
        found: list[FormEvent] = []
        if not data:
            return found
        try:
            for event in self._parser.parse(data):
                if isinstance(event, MultipartSegment):
                    self._begin(event, found)
                elif event is None:
                    self._end(found)
                elif self._part == "file":
                    found.append(FilePiece(event))
                else:
                    self._more(event)
        except MultipartError as error:
            raise BadInput(f"The form is malformed: {error}.") from None
        return found

    def close(self) -> None:
        """Check that the form is complete; raises BadInput."""
        try:
            self._parser.close()
        except MultipartError:
            raise BadInput("The form is cut off.") from None

    def _begin(self, part: MultipartSegment, found: list[FormEvent]) -> None:
        name = self._part = _decoded(part.name or "")
        self._value = b""
        wrong = self._shape.wrong
        if name == "file":
            self._files += 1
            if self._files > self._shape.most_files:
                raise wrong(_too_many(self._shape.most_files), param="file")
            found.append(FileBegins(_filename(part)))
        elif name in self._shape.lists:
            return
        elif name not in self._shape.fields:
            raise wrong(f"There is no field {name[:100]!r}.", param=name[:100])
        elif name in self.fields:
            raise wrong(f"The field {name} stands there twice.", param=name)

    def _more(self, data: bytes) -> None:
        self._value += data
        self._values_bytes += len(data)
        if self._values_bytes > self._shape.most_values_bytes:
            raise TooLarge(f"The fields of the form are longer than {self._shape.most_values_bytes} bytes.")
        if len(self._value) > self._shape.most_value_bytes:
            raise self._shape.wrong(f"The field {self._part} is too long.", param=self._part)

    def _end(self, found: list[FormEvent]) -> None:
        if self._part == "file":
            found.append(FileEnds())
            return
        value = self._value.decode("utf-8", "replace").strip()
        if self._part in self._shape.lists:
            self.lists.setdefault(self._part, []).append(value)
        else:
            self.fields[self._part] = value


class UploadForm:
    """One form with one file, whose bytes are handed on. Its methods may run in a thread, one at a time.

    Args:
        content_type: Header of the request.
        take: Is given the bytes of the file; what it raises goes through.
        shape: What it may hold.

    Attributes:
        filename: As the client sent it; None until the file begins.

    Raises:
        UnsupportedMedia: It is not a form of this kind.
    """

    def __init__(self, content_type: str, take: Callable[[bytes], None], shape: FormShape) -> None:
        self.filename: str | None = None
        self._reader = FormReader(content_type, shape)
        self._take = take

    @property
    def fields(self) -> dict[str, str]:
        """Values by name, once they have arrived."""
        return self._reader.fields

    @property
    def lists(self) -> dict[str, list[str]]:
        """All values of those that may stand there several times."""
        return self._reader.lists

    def feed(self, data: bytes) -> None:
        """Read the next bytes of the body; raises like `FormReader.feed`."""
        for event in self._reader.feed(data):
            if isinstance(event, FileBegins):
                self.filename = event.filename
            elif isinstance(event, FilePiece):
                self._take(event.data)

    def close(self) -> str:
        """Check that the form is complete; returns the name of the file.

        Raises:
            BadInput: It ends too early, or the file is not in it.
        """
        self._reader.close()
        if self.filename is None:
            raise BadInput("The field file is missing.", param="file")
        return self.filename


class ArrivingForm:
    """One form with any number of files, read as far as is asked for: `next_file`, its `file`, and so on.

    Args:
        content_type: Header of the request.
        pieces: The body.
        shape: What it may hold.

    Raises:
        UnsupportedMedia: It is not a form of this kind.
    """

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes], shape: FormShape) -> None:
        self._reader = FormReader(content_type, shape)
        self._pieces = pieces
        self._events: deque[FormEvent] = deque()

    @property
    def values(self) -> dict[str, list[str]]:
        """All values by name, as far as they have arrived."""
        return {**self._reader.lists, **{name: [one] for name, one in self._reader.fields.items()}}

    async def next_file(self) -> str | None:
        """Read up to the next file; its name as the client sent it, None when the form ended.

        Raises:
            BadInput: The form is malformed or cut off; or else like `FormReader.feed`.
        """
        while (event := await self._next()) is not None:
            # A browser sends an empty part where no file was chosen.
            if isinstance(event, FileBegins) and event.filename:
                return event.filename
        return None

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the file that `next_file` came to, as they arrive; raises BadInput."""
        while isinstance(event := await self._next(), FilePiece):
            yield event.data

    async def _next(self) -> FormEvent | None:
        while not self._events:
            piece = await anext(self._pieces, None)
            if piece is None:
                self._reader.close()
                return None
            self._events.extend(self._reader.feed(piece))
        return self._events.popleft()


def _too_many(most: int) -> str:
    return "The field file stands there twice." if most == 1 else f"At most {most} files come at a time."


def _filename(part: MultipartSegment) -> str:
    extended = _EXTENDED.search(part.header("Content-Disposition") or "")
    if extended is not None:
        return unquote(extended[1], errors="replace")
    return _decoded(part.filename or "")


def _decoded(text: str) -> str:
    """A header value that was read byte by byte."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")
