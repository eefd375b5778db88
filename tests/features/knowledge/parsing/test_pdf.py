"""PDF: text in four languages, headings, paragraphs, pages without text, pages as images."""

import pytest
from PIL import Image

from features.knowledge.parsing.writers import Pdf
from roundhouse.core.errors import DocumentEncrypted, DocumentUnreadable, NotFound, TooLarge
from roundhouse.features.knowledge.parsing import PageOrder, ParsingLimits
from roundhouse.features.knowledge.parsing.child import drawn
from roundhouse.features.knowledge.parsing.pdf import scale_of
from roundhouse.features.knowledge.parsing.pdf_layout import Line, Sizes, joined, paragraphs

VIETNAMESE = "Tiếng Việt có nhiều dấu: đường, ruộng, bưởi, nghĩa."
CHINESE = "北京是中华人民共和国的首都，人口超过两千万。"
HEBREW = "ירושלים היא בירת ישראל"


def test_four_languages(take):
    pdf = Pdf()
    pdf.lines("An English sentence.")
    pdf.lines(VIETNAMESE)
    pdf.lines(CHINESE)
    # Letters lie on the page as they are seen, from left to right.
    pdf.lines(HEBREW[::-1])
    found = take(pdf.done(), "a.pdf")
    assert [(block.page, block.text) for block in found.blocks] == [
        (1, "An English sentence."),
        (2, VIETNAMESE),
        (3, CHINESE),
        (4, HEBREW),
    ]
    assert found.parsed.pages == 4


def test_headings_by_the_size_of_their_letters(take):
    pdf = Pdf()
    pdf.titled("Sổ tay")
    lines = [
        (24, 780, "Handbook"),
        (16, 740, "First part"),
        (11, 715, "This is a paragraph whose first line is long enough to be the widest of"),
        (11, 701, "all, and its second line."),
        (11, 680, "Another paragraph, set off from the one above by a gap between their lines, it is"),
        (16, 640, "Second part"),
        (11, 615, "More text."),
    ]
    pdf.page([(size, 60, y, text) for size, y, text in lines])
    found = take(pdf.done(), "a.pdf")
    assert [(block.kind, block.level, block.headings) for block in found.blocks] == [
        ("heading", 1, ()),
        ("heading", 2, ("Handbook",)),
        ("text", None, ("Handbook", "First part")),
        ("text", None, ("Handbook", "First part")),
        ("heading", 2, ("Handbook",)),
        ("text", None, ("Handbook", "Second part")),
    ]
    assert found.blocks[2].text.endswith("the widest of all, and its second line.")
    assert found.parsed.title == "Sổ tay"


def test_pages_without_text_are_offered_as_images_and_told(take):
    box = b"0 0 1 rg 50 50 400 400 re f"
    pdf = Pdf()
    pdf.lines("Text.")
    pdf.page(drawn=box)
    pdf.page(drawn=box)
    pdf.page()
    pdf.page(drawn=box)
    found = take(pdf.done(), "a.pdf")
    assert [(block.page, block.kind, block.image) for block in found.blocks] == [
        (1, "text", None),
        (2, "image", None),
        (3, "image", None),
        (5, "image", None),
    ]
    assert found.parsed.warnings[0].startswith("Pages 2-3, 5 have no text")
    pages = [block.page for block in take(pdf.done(), "a.pdf", pages=True).blocks if block.kind == "image"]
    assert pages == [1, 2, 3, 4, 5]


def test_a_picture_with_few_words_is_offered_as_both(take):
    pixels = b"q 300 0 0 300 100 300 cm BI /W 1 /H 1 /CS /RGB /BPC 8 ID \x10\x80\xf0 EI Q"
    pdf = Pdf()
    pdf.page([(11, 60, 780, "Received 3 May")], drawn=pixels)
    pdf.page(
        [(11, 60, 780 - 14 * line, f"Line {line} of a page with words enough.") for line in range(9)],
        drawn=pixels,
    )
    found = take(pdf.done(), "a.pdf")
    assert [(block.page, block.kind) for block in found.blocks if block.kind == "image"] == [(1, "image")]
    assert found.blocks[0].text == "Received 3 May"
    assert found.parsed.warnings == ()


def test_running_titles_and_numbers_of_pages_are_left_out(take):
    pdf = Pdf()
    pdf.page([(20, 60, 500, "Handbook of ACME")])
    for number in range(1, 7):
        pdf.page(
            [
                (9, 60, 820, "Handbook of ACME"),
                (11, 60, 700, f"What is said on page {number} alone: {'abcdefg'[number] * 5}."),
                (9, 290, 20, f"{number} / 6"),
            ]
        )
    found = take(pdf.done(), "a.pdf")
    assert found.blocks[0].kind == "heading"
    assert [block.text[:26] for block in found.blocks] == [
        "Handbook of ACME",
        *(f"What is said on page {number} alo" for number in range(1, 7)),
    ]


def test_contents_are_no_headings(take):
    pdf = Pdf()
    pdf.page([(11, 60, 700, "Body text " * 9), (16, 60, 650, "1 Introduction . . . . . . . . . 3")])
    assert [(block.kind, block.text) for block in take(pdf.done(), "a.pdf").blocks][1:] == [
        ("text", "1 Introduction … 3")
    ]


def test_too_many_pages(take):
    pdf = Pdf()
    for number in range(5):
        pdf.lines(f"Page {number}")
    assert take(pdf.done(), "a.pdf", max_pages=5).parsed.pages == 5
    with pytest.raises(TooLarge, match="5 pages; at most 4"):
        take(pdf.done(), "a.pdf", max_pages=4)


def encrypted() -> bytes:
    pdf = Pdf()
    pdf.lines("Secret.")
    key = b"00" * 32
    return pdf.done(
        trailer=b"/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <%s> /U <%s> >>"
        b" /ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]" % (key, key)
    )


def test_an_encrypted_pdf(take):
    with pytest.raises(DocumentEncrypted):
        take(encrypted(), "a.pdf")


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\0" * 5000, b"%PDF-1.4\ntrailer << /Root 9 0 R >>"]
)
def test_a_damaged_pdf(take, content):
    with pytest.raises(DocumentUnreadable):
        take(content, "a.pdf")


def test_half_a_pdf_gives_what_it_has_or_an_error(take):
    pdf = Pdf()
    for number in range(20):
        pdf.lines(f"Page {number}")
    content = pdf.done()
    with pytest.raises(DocumentUnreadable):
        take(content[: len(content) // 2], "a.pdf")


def draw(tmp_path, content: bytes, page: int = 1, **limits) -> Image.Image:
    path = tmp_path / "upload"
    path.write_bytes(content)
    order = PageOrder(str(path), "a.pdf", str(tmp_path), page, f"page-{page}", ParsingLimits(**limits))
    found = drawn(order)
    image = Image.open(tmp_path / found.name)
    assert image.size == (found.width_px, found.height_px)
    return image


def test_a_page_as_an_image(tmp_path):
    pdf = Pdf()
    pdf.page()
    pdf.page(drawn=b"1 0 0 rg 0 0 595 421 re f")
    image = draw(tmp_path, pdf.done(), 2, page_mpx=0.5)
    assert 480_000 < image.width * image.height < 520_000
    assert image.convert("RGB").getpixel((image.width // 2, image.height - 20))[0] > 200
    assert image.convert("RGB").getpixel((image.width // 2, 20)) == (255, 255, 255)
    with pytest.raises(NotFound):
        draw(tmp_path, pdf.done(), 3)


def test_a_page_of_any_size_has_so_many_pixels(tmp_path):
    for box in ("0 0 14400 14400", "0 0 1000000 1000000", "0 0 3 3", "0 0 20000 200"):
        pdf = Pdf()
        pdf.page(drawn=b"1 0 0 rg 0 0 5 5 re f", box=box)
        image = draw(tmp_path, pdf.done(), page_mpx=1)
        assert image.width * image.height < 1_100_000
    pdf = Pdf()
    pdf.page(drawn=b"1 0 0 rg 0 0 5 5 re f", box="0 0 1000000 2")
    with pytest.raises(DocumentUnreadable):
        draw(tmp_path, pdf.done())


def test_scales():
    assert scale_of(500, 500, 1.0) == 2.0
    assert scale_of(10, 10, 2.0) == 4.0
    for width, height in ((0, 5), (5, -1), (float("nan"), 5), (float("inf"), 5), (5000, 1)):
        with pytest.raises(ValueError, match="a page"):
            scale_of(width, height, 2.0)


def line(text: str, top: float, *, size: float = 10, left: float = 50, right: float = 500) -> Line:
    return Line(text, size, left, right, top, top - size)


def joined_of(*lines: Line) -> list[str]:
    sizes = Sizes()
    sizes.add(lines)
    sizes.close()
    return [paragraph.text for paragraph in paragraphs(lines, sizes)]


def test_lines_become_paragraphs():
    assert joined_of(line("One goes", 700), line("on here.", 688)) == ["One goes on here."]
    assert joined_of(line("A gap.", 700), line("Below.", 680)) == ["A gap.", "Below."]
    assert joined_of(line("Short.", 700, right=200), line("Next, which is longer", 688)) == [
        "Short.",
        "Next, which is longer",
    ]
    assert joined_of(line("List", 700), line("- one", 688), line("- two", 676)) == ["List", "- one", "- two"]
    assert joined_of(line("It ends in this column and", 100), line("goes on in that.", 700)) == [
        "It ends in this column and goes on in that."
    ]
    assert joined_of(line("It ends here.", 100), line("Another one.", 700)) == [
        "It ends here.",
        "Another one.",
    ]


def test_words_that_were_parted_are_whole_again():
    assert joined([line("a hyphen\x02", 10), line("ated word", 10)]) == "a hyphenated word"
    assert joined([line("exam-", 10), line("ple", 10)]) == "example"
    assert joined([line("Anglo-", 10), line("Saxon", 10)]) == "Anglo- Saxon"
    assert joined([line("中华人民", 10), line("共和国", 10)]) == "中华人民共和国"
