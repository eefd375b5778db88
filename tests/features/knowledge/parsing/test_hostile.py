"""Files made to harm: each comes to an error of its own, within the limits."""

import io
import struct
import zipfile

import pytest

from features.knowledge.parsing.writers import (
    Pdf,
    docx,
    epub,
    office,
    opendocument,
    paragraph,
    relations,
    xlsx,
    zipped,
)
from roundhouse.core.errors import (
    DocumentEmpty,
    DocumentEncrypted,
    DocumentUnreadable,
    TooLarge,
    UnsupportedMedia,
)

ENTITIES = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


def test_a_bomb_of_one_part(take):
    content = docx("<w:p><w:r><w:t>" + "a" * 40_000_000 + "</w:t></w:r></w:p>")
    assert len(content) < 50_000
    with pytest.raises(TooLarge, match="300 times"):
        take(content, "a.docx")
    with pytest.raises(TooLarge, match="unpacks to more than 8 MiB"):
        take(content, "a.docx", max_unpacked_mib=8)


def test_a_bomb_of_many_parts(take):
    chapters = {f"{n}.xhtml": "<html><body>" + "<p>" + "x" * 1_500_000 for n in range(8)}
    with pytest.raises(TooLarge, match="unpacks to more than 4 MiB"):
        take(epub(chapters), "a.epub", max_unpacked_mib=4)


def test_an_archive_that_lies_about_its_sizes(take):
    content = bytearray(docx("<w:p><w:r><w:t>" + "a" * 3_000_000 + "</w:t></w:r></w:p>"))
    # In each header of the directory: the size that comes out.
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 24 : at + 28] = struct.pack("<I", 10)
        at = content.find(b"PK\x01\x02", at + 4)
    with pytest.raises((DocumentUnreadable, TooLarge)):
        take(bytes(content), "a.docx", max_unpacked_mib=1)


@pytest.mark.parametrize("name", ["word/document.xml", "word/styles.xml", "_rels/.rels", "docProps/core.xml"])
def test_entities_and_document_types_are_refused(take, name):
    part = f"{ENTITIES}<x>&b;</x>"
    with pytest.raises(DocumentUnreadable, match="document type"):
        take(docx(paragraph("x"), {name: part}), "a.docx")


def test_entities_in_books_and_opendocument(take):
    for content in (
        epub({}, {"META-INF/container.xml": f"{ENTITIES}<x>&b;</x>"}),
        opendocument("text", "", {"content.xml": f"{ENTITIES}<x>&b;</x>"}),
        opendocument("text", "", {"META-INF/manifest.xml": f"{ENTITIES}<x>&b;</x>"}),
    ):
        with pytest.raises(DocumentUnreadable, match=r"entities|document type"):
            take(content, "a")


def test_xml_that_nests_without_end(take):
    with pytest.raises(DocumentUnreadable, match="deeply"):
        take(docx("<w:p>" * 100_000), "a.docx")


def test_names_and_links_lead_nowhere(take, tmp_path):
    outside = tmp_path / "outside.txt"
    links = {
        "rId1": ("styles", "../../../../outside.txt"),
        "rId2": ("image", "/etc/passwd"),
        "rId3": ("footnotes", "../" * 30 + "etc/passwd"),
    }
    parts = {
        "../outside.txt": "slipped",
        "/abs.txt": "slipped",
        "word\\..\\..\\win.txt": "slipped",
        "word/_rels/document.xml.rels": relations(links),
    }
    found = take(docx(paragraph("text"), parts), "a.docx")
    assert found.whole == "text"
    assert not outside.exists()
    assert [path.name for path in found.folder.iterdir()] == ["blocks.jsonl"]


def test_what_lies_outside_is_not_fetched(take):
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId3"'
        ' Type="x/image" TargetMode="External" Target="http://127.0.0.1:1/x.png"/></Relationships>'
    )
    body = paragraph("text") + '<w:p><w:r><a:blip r:embed="rId3" r:link="rId3"/></w:r></w:p>'
    assert take(docx(body, {"word/_rels/document.xml.rels": rels}), "a.docx").whole == "text"
    page = '<html><body><p>x</p><iframe src="http://127.0.0.1:1/"></iframe><link rel="import" href="//127.0.0.1:1/">'
    assert take(page, "a.html").whole == "x"


def test_archives_are_refused_whatever_they_are_called(take):
    for name in ("a.zip", "a.docx", "a.epub"):
        with pytest.raises(UnsupportedMedia, match="archive"):
            take(zipped({"inner.zip": zipped({"x": "y"})}), name)
    with pytest.raises(UnsupportedMedia):
        take(b"7z\xbc\xaf\x27\x1c" + b"\0" * 100, "a.docx")


def ole(*names: str) -> bytes:
    told = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in names)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1_100_000 + told


def test_office_files_with_a_password_and_of_before_2007(take):
    with pytest.raises(DocumentEncrypted):
        take(ole("EncryptionInfo", "EncryptedPackage"), "a.docx")
    with pytest.raises(UnsupportedMedia, match="before 2007"):
        take(ole("WordDocument"), "a.doc")


def test_parts_with_a_password(take):
    content = bytearray(docx(paragraph("x")))
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = content.find(mark)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(mark, at + 4)
    with pytest.raises(DocumentEncrypted):
        take(bytes(content), "a.docx")


def test_parts_that_are_packed_otherwise(take):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr("_rels/.rels", relations({"r": ("officeDocument", "word/document.xml")}))
        file.writestr("word/document.xml", "<x/>")
    with pytest.raises(DocumentUnreadable, match="never are"):
        take(content.getvalue(), "a.docx")


@pytest.mark.parametrize("size", [30, 100, 400, 800])
def test_half_an_archive(take, size):
    with pytest.raises(DocumentUnreadable):
        take(docx(paragraph("x"))[:size], "a.docx")


def test_an_office_file_that_points_at_itself_or_nothing(take):
    for target in ("word/document.xml", "_rels/.rels", "", "/", ".."):
        content = office(target, {"word/x.xml": "<x/>"})
        with pytest.raises((DocumentUnreadable, UnsupportedMedia, DocumentEmpty)):
            take(content, "a.docx")


def test_a_sheet_of_far_places_takes_no_memory(take):
    rows = "".join(
        f'<row r="{n}"><c r="XFD{n}"><v>1</v></c><c r="ZZZ9"><v>2</v></c></row>' for n in range(4_000)
    )
    assert take(xlsx({"S": rows}), "a.xlsx").parsed.chars < 100_000


def test_strange_numbers_in_a_sheet(take):
    cells = "".join(
        f'<c s="{style}" t="{kind}"><v>{value}</v></c>'
        for style in ("1", "99999999", "-1")
        for kind in ("n", "s", "b")
        for value in ("1e999", "nan", "-5", "99999999999", "2958465.99999999", "٣", "")
    )
    assert take(xlsx({"S": f"<row>{cells}</row>"}, ["a"]), "a.xlsx").parsed.blocks == 2


def test_rich_text_that_nests_without_end_or_skips_far(take):
    with pytest.raises(DocumentUnreadable):
        take(b"{\\rtf1 " + b"{" * 100_000, "a.rtf")
    assert take(b"{\\rtf1 a\\bin9999999999 b} }}}} c", "a.rtf").whole == "a"


def test_mail_of_endless_parts(take):
    parts = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(3_000))
    with pytest.raises(DocumentUnreadable):
        take(f"From: a\nDate: b\nSubject: c\n{parts}", "a.eml")


def test_a_pdf_whose_pages_are_each_other(take):
    pdf = Pdf()
    pdf.lines("x")
    content = pdf.done().replace(
        b"/Type /Pages /Count 1 /Kids [4 0 R]", b"/Type /Pages /Count 9 /Kids [2 0 R]"
    )
    with pytest.raises(DocumentUnreadable):
        take(content, "a.pdf")


def test_programs_and_media_are_refused(take):
    for content in (
        b"MZ" + b"\0" * 200,
        b"\x7fELF" + b"\0" * 100,
        b"fLaC\0\0\0\x22" + b"\0" * 99,
        b"\x01\x02\x03" * 99,
    ):
        with pytest.raises(UnsupportedMedia):
            take(content, "a.txt")
