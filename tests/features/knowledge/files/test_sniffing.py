"""Every type that is told apart, from the smallest beginning that shows it."""

import io
import json
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.knowledge.files.sniffing import HEAD_BYTES, UNKNOWN, sniff

OFFICE = "application/vnd.openxmlformats-officedocument."
NUL = b"\0" * 16


def zipped(*names: str, first: bytes | None = None) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        if first is not None:
            archive.writestr(zipfile.ZipInfo("mimetype"), first)
        for name in names:
            archive.writestr(name, b"some content " * 10)
    return made.getvalue()


SAMPLES = [
    (b"%PDF-1.7\n%text only", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n" + NUL, "image/png"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "image/jpeg"),
    (b"GIF89a" + NUL, "image/gif"),
    (b"GIF87a" + NUL, "image/gif"),
    (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
    (b"BM" + NUL, "image/bmp"),
    (b"II*\0" + NUL, "image/tiff"),
    (b"MM\0*" + NUL, "image/tiff"),
    (b"\0\0\x01\0\x01\0", "image/x-icon"),
    (b"\0\0\0\x1cftypavif" + NUL, "image/avif"),
    (b"\0\0\0\x1cftypheic" + NUL, "image/heic"),
    (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
    (b"RF64\xff\xff\xff\xffWAVEds64\0", "audio/wav"),
    (b"FORM\0\0\0\x24AIFF", "audio/aiff"),
    (b"ID3\x04\0" + NUL, "audio/mpeg"),
    (b"\xff\xfb\x90\x00" + NUL, "audio/mpeg"),
    (b"\xff\xf3\x40\xc0" + NUL, "audio/mpeg"),
    (b"\xff\xf1\x50\x80\x02\x1f\xfc", "audio/aac"),
    (b"fLaC\0\0\0\x22", "audio/flac"),
    (b"OggS\0\x02" + NUL + b"\x01\x13OpusHead", "audio/ogg"),
    (b"OggS\0\x02" + NUL + b"\x80theora", "video/ogg"),
    (b"\0\0\0\x20ftypM4A \0\0", "audio/mp4"),
    (b"#!AMR\n\x3c\x00", "audio/amr"),
    (b"caff\0\x01\0\0", "audio/x-caf"),
    (b"\0\0\0\x20ftypisom\0\0\x02\0", "video/mp4"),
    (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
    (b"\0\0\0\x08wide\0\0\0\0mdat", "video/quicktime"),
    (b"\0\0\0\x18ftyp3gp4", "video/3gpp"),
    (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "video/webm"),
    (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "video/x-matroska"),
    (b"RIFF\x24\0\0\0AVI LIST", "video/x-msvideo"),
    (b"FLV\x01\x05\0\0\0\x09", "video/x-flv"),
    (b"\0\0\x01\xba\x44\0", "video/mpeg"),
    ((b"\x47\x40\0\x10" + b"\0" * 184) * 2, "video/mp2t"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0", "video/x-ms-asf"),
    (zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"), f"{OFFICE}wordprocessingml.document"),
    (zipped("[Content_Types].xml", "xl/workbook.xml"), f"{OFFICE}spreadsheetml.sheet"),
    (zipped("[Content_Types].xml", "ppt/presentation.xml"), f"{OFFICE}presentationml.presentation"),
    (
        zipped("content.xml", first=b"application/vnd.oasis.opendocument.text"),
        "application/vnd.oasis.opendocument.text",
    ),
    (zipped("OEBPS/a.xhtml", first=b"application/epub+zip"), "application/epub+zip"),
    (zipped("a", first=b"application/x-strange"), "application/zip"),
    (zipped("readme.txt"), "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NUL, "application/x-ole-storage"),
    (b"{\\rtf1\\ansi text}", "application/rtf"),
    (b"\x1f\x8b\x08\0", "application/gzip"),
    (b"BZh91AY&SY\0", "application/x-bzip2"),
    (b"\xfd7zXZ\0\0", "application/x-xz"),
    (b"(\xb5/\xfd\x04\0", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c\0\x04", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07\x01\0", "application/vnd.rar"),
    (b"a.txt" + b"\0" * 252 + b"ustar\x0000", "application/x-tar"),
    (b"PAR1\x15\x04", "application/vnd.apache.parquet"),
    (b"ARROW1\0\0", "application/vnd.apache.arrow.file"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"GGUF\x03\0\0\0", "application/x-gguf"),
    (struct.pack("<Q", 60) + b'{"weight":{"dtype":"F32"}}' + NUL, "application/x-safetensors"),
    (b"\x7fELF\x02\x01\x01\0", "application/x-executable"),
    (b"MZ\x90\0\x03\0", "application/x-executable"),
    (b"\xcf\xfa\xed\xfe\x07\0", "application/x-executable"),
    (b"\xca\xfe\xba\xbe\0\0", "application/x-executable"),
    (b"\0asm\x01\0\0\0", "application/wasm"),
    (b"<!DOCTYPE html><html>", "text/html"),
    (b"\xef\xbb\xbf \n <!-- a note --> <HTML lang=en>", "text/html"),
    (b"<script>alert(1)</script>", "text/html"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    (b"<?xml version='1.0'?><!-- x --><svg:svg/>", "image/svg+xml"),
    (b"<?xml version='1.0'?><rss/>", "application/xml"),
    (b'{"a": 1}', "application/json"),
    (b'\xef\xbb\xbf[{"a": 1}]\n', "application/json"),
    (b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson"),
    (b'{"a": 1}\r\n\r\n{"a": 2}', "application/x-ndjson"),
    (b'{\n  "a": 1\n}', "application/json"),
    (b"{not json}", "text/plain"),
    (b"[1] See the appendix.", "text/plain"),
    (b"plain", "text/plain"),
    ("Xin chào, đây là văn bản.".encode(), "text/plain"),
    ("今天天气很好".encode("gb18030"), "text/plain"),
    ("שלום עולם".encode("windows-1255"), "text/plain"),
    ("今天".encode("utf-16"), "text/plain"),
    (b"\xff\xfea", "text/plain"),
    (b"\xff\xfe\0\0a\0\0\0", UNKNOWN),
    (b"\xff\xfe\x00\xdc\x00\xdc\x00\xdc\x00\xdc", UNKNOWN),
    (b"\0", UNKNOWN),
    (b"text with a \0 in it", UNKNOWN),
    (bytes(range(256)), UNKNOWN),
    # Texts that begin like something else.
    (b"BM is short for something.", "text/plain"),
    (b"MZ is short for something.", "text/plain"),
    (b"ID3 tags are explained here.", "text/plain"),
    (b"GGUF is a format of models.", "text/plain"),
    (b"Good morning" + b" " * 176 + b"Good evening", "text/plain"),
    (b"RIFFs of the guitar", "text/plain"),
]


@pytest.mark.parametrize(
    ("head", "found"), SAMPLES, ids=[f"{kind}-{n}" for n, (_, kind) in enumerate(SAMPLES)]
)
def test_samples(head: bytes, found: str) -> None:
    assert sniff(head, whole=True) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("table.csv", "text/csv"),
        ("TABLE.TSV", "text/tab-separated-values"),
        ("notes.md", "text/markdown"),
        ("photo.png", "text/plain"),
        ("music.mp3", "text/plain"),
        ("page.html", "text/plain"),
    ],
)
def test_a_name_chooses_among_texts_and_no_more(name: str, found: str) -> None:
    assert sniff(b"a,b\n1,2\n", name, whole=True) == found


def test_a_message_is_known_by_its_name_and_its_headers() -> None:
    message = b"Received: from there\r\nSubject: Kettle\r\n\r\nIt boils.\r\n"
    assert sniff(message, "kettle.EML", whole=True) == "message/rfc822"
    assert sniff(message, "kettle.txt", whole=True) == "text/plain"
    assert sniff(b"It boils.", "kettle.eml", whole=True) == "text/plain"
    assert sniff(b"%PDF-1.7\n", "kettle.eml", whole=True) == "application/pdf"


def test_a_name_chooses_among_old_office_files() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NUL
    assert sniff(ole, "letter.doc") == "application/msword"
    assert sniff(ole, "letter.exe") == "application/x-ole-storage"


def test_an_office_file_whose_telling_entry_stands_far_behind() -> None:
    head = zipped("[Content_Types].xml", "customXml/item1.xml")[:200]
    assert sniff(head, "letter.docx") == f"{OFFICE}wordprocessingml.document"
    assert sniff(head, "letter.txt") == "application/zip"


def test_long_texts_are_told_by_their_beginning() -> None:
    lines = b"".join(json.dumps({"n": n, "text": "x" * 50}).encode() + b"\n" for n in range(2000))
    assert sniff(lines[:HEAD_BYTES]) == "application/x-ndjson"
    one = json.dumps([{"n": n} for n in range(20_000)]).encode()
    assert sniff(one[:HEAD_BYTES]) == "application/json"
    utf16 = ("字" * HEAD_BYTES).encode("utf-16")
    assert sniff(utf16[:HEAD_BYTES]) == "text/plain"
    assert sniff(utf16[: HEAD_BYTES - 1]) == "text/plain"


def test_hostile_beginnings_cost_no_time() -> None:
    for head in (
        b"<!--x-->" * 8000 + b"z",
        b"<!--" * 16_000,
        b"[" * HEAD_BYTES,
        b'{"a":' * 13_000,
        b"<" * HEAD_BYTES,
        b" " * HEAD_BYTES,
        b"\n{" * 32_000,
    ):
        sniff(head[:HEAD_BYTES])


@given(head=st.binary(min_size=1, max_size=400), name=st.text(max_size=20), whole=st.booleans())
def test_any_bytes_are_something(head: bytes, name: str, whole: bool) -> None:
    assert "/" in sniff(head, name, whole=whole)


@given(text=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300))
def test_any_text_is_a_text(text: str) -> None:
    found = sniff(text.encode(), whole=True)
    assert found.startswith("text/") or found in {
        "application/json",
        "application/x-ndjson",
        "application/xml",
        "image/svg+xml",
        "application/pdf",
        "application/rtf",
    }
