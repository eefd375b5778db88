"""What bytes are, by the bytes alone: names and labels come from strangers.

A table of our own: the well-kept libraries either need a system library, or load a neural network, or lean on the
file's name, and none knows model weights or tells JSON lines from JSON.

Source:
    WHATWG MIME Sniffing Standard (2024) for the patterns of images, audio, video and HTML; RFC 9559 (EBML), ISO/IEC
    14496-12 (`ftyp`), PKWARE APPNOTE 6.3 (local file headers), GGUF and safetensors as their projects describe them.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import msgspec

HEAD_BYTES = 64 * 1024
"""So much of a file's beginning is looked at."""

UNKNOWN = "application/octet-stream"

_OLE = "application/x-ole-storage"
_LETTERS_ONLY = frozenset({"application/pdf", "application/rtf"})
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"BM", "image/bmp"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"MThd", "audio/midi"),
    (0, b"caff", "audio/x-caf"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"(\xb5/\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"ARROW1", "application/vnd.apache.arrow.file"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"GGUF", "application/x-gguf"),
    (0, b"MZ", "application/x-executable"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/x-executable"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-executable"),
    (0, b"\xce\xfa\xed\xfe", "application/x-executable"),
    (0, b"\x00asm", "application/wasm"),
)

_ZIP_BY_ENTRY: tuple[tuple[bytes, str], ...] = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_ZIP_BY_MIMETYPE = {
    b"application/epub+zip": "application/epub+zip",
    b"application/vnd.oasis.opendocument.text": "application/vnd.oasis.opendocument.text",
    b"application/vnd.oasis.opendocument.spreadsheet": "application/vnd.oasis.opendocument.spreadsheet",
    b"application/vnd.oasis.opendocument.presentation": "application/vnd.oasis.opendocument.presentation",
}
_OFFICE_BY_SUFFIX = {
    ".docx": _ZIP_BY_ENTRY[0][1],
    ".xlsx": _ZIP_BY_ENTRY[1][1],
    ".pptx": _ZIP_BY_ENTRY[2][1],
}
_OLE_BY_SUFFIX = {
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
}
_CHUNKED = {
    b"WAVE": "audio/wav",
    b"WEBP": "image/webp",
    b"AVI ": "video/x-msvideo",
    b"AIFF": "audio/aiff",
    b"AIFC": "audio/aiff",
}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
}
_TEXT_BY_SUFFIX = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}
_HTML = re.compile(
    rb"(?>(?:<!--.*?-->\s*)*)<(?:!doctype\s+html|html|head|body|script|iframe|title|style|table|h1|div|br|p)[\s>/]",
    re.IGNORECASE | re.DOTALL,
)
_SVG = re.compile(rb"<(?:\w+:)?svg[\s>/]", re.IGNORECASE)
_HEADER = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{0,70}:)")
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b\x08") | {0x7F}
_CONTROL = re.compile(b"[" + re.escape(bytes(sorted(_CONTROLS))) + b"]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"


def sniff(head: bytes, filename: str = "", *, whole: bool = False) -> str:
    """The media type of a file.

    Args:
        head: Its first `HEAD_BYTES` bytes, or fewer if it is shorter; not empty.
        filename: Its name. It chooses among types whose bytes look alike (texts, old office files), never more.
        whole: Whether `head` is all of it.

    Returns:
        A media type without parameters; `UNKNOWN` for bytes that are nothing known and no text.
    """
    suffix = PurePosixPath(filename).suffix.lower()
    if not head.startswith(_UTF16):
        found = _binary(head, suffix)
        if found is not None:
            return found
    return _text(head, suffix, whole=whole)


def _binary(head: bytes, suffix: str) -> str | None:
    if head.startswith(b"PK\x03\x04"):
        return _zip(head, suffix)
    # Without any, it is a text that happens to begin like something else.
    has_controls = _CONTROL.search(head) is not None
    for offset, magic, kind in _MAGIC:
        if head.startswith(magic, offset) and (has_controls or kind in _LETTERS_ONLY):
            return _OLE_BY_SUFFIX.get(suffix, kind) if kind == _OLE else kind
    return (_container(head) or _framed(head)) if has_controls else None


def _zip(head: bytes, suffix: str) -> str:
    # The first entry of OpenDocument and EPUB is their type, stored as it is.
    length = int.from_bytes(head[26:28], "little")
    if head[30 : 30 + length] == b"mimetype":
        size = int.from_bytes(head[22:26], "little")
        extra = int.from_bytes(head[28:30], "little")
        start = 30 + length + extra
        return _ZIP_BY_MIMETYPE.get(head[start : start + size], "application/zip")
    if b"[Content_Types].xml" not in head and b"_rels/.rels" not in head:
        return "application/zip"
    for folder, kind in _ZIP_BY_ENTRY:
        if folder in head:
            return kind
    # The telling entry may stand behind the part that is looked at.
    return _OFFICE_BY_SUFFIX.get(suffix, "application/zip")


def _container(head: bytes) -> str | None:
    """Formats of many types, told apart by a word inside."""
    if head.startswith((b"RIFF", b"RIFX", b"RF64", b"FORM")):
        return _CHUNKED.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[4:8] in (b"moov", b"mdat", b"wide"):
        return "video/quicktime"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"OggS"):
        return "video/ogg" if b"\x80theora" in head[:64] else "audio/ogg"
    return None


def _framed(head: bytes) -> str | None:
    """Audio and video that begin with a frame, or packet, instead of a magic number."""
    if len(head) > 188 and head[0] == 0x47 and head[188] == 0x47:
        return "video/mp2t"
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    layer, rate, bits = head[1] & 0x06, head[2] >> 2 & 0x03, head[2] >> 4
    good = head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08 and layer and rate != 3 and bits not in (0, 15)
    return "audio/mpeg" if good else None


def _text(head: bytes, suffix: str, *, whole: bool) -> str:
    if head.startswith(_UTF16):
        try:
            text = head[: len(head) & ~1].decode("utf-16", "strict")
        except UnicodeDecodeError as error:
            if whole or error.start < len(head) - 4:
                return UNKNOWN
            text = head[: error.start].decode("utf-16")
        return _TEXT_BY_SUFFIX.get(suffix, "text/plain") if "\x00" not in text else UNKNOWN
    if _CONTROL.search(head):
        # Also a safetensors file: eight bytes of length, then JSON.
        return "application/x-safetensors" if head[8:10] == b'{"' and head[6:8] == b"\0\0" else UNKNOWN
    body = head.removeprefix(_UTF8_MARK).lstrip()
    if suffix == ".eml" and _HEADER.match(body):
        return "message/rfc822"
    return _markup(body) or _json(body, whole=whole) or _TEXT_BY_SUFFIX.get(suffix, "text/plain")


def _markup(body: bytes) -> str | None:
    if not body.startswith(b"<"):
        return None
    if _HTML.match(body):
        return "text/html"
    if _SVG.search(body[:4096]):
        return "image/svg+xml"
    return "application/xml" if body.startswith(b"<?xml") else None


def _json(body: bytes, *, whole: bool) -> str | None:
    if not body.startswith((b"{", b"[")):
        return None
    first, separator, rest = body.partition(b"\n")
    if separator and rest.lstrip()[:1] in (b"{", b"[") and _is_json(first):
        return "application/x-ndjson"
    if whole:
        return "application/json" if _is_json(body) else None
    return "application/json" if re.match(rb'\{\s*"|\[\s*["{\[\d]', body) else None


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
