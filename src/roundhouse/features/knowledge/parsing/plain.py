"""Plain texts, tables in plain text, program code."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from roundhouse.core.errors import DocumentUnreadable, TooLarge
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.encodings import decode
from roundhouse.features.knowledge.parsing.shapes import MIB
from roundhouse.features.knowledge.parsing.tables import write_sheet
from roundhouse.features.knowledge.parsing.writing import BlockWriter

CODE_ENDINGS = frozenset(
    {".c", ".cc", ".cpp", ".cs", ".css", ".go", ".h", ".hpp", ".java", ".js", ".jsx", ".kt", ".lua",
     ".php", ".pl", ".ps1", ".py", ".r", ".rb", ".rs", ".sh", ".sql", ".swift", ".toml", ".ts", ".tsx",
     ".yaml", ".yml", ".ini", ".cfg", ".conf"}
)  # fmt: skip
"""Of files whose lines must stay as they are."""

_BYTES_OF_A_CHAR = 4
_MOST_CODE_CHARS = 4_000
_EMPTY_LINE = re.compile(r"\n[ \t\u3000]*\n\s*")


def read_text(reading: Reading) -> None:
    """Read a plain text: paragraphs are parted by empty lines.

    Raises:
        TooLarge: It is longer than is allowed; told by its size, before it is read.
    """
    text = whole_text(reading)
    if Path(reading.name).suffix.lower() in CODE_ENDINGS:
        write_code(reading.out, text)
        return
    for paragraph in _EMPTY_LINE.split(text.replace("\r\n", "\n").replace("\r", "\n")):
        reading.out.text(paragraph)


def read_csv(reading: Reading) -> None:
    """Read rows whose values are parted by commas, semicolons, tabs or bars."""
    text = whole_text(reading)
    csv.field_size_limit(16 * MIB)
    lines = io.StringIO(text, newline="")
    delimiter = "\t" if reading.content_type == "text/tab-separated-values" else _delimiter(text)
    write_sheet(reading.out, _rows(csv.reader(lines, delimiter=delimiter), reading.name))


def _rows(rows: Iterator[list[str]], name: str) -> Iterator[dict[int, str]]:
    try:
        for row in rows:
            yield dict(enumerate(row))
    except csv.Error as error:
        raise DocumentUnreadable(f"{name} is no table: {error}.") from error


def _delimiter(text: str) -> str:
    """Which of the usual ones parts the first lines into the same number of values, the most of them."""
    head = [line for line in text[:65536].splitlines()[:20] if line.strip()]

    def fit(delimiter: str) -> tuple[bool, int]:
        counts = [line.count(delimiter) for line in head]
        least = min(counts, default=0)
        return (least > 0 and least == max(counts), least)

    return max((",", ";", "\t", "|"), key=fit)


def whole_text(reading: Reading, declared: str | None = None) -> str:
    """The text of a file, decoded; what could not be read is told as a warning.

    Raises:
        TooLarge: It is longer than is allowed.
    """
    most_bytes = reading.limits.max_chars * _BYTES_OF_A_CHAR
    if reading.path.stat().st_size > most_bytes:
        raise TooLarge(f"{reading.name} has more than {reading.limits.max_chars:,} characters; part it.")
    return text_of(reading.path.read_bytes(), reading, declared)


def whole_bytes(reading: Reading) -> bytes:
    """The bytes of a file that must be held in memory.

    Raises:
        TooLarge: It is larger than is allowed.
    """
    if reading.path.stat().st_size > reading.limits.max_whole_mib * MIB:
        raise TooLarge(f"{reading.name} is larger than {reading.limits.max_whole_mib} MiB; part it.")
    return reading.path.read_bytes()


def text_of(data: bytes, reading: Reading, declared: str | None = None) -> str:
    """Bytes as text; what could not be read is told as a warning."""
    found = decode(data, declared)
    if found.replaced:
        reading.out.warn(f"{found.replaced} place(s) could not be read as {found.encoding}.")
    if not found.sure:
        reading.out.warn(f"Its encoding could not be told; it was read as {found.encoding}.")
    return found.text


def write_code(out: BlockWriter, text: str) -> None:
    """Write lines that stay as they are, in blocks that end where a line ends."""
    lines: list[str] = []
    chars = 0
    for line in text.replace("\r\n", "\n").split("\n"):
        if lines and chars + len(line) > _MOST_CODE_CHARS:
            out.code("\n".join(lines))
            lines, chars = [], 0
        lines.append(line)
        chars += len(line) + 1
    out.code("\n".join(lines))
