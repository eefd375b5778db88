"""E-mail: who wrote to whom and when, the text, and the documents that came with it.

Source:
    RFC 5322 (messages), RFC 2045 to 2047 (MIME).
"""

from __future__ import annotations

import binascii
import email
import email.header
import re
from email.message import Message
from pathlib import Path

from roundhouse.core.errors import DocumentUnreadable, RoundhouseError
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.encodings import decode
from roundhouse.features.knowledge.parsing.html import charset, write_html
from roundhouse.features.knowledge.parsing.plain import text_of, whole_bytes

_TOLD = ("From", "To", "Cc", "Date", "Subject")
_HEADER = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{1,70}:[^\n]*\n(?:[ \t][^\n]*\n)*){2}")
_NAMED = re.compile(
    rb"^(?:From|Date|Received|Message-ID|Return-Path|Subject|MIME-Version):", re.IGNORECASE | re.MULTILINE
)
_DAMAGE = (LookupError, ValueError, TypeError, AttributeError, binascii.Error, email.errors.MessageError)
_MOST_ATTACHMENTS = 50
_MOST_HEADER_CHARS = 2_000
_MOST_NAME_CHARS = 150
_EMPTY_LINE = re.compile(r"\n[ \t]*\n\s*")


def is_mail(head: bytes) -> bool:
    """Whether a text begins as an e-mail does: with lines of headers, three of them such as each has."""
    return _HEADER.match(head) is not None and len(set(_NAMED.findall(head.partition(b"\n\n")[0]))) >= 3


def read_mail(reading: Reading) -> None:
    """Read a message; attachments that are documents are read as well, those within these not.

    Raises:
        DocumentUnreadable: Its parts nest too deeply.
        TooLarge: It is larger than is allowed.
    """
    data = whole_bytes(reading)
    try:
        message = email.message_from_bytes(data)
        parts = [part for part in message.walk() if not part.is_multipart()]
    except RecursionError as error:
        raise DocumentUnreadable(f"{reading.name} is nested too deeply: it may be made to harm.") from error
    except _DAMAGE as error:
        raise DocumentUnreadable(f"{reading.name} is damaged: it cannot be read as an e-mail.") from error
    reading.out.titled(_header(message, "Subject"))
    told = [f"{name}: {text}" for name in _TOLD if (text := _header(message, name))]
    reading.out.text("\n".join(told))
    files = [part for part in parts if _filename(part)]
    _read_text([part for part in parts if not _filename(part)], reading)
    _read_files(files, reading)


def _header(message: Message, name: str) -> str:
    """A header as a reader sees it."""
    try:
        raw = next((text for key, text in message.raw_items() if key.lower() == name.lower()), "")
        pieces = [
            piece if isinstance(piece, str) else decode(piece, encoding).text
            for piece, encoding in email.header.decode_header(raw[:_MOST_HEADER_CHARS])
        ]
    except _DAMAGE:
        return ""
    # Python keeps bytes that are no ASCII as lone surrogates.
    text = "".join(pieces).encode("utf-8", "surrogateescape")
    return " ".join(decode(text).text.split())


def _filename(part: Message) -> str:
    try:
        name = part.get_filename()
        return _decoded(name)[-_MOST_NAME_CHARS:] if name else ""
    except _DAMAGE:
        return "attachment"


def _decoded(name: str) -> str:
    pieces = email.header.decode_header(name)
    text = "".join(one if isinstance(one, str) else decode(one, encoding).text for one, encoding in pieces)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char for char in text if char.isprintable()).replace("\\", "/").rpartition("/")[2]


def _payload(part: Message) -> bytes:
    try:
        found = part.get_payload(decode=True)
    except _DAMAGE:
        return b""
    return found if isinstance(found, bytes) else b""


def _read_text(parts: list[Message], reading: Reading) -> None:
    """The plain text, or where there is none the HTML."""
    plain = [part for part in parts if part.get_content_type() == "text/plain"]
    chosen = plain if any(_payload(part).strip() for part in plain) else parts
    for part in chosen:
        data = _payload(part)
        if not data:
            continue
        if part.get_content_type() == "text/html":
            write_html(text_of(data, reading, _charset(part) or charset(data)), reading.out, reading.name)
        elif part.get_content_type() == "text/plain":
            for paragraph in _EMPTY_LINE.split(text_of(data, reading, _charset(part)).replace("\r\n", "\n")):
                reading.out.text(paragraph)


def _charset(part: Message) -> str | None:
    try:
        found = part.get_param("charset")
    except _DAMAGE:
        return None
    return found if isinstance(found, str) else None


def _read_files(files: list[Message], reading: Reading) -> None:
    if not files:
        return
    reading.out.leave_headings()
    names = [_filename(part) for part in files]
    reading.out.text("Attachments: " + ", ".join(names))
    if len(files) > _MOST_ATTACHMENTS:
        reading.out.warn(f"It has {len(files)} attachments; the first {_MOST_ATTACHMENTS} were read.")
    for number, (part, name) in enumerate(zip(files[:_MOST_ATTACHMENTS], names, strict=False), 1):
        data = _payload(part)
        if data and reading.nested is not None:
            _read_file(data, name, reading.folder / f"attachment-{number}", reading)


def _read_file(data: bytes, name: str, path: Path, reading: Reading) -> None:
    """Under a heading of its name; one that cannot be read is told as a warning."""
    assert reading.nested is not None
    path.write_bytes(data)
    reading.out.leave_headings()
    reading.out.heading(name, 1)
    try:
        reading.nested(path, name)
    except RoundhouseError as error:
        if error.code == "too_large":
            raise
        reading.out.warn(f"The attachment {name} was not read: {error.detail}")
    finally:
        path.unlink()
    reading.out.leave_headings()
