"""What a file is, by its bytes, and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from roundhouse.core.errors import DocumentEncrypted, UnsupportedMedia
from roundhouse.features.knowledge.files.sniffing import HEAD_BYTES, UNKNOWN, sniff
from roundhouse.features.knowledge.parsing.archive import Archive
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.docx import read_docx
from roundhouse.features.knowledge.parsing.epub import read_epub
from roundhouse.features.knowledge.parsing.html import read_html
from roundhouse.features.knowledge.parsing.mail import is_mail, read_mail
from roundhouse.features.knowledge.parsing.markdown import read_markdown
from roundhouse.features.knowledge.parsing.opendocument import read_opendocument
from roundhouse.features.knowledge.parsing.pdf import read_pdf
from roundhouse.features.knowledge.parsing.pictures import read_picture
from roundhouse.features.knowledge.parsing.plain import read_csv, read_text
from roundhouse.features.knowledge.parsing.pptx import read_pptx
from roundhouse.features.knowledge.parsing.rtf import read_rtf
from roundhouse.features.knowledge.parsing.shapes import ParsingLimits
from roundhouse.features.knowledge.parsing.structured import read_json, read_lines, read_svg, read_xml
from roundhouse.features.knowledge.parsing.xlsx import read_xlsx

MAIL = "message/rfc822"

_OFFICE = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_READERS: dict[str, Callable[[Reading], None]] = {
    "application/pdf": read_pdf,
    f"{_OFFICE}wordprocessingml.document": read_docx,
    f"{_OFFICE}spreadsheetml.sheet": read_xlsx,
    f"{_OFFICE}presentationml.presentation": read_pptx,
    f"{_ODF}text": read_opendocument,
    f"{_ODF}spreadsheet": read_opendocument,
    f"{_ODF}presentation": read_opendocument,
    "application/epub+zip": read_epub,
    "application/rtf": read_rtf,
    "text/html": read_html,
    "text/markdown": read_markdown,
    "text/plain": read_text,
    "text/csv": read_csv,
    "text/tab-separated-values": read_csv,
    "application/json": read_json,
    "application/x-ndjson": read_lines,
    "application/xml": read_xml,
    "image/svg+xml": read_svg,
    MAIL: read_mail,
    **{f"image/{name}": read_picture for name in ("png", "jpeg", "webp", "gif", "bmp", "tiff", "avif")},
}
_OLD_OFFICE = frozenset(
    {
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/x-ole-storage",
    }
)
_MAIN_FOLDERS = {
    "word/": f"{_OFFICE}wordprocessingml.document",
    "xl/": f"{_OFFICE}spreadsheetml.sheet",
    "ppt/": f"{_OFFICE}presentationml.presentation",
}
_CONTENT_TYPES = "[Content_Types].xml"
_MARKUP = frozenset({"text/html", "application/xml"})
_LABELLED = frozenset({"text/csv", "text/tab-separated-values", "text/markdown", "text/html", MAIL})
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_OLE_BYTES = 1024 * 1024


def type_of(path: Path, filename: str, labelled: str, limits: ParsingLimits) -> str:
    """The media type of a document.

    Args:
        path: Its file.
        filename: What its user calls it; chooses among texts.
        labelled: As it was uploaded; chooses among texts whose name does not tell.
        limits: On archives.

    Raises:
        DocumentEncrypted: It is an office file with a password.
        DocumentUnreadable: It is a damaged archive.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    whole = len(head) < HEAD_BYTES
    found = sniff(head, filename, whole=whole) if head else "text/plain"
    if head.startswith(b"PK\x03\x04"):
        return _packed(path, filename, found, limits)
    if found in _OLD_OFFICE and _is_encrypted(path):
        raise DocumentEncrypted(f"{filename} is encrypted; save it without a password.")
    if found == UNKNOWN and _is_wide_text(head):
        found = sniff(b"\xff\xfe", filename)
    if found == "text/plain":
        return _text(head, filename, labelled)
    return found


def _text(head: bytes, filename: str, labelled: str) -> str:
    suffix = Path(filename).suffix.lower()
    if suffix == ".eml" or is_mail(head.replace(b"\r\n", b"\n")):
        return MAIL
    if suffix in (".html", ".htm", ".xhtml"):
        return "text/html"
    labelled = labelled.partition(";")[0].strip().lower()
    return labelled if labelled in _LABELLED and not suffix else "text/plain"


def _packed(path: Path, filename: str, found: str, limits: ParsingLimits) -> str:
    """By all parts of an archive: the telling one may lie anywhere."""
    with Archive(path, filename, limits) as archive:
        if "mimetype" in archive:
            told = archive.read("mimetype", 4096).strip().decode("ascii", "replace")
            return told if told in _READERS else found
        if _CONTENT_TYPES not in archive:
            return found if found not in _READERS else "application/zip"
        for name in archive.names():
            for folder, kind in _MAIN_FOLDERS.items():
                if name.startswith(folder):
                    return kind
    return "application/zip"


def _is_encrypted(path: Path) -> bool:
    """Whether an OLE file holds an encrypted office file, as its directory says, wherever that lies."""
    overlap = b""
    with path.open("rb") as file:
        while piece := file.read(_OLE_BYTES):
            if _ENCRYPTED_PACKAGE in overlap + piece:
                return True
            overlap = piece[-len(_ENCRYPTED_PACKAGE) :]
    return False


def _is_wide_text(head: bytes) -> bool:
    """Whether it is UTF-16 without a mark."""
    even = head[: len(head) & ~1]
    for encoding in ("utf-16-le", "utf-16-be"):
        text = even.decode(encoding, "replace")
        plain = sum(1 for char in text if char in "\t\r\n" or " " <= char <= "~")
        if plain * 10 > len(text) * 3 and "\0" not in text and text.count("\ufffd") < 3:
            return True
    return False


def read(reading: Reading) -> None:
    """Read a document of a type that `type_of` told.

    Raises:
        UnsupportedMedia: Nobody here reads it.
        RoundhouseError: As its reader says.
    """
    reader = _READERS.get(reading.content_type)
    if reader is None:
        raise UnsupportedMedia(_refusal(reading.name, reading.content_type))
    reader(reading)


def _refusal(name: str, content_type: str) -> str:
    if content_type in _OLD_OFFICE:
        return f"{name} is an office file of before 2007; save it as docx, xlsx, pptx or PDF."
    if content_type in ("application/zip", "application/gzip", "application/x-tar"):
        return f"{name} is an archive; upload what is in it."
    return f"{name} is {content_type} by its bytes, which is not read."


def check_drawable(content_type: str, name: str) -> bool:
    """True = a PDF, False = an image.

    Raises:
        UnsupportedMedia: It is neither.
    """
    if content_type == "application/pdf":
        return True
    if _READERS.get(content_type) is read_picture:
        return False
    raise UnsupportedMedia(f"{name} is {content_type}: only pages of PDFs and images can be shown.")
