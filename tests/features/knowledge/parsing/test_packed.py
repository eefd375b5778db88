"""OpenDocument, EPUB, Rich Text."""

import pytest

from features.knowledge.parsing.writers import ODF, epub, opendocument, picture
from roundhouse.core.errors import DocumentEncrypted, DocumentUnreadable


def test_a_text_of_opendocument(take):
    body = (
        '<office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:h text:outline-level="1">'
        'Một</text:h><text:p>a<text:s text:c="3"/>b<text:tab/>c</text:p>'
        "<text:list><text:list-item><text:p>x</text:p><text:list><text:list-item><text:p>y</text:p></text:list-item>"
        "</text:list></text:list-item></text:list>"
        '<text:h text:outline-level="2">二</text:h>'
        "<table:table><table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:table-cell>"
        "<text:p>2</text:p></table:table-cell></table:table-row></table:table>"
        "<text:p>before<office:annotation><text:p>remark</text:p></office:annotation> after</text:p>"
        '<text:p><draw:frame><draw:image xlink:href="Pictures/1.png"/></draw:frame></text:p></office:text>'
    )
    found = take(opendocument("text", body, {"Pictures/1.png": picture()}), "a.odt")
    assert found.told() == [
        ("heading", "Một"),
        ("text", "a   b\tc"),
        ("text", "- x\n  - y"),
        ("heading", "二"),
        ("table", "1 | 2"),
        ("text", "before after"),
        ("image", ""),
    ]
    assert found.blocks[4].headings == ("Một", "二")


def test_sheets_of_opendocument_repeat_within_bounds(take):
    def row(*cells: str, times: int = 1) -> str:
        return f'<table:table-row table:number-rows-repeated="{times}">{"".join(cells)}</table:table-row>'

    def cell(text: str, times: int = 1) -> str:
        inside = f"<text:p>{text}</text:p>" if text else ""
        return f'<table:table-cell table:number-columns-repeated="{times}">{inside}</table:table-cell>'

    body = (
        '<office:spreadsheet><table:table table:name="Kho">'
        + row(cell("Hàng"), cell("", 2), cell("Số"))
        + row(cell("bàn"), cell("", 2), cell("4"), cell("", 16000))
        + row(cell("ghế"), times=2)
        + row(cell("", 16384), times=1048576)
        + '</table:table><table:table table:name="Leer"/></office:spreadsheet>'
    )
    found = take(opendocument("spreadsheet", body), "a.ods")
    assert found.told() == [
        ("heading", "Kho"),
        ("table", "Hàng: bàn | Số: 4\nHàng: ghế\nHàng: ghế"),
        ("heading", "Leer"),
    ]
    bomb = row(cell("x", 999_999), times=999_999)
    content = opendocument(
        "spreadsheet", f"<office:spreadsheet><table:table>{bomb}</table:table></office:spreadsheet>"
    )
    assert take(content, "a.ods").parsed.chars < 5_000_000


def test_slides_of_opendocument(take):
    def frame(text: str, kind: str = "") -> str:
        its = f' presentation:class="{kind}"' if kind else ""
        return f"<draw:frame{its}><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"

    body = f"<office:presentation><draw:page>{frame('Plan', 'title')}{frame('one')}</draw:page>"
    body += f"<draw:page>{frame('two')}</draw:page>"
    found = take(opendocument("presentation", f"{body}</office:presentation>"), "a.odp")
    assert [(block.page, block.kind, block.text) for block in found.blocks] == [
        (1, "heading", "Plan"),
        (1, "text", "one"),
        (2, "text", "two"),
    ]
    assert (found.parsed.pages, found.parsed.title) == (2, "Plan")


def test_encrypted_opendocument(take):
    manifest = (
        f'<manifest:manifest xmlns:manifest="{ODF}:manifest:1.0"><manifest:file-entry><manifest:encryption-data/>'
        "</manifest:file-entry></manifest:manifest>"
    )
    with pytest.raises(DocumentEncrypted):
        take(
            opendocument("text", "", {"META-INF/manifest.xml": manifest, "content.xml": b"\x01\x02"}), "a.odt"
        )


CHAPTER = "<html><head><title>x</title></head><body><nav>menu</nav><h1>{}</h1><p>{}</p></body></html>"


def test_a_book_in_the_order_of_its_spine(take):
    found = take(
        epub({"b.xhtml": CHAPTER.format("Second", "b"), "a.xhtml": CHAPTER.format("First", "a")}), "a.epub"
    )
    assert [block.text for block in found.blocks] == ["First", "a", "Second", "b"]
    assert found.parsed.title == "Truyện Kiều"


def test_books_that_are_protected_or_only_hide_their_fonts(take):
    def encryption(algorithm: str) -> dict[str, str]:
        inner = f'<e:EncryptedData><e:EncryptionMethod Algorithm="{algorithm}"/></e:EncryptedData>'
        space = "http://www.w3.org/2001/04/xmlenc#"
        return {"META-INF/encryption.xml": f'<encryption xmlns:e="{space}">{inner}</encryption>'}

    chapters = {"a.xhtml": CHAPTER.format("One", "a")}
    with pytest.raises(DocumentEncrypted):
        take(epub(chapters, encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")), "a.epub")
    assert take(epub(chapters, encryption("http://www.idpf.org/2008/embedding")), "a.epub").parsed.blocks == 2


def test_a_book_without_its_list_of_contents(take):
    with pytest.raises(DocumentUnreadable):
        take(epub({}, {"META-INF/container.xml": "<container/>"}), "a.epub")


def test_rich_text(take):
    content = (
        rb"{\rtf1\ansi\ansicpg1258\deff0{\fonttbl{\f0\fcharset0 Arial;}"
        rb"{\f1\fcharset177 David;}{\f2\fcharset134 SimSun;}}"
        rb"{\*\generator Writer;}{\info{\title x}}"
        rb"\pard\outlinelevel0 Heading\par"
        rb"\pard Ti\'ea\'ecng \u7879? {\f1\'f9\'ec\'e5\'ed} {\f2\'c4\'e3\'ba\'c3} {\v hidden}"
        rb"\u-10179?\u-8703? \{x\}\par"
        rb"\trowd\intbl a\cell b\cell\row\trowd\intbl c\cell d\cell\row\pard after\par}"
    )
    assert take(content, "a.rtf").told() == [
        ("heading", "Heading"),
        ("text", "Tiếng ệ שלום 你好 😁 {x}"),
        ("table", "a | b\nc | d"),
        ("text", "after"),
    ]
