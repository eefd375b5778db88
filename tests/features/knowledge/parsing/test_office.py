"""Word, Excel and PowerPoint files."""

import pytest

from features.knowledge.parsing.writers import (
    ITEM,
    A,
    P,
    R,
    W,
    docx,
    drawing,
    paragraph,
    picture,
    pptx,
    relations,
    shape,
    table,
    xlsx,
)
from roundhouse.core.errors import DocumentEmpty


def test_a_word_file(take):
    body = (
        paragraph("Hợp đồng", "Heading1")
        + paragraph("Bên A và bên B.")
        + paragraph("付款", "berschrift2")
        + paragraph("thirty days", more=ITEM)
        + paragraph("by transfer", "ListBullet")
        + paragraph("Detail", "Own")
        + table([["Name", "Sum"], ["Lan", "5"]])
        + paragraph("Annex", "Heading1")
        + paragraph("נספח")
    )
    found = take(docx(body), "a.docx")
    assert found.told() == [
        ("heading", "Hợp đồng"),
        ("text", "Bên A và bên B."),
        ("heading", "付款"),
        ("text", "- thirty days\n- by transfer"),
        ("heading", "Detail"),
        ("table", "Name | Sum\nLan | 5"),
        ("heading", "Annex"),
        ("text", "נספח"),
    ]
    assert [block.level for block in found.blocks if block.level] == [1, 2, 3, 1]
    assert found.blocks[5].headings == ("Hợp đồng", "付款", "Detail")
    assert found.blocks[7].headings == ("Annex",)
    assert found.parsed.title == "Hợp đồng"


def test_what_is_deleted_or_hidden_in_a_word_file_is_not_read(take):
    body = (
        "<w:p><w:r><w:t>kept </w:t></w:r><w:del><w:r><w:t>gone</w:t><w:delText>gone</w:delText></w:r></w:del>"
        '<w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r><w:r><w:rPr><w:vanish w:val="0"/></w:rPr>'
        "<w:t>shown</w:t><w:tab/><w:t>too</w:t></w:r><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
    )
    assert take(docx(body), "a.docx").whole == "kept shown\ttoo"


def test_a_text_box_is_read_once_and_tables_in_tables_are_cells(take):
    box = f"<w:txbxContent>{paragraph('in the box')}</w:txbxContent>"
    inner = table([["x", "y"]])
    body = (
        "<w:p><w:r><w:t>around</w:t></w:r><w:r><mc:AlternateContent"
        ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
        f"<w:tbl><w:tr><w:tc>{paragraph('a')}{inner}</w:tc><w:tc>{paragraph('b')}</w:tc></w:tr></w:tbl>"
    )
    assert take(docx(body), "a.docx").whole == "in the box\n\naround\n\na x y | b"


def test_notes_and_pictures_of_a_word_file(take):
    parts = {
        "word/footnotes.xml": f"<w:footnotes {W}><w:footnote>{paragraph('a note')}</w:footnote></w:footnotes>",
        "word/media/image1.png": picture(),
    }
    body = (
        paragraph("Top", "Heading1")
        + drawing("rId3", "A blue box")
        + drawing("rId3", "again")
        + drawing("rId4", "x")
    )
    found = take(docx(body, parts), "a.docx")
    assert found.told() == [("heading", "Top"), ("image", "A blue box"), ("text", "a note")]
    (kept,) = found.folder.glob("picture-*")
    assert found.blocks[1].image == kept.name
    assert kept.read_bytes().startswith(b"\x89PNG")


def test_small_and_damaged_pictures_are_left_out(take):
    body = paragraph("text") + drawing("rId3", "icon")
    assert take(docx(body, {"word/media/image1.png": picture(size=(20, 20))}), "a.docx").parsed.warnings == ()
    found = take(docx(body, {"word/media/image1.png": picture()[:90]}), "a.docx")
    assert [block.kind for block in found.blocks] == ["text"]
    assert "left out" in found.parsed.warnings[0]


def test_only_so_many_pictures_are_kept(take):
    targets = {f"p{n}": ("image", f"media/{n}.png") for n in range(4)}
    parts = {f"word/media/{n}.png": picture(size=(100 + n, 80)) for n in range(4)}
    parts["word/_rels/document.xml.rels"] = relations(targets)
    found = take(docx("".join(drawing(name, name) for name in targets), parts), "a.docx", max_pictures=3)
    assert [block.text for block in found.blocks] == ["p0", "p1", "p2"]
    assert found.parsed.warnings == ("It has more than 3 pictures; the others were left out.",)


def test_an_empty_word_file(take):
    with pytest.raises(DocumentEmpty):
        take(docx(paragraph("  ")), "a.docx")


def test_slides_in_their_order_with_titles_tables_and_notes(take):
    grid = (
        "<p:graphicFrame><a:tbl><a:tr><a:tc><a:p><a:r><a:t>Q1</a:t></a:r></a:p></a:tc>"
        "<a:tc><a:p><a:r><a:t>Q2</a:t></a:r></a:p></a:tc></a:tr></a:tbl></p:graphicFrame>"
    )
    notes = f"<p:notes {P} {A} {R}>{shape('body', 'Say hello.')}{shape('sldNum', '1')}</p:notes>"
    content = pptx(
        [shape("title", "Kế hoạch") + shape("", "Ý đầu", "Ý hai") + shape("ftr", "ACME"), grid],
        {
            "ppt/slides/_rels/slide98.xml.rels": relations({"rId9": ("notesSlide", "../notesSlides/n1.xml")}),
            "ppt/notesSlides/n1.xml": notes,
        },
    )
    found = take(content, "a.pptx")
    assert [(block.page, block.kind, block.text) for block in found.blocks] == [
        (1, "heading", "Kế hoạch"),
        (1, "text", "Ý đầu\nÝ hai"),
        (1, "text", "Say hello."),
        (2, "table", "Q1 | Q2"),
    ]
    assert (found.parsed.pages, found.parsed.title) == (2, "Kế hoạch")
    assert found.blocks[3].headings == ()


def cell(place: str, value: str, kind: str = "n", style: int = 0) -> str:
    return f'<c r="{place}" t="{kind}" s="{style}"><v>{value}</v></c>'


def test_a_workbook_names_its_values(take):
    rows = (
        f"<row>{cell('A1', '0', 's')}{cell('B1', '1', 's')}{cell('D1', '2', 's')}</row>"
        f"<row>{cell('A2', '3', 's')}{cell('B2', '45718', style=1)}{cell('D2', '0.30000000000000004')}</row>"
        f"<row>{cell('A3', '99', 's')}{cell('B3', '45718.5', style=2)}{cell('D3', '7', style=3)}</row>"
        "<row/>"
        f'<row>{cell("A5", "1", "b")}<c r="D5" t="inlineStr"><is><t>in line</t></is></c></row>'
    )
    content = xlsx(
        {"Lương": rows, "Leer": "", "Zwei": f"<row>{cell('A1', '8')}</row>"}, ["Tên", "Ngày", "Số", "An"]
    )
    found = take(content, "a.xlsx")
    assert found.told() == [
        ("heading", "Lương"),
        (
            "table",
            "Tên: An | Ngày: 2025-03-02 | Số: 0.3\nNgày: 2025-03-02 12:00:00 | Số: 7\nTên: TRUE | Số: in line",
        ),
        ("heading", "Leer"),
        ("heading", "Zwei"),
        ("table", "8"),
    ]


def test_a_workbook_of_the_other_calendar(take):
    content = xlsx({"S": f"<row>{cell('A1', '0', style=1)}</row>"}, more='<workbookPr date1904="1"/>')
    assert take(content, "a.xlsx").blocks[1].text == "1904-01-01"


def test_a_long_sheet_is_parted_by_rows(take):
    rows = "".join(f"<row>{cell(f'A{n}', str(n))}{cell(f'B{n}', str(n * 2))}</row>" for n in range(2, 202))
    content = xlsx({"S": f"<row>{cell('A1', '0', 's')}{cell('B1', '1', 's')}</row>" + rows}, ["one", "two"])
    tables = [block.text for block in take(content, "a.xlsx").blocks if block.kind == "table"]
    assert [len(one.splitlines()) for one in tables] == [50, 50, 50, 50]
    assert tables[3].endswith("one: 201 | two: 402")


def test_office_files_are_known_without_their_ending(take):
    for content, kind in (
        (docx(paragraph("x")), "wordprocessingml.document"),
        (pptx([shape("title", "x")]), "presentationml.presentation"),
        (xlsx({"S": f"<row>{cell('A1', '1')}</row>"}), "spreadsheetml.sheet"),
    ):
        assert take(content, "wrong.pdf").parsed.content_type.endswith(kind)
