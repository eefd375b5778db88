"""Small documents of each format, written by hand: only what their readers look at."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage

from PIL import Image, ImageDraw

OFFICE = "http://schemas.openxmlformats.org"
W = f'xmlns:w="{OFFICE}/wordprocessingml/2006/main"'
A = f'xmlns:a="{OFFICE}/drawingml/2006/main"'
R = f'xmlns:r="{OFFICE}/officeDocument/2006/relationships"'
WP = f'xmlns:wp="{OFFICE}/drawingml/2006/wordprocessingDrawing"'
P = f'xmlns:p="{OFFICE}/presentationml/2006/main"'
X = f'xmlns="{OFFICE}/spreadsheetml/2006/main"'
ODF = "urn:oasis:names:tc:opendocument:xmlns"
RELATION = f"{OFFICE}/officeDocument/2006/relationships"


def zipped(parts: Mapping[str, str | bytes], *, stored: Sequence[str] = ()) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in parts.items():
            how = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            file.writestr(name, part, how)
    return content.getvalue()


def relations(targets: Mapping[str, tuple[str, str]]) -> str:
    """By id: the kind and the target."""
    listed = "".join(
        f'<Relationship Id="{name}" Type="{RELATION}/{kind}" Target="{target}"/>'
        for name, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{OFFICE}/package/2006/relationships">{listed}</Relationships>'


def office(main: str, parts: Mapping[str, str | bytes]) -> bytes:
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relations({"rId1": ("officeDocument", main)}),
            **parts,
        }
    )


def paragraph(text: str, style: str = "", *, more: str = "", run: str = "") -> str:
    its = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{its}{more}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


ITEM = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
STYLES = f"""<w:styles {W}>
<w:style w:styleId="Heading1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>
<w:style w:styleId="ListBullet"><w:name w:val="List Bullet"/><w:pPr><w:numPr/></w:pPr></w:style>
<w:style w:styleId="Own"><w:name w:val="My own"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>
</w:styles>"""


def docx(body: str, parts: Mapping[str, str | bytes] | None = None) -> bytes:
    return office(
        "word/document.xml",
        {
            "word/document.xml": f"<w:document {W} {A} {R} {WP}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": STYLES,
            "word/_rels/document.xml.rels": relations(
                {
                    "rId1": ("styles", "styles.xml"),
                    "rId2": ("footnotes", "/word/footnotes.xml"),
                    "rId3": ("image", "media/image1.png"),
                    "rId4": ("image", "../../../etc/passwd"),
                }
            ),
            **(parts or {}),
        },
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    told = "".join(
        "<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>" for row in rows
    )
    return f"<w:tbl>{told}</w:tbl>"


def drawing(relation: str, alt: str) -> str:
    return (
        f'<w:p><w:r><w:drawing><wp:inline><wp:docPr id="1" name="x" descr="{alt}"/>'
        f'<a:graphic><a:blip r:embed="{relation}"/></a:graphic></wp:inline></w:drawing></w:r></w:p>'
    )


def shape(kind: str, *lines: str) -> str:
    its = f'<p:ph type="{kind}"/>' if kind else ""
    told = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in lines)
    return f"<p:sp><p:nvSpPr><p:nvPr>{its}</p:nvPr></p:nvSpPr><p:txBody>{told}</p:txBody></p:sp>"


def pptx(slides: Sequence[str], parts: Mapping[str, str | bytes] | None = None) -> bytes:
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="rId{n}"/>' for n in range(1, len(slides) + 1))
    return office(
        "ppt/presentation.xml",
        {
            "ppt/presentation.xml": f"<p:presentation {P} {R}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
            # Names and order of the parts say nothing.
            "ppt/_rels/presentation.xml.rels": relations(
                {f"rId{n}": ("slide", f"slides/slide{99 - n}.xml") for n in range(1, len(slides) + 1)}
            ),
            **{
                f"ppt/slides/slide{99 - n}.xml": f"<p:sld {P} {A} {R}>{slide}</p:sld>"
                for n, slide in enumerate(slides, 1)
            },
            **(parts or {}),
        },
    )


def xlsx(sheets: Mapping[str, str], texts: Sequence[str] = (), *, more: str = "") -> bytes:
    """Sheets by their name: the XML of their rows. Style 1 is a date, 2 a date of its own, 3 a number in red."""
    listed = "".join(f'<sheet name="{name}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1))
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    styles = (
        f'<styleSheet {X}><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd hh:mm"/>'
        '<numFmt numFmtId="165" formatCode="[Red]0.00&quot;days&quot;"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>'
    )
    return office(
        "xl/workbook.xml",
        {
            "xl/workbook.xml": f"<workbook {X} {R}>{more}<sheets>{listed}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": relations(
                {
                    **{f"rId{n}": ("worksheet", f"worksheets/s{n}.xml") for n in range(1, len(sheets) + 1)},
                    "rIdT": ("sharedStrings", "sharedStrings.xml"),
                    "rIdS": ("styles", "styles.xml"),
                }
            ),
            "xl/sharedStrings.xml": f"<sst {X}>{shared}</sst>",
            "xl/styles.xml": styles,
            **{
                f"xl/worksheets/s{n}.xml": f"<worksheet {X}><sheetData>{rows}</sheetData></worksheet>"
                for n, rows in enumerate(sheets.values(), 1)
            },
        },
    )


def opendocument(kind: str, body: str, parts: Mapping[str, str | bytes] | None = None) -> bytes:
    spaces = " ".join(
        f'xmlns:{name}="{ODF}:{name}:1.0"' for name in ("office", "text", "table", "presentation")
    )
    spaces += f' xmlns:draw="{ODF}:drawing:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document-content {spaces}><office:body>{body}</office:body>"
            "</office:document-content>",
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{ODF}:manifest:1.0"/>',
            **(parts or {}),
        },
        stored=("mimetype",),
    )


def epub(chapters: Mapping[str, str], parts: Mapping[str, str | bytes] | None = None) -> bytes:
    items = "".join(
        f'<item id="i{n}" href="text/{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(chapters)
    )
    # Listed in one order, read in the other.
    order = "".join(f'<itemref idref="i{n}"/>' for n in reversed(range(len(chapters))))
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>Truyện Kiều</dc:title></metadata>'
            f"<manifest>{items}</manifest><spine>{order}</spine></package>",
            **{f"OEBPS/text/{name}": text for name, text in chapters.items()},
            **(parts or {}),
        },
        stored=("mimetype",),
    )


def mail(
    text: str = "", html: str = "", files: Mapping[str, bytes] | None = None, subject: str = "Thư mời"
) -> bytes:
    message = EmailMessage()
    message["From"] = "Lan <lan@example.com>"
    message["To"] = "דנה <dana@example.com>"
    message["Date"] = "Mon, 02 Mar 2026 09:00:00 +0700"
    message["Subject"] = subject
    if text:
        message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html") if text else message.set_content(html, subtype="html")
    for name, content in (files or {}).items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def picture(kind: str = "PNG", size: tuple[int, int] = (96, 80), **options) -> bytes:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((10, 10, 60, 40), fill="navy")
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


Run = tuple[float, float, float, str]
"""Size, x, y, text."""


class Pdf:
    """A PDF by hand: text in a font of two-byte codes that tells which characters they are."""

    def __init__(self) -> None:
        self.objects: list[bytes] = [b"", b""]
        self.pages: list[int] = []
        self.codes: dict[str, int] = {}
        self.info = 0

    def add(self, content: bytes) -> int:
        self.objects.append(content)
        return len(self.objects)

    def stream(self, content: bytes, more: bytes = b"") -> int:
        return self.add(b"<< /Length %d %s>>\nstream\n%s\nendstream" % (len(content), more, content))

    def titled(self, title: str) -> None:
        self.info = self.add(b"<< /Title <FEFF%s> >>" % title.encode("utf-16-be").hex().encode())

    def page(
        self, runs: Sequence[Run] = (), *, drawn: bytes = b"", box: str = "0 0 595 842", more: str = ""
    ) -> None:
        shown = [drawn]
        for size, x, y, text in runs:
            codes = "".join(f"{self.codes.setdefault(char, len(self.codes) + 1):04X}" for char in text)
            shown.append(f"BT /F1 {size} Tf {x} {y} Td <{codes}> Tj ET".encode())
        content = self.stream(b"\n".join(shown))
        self.pages.append(
            self.add(
                f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents {content} 0 R {more}"
                " /Resources << /Font << /F1 FONT 0 R >> >> >>".encode()
            )
        )

    def lines(self, *texts: str, size: float = 11, top: float = 780) -> None:
        """A page of lines."""
        self.page([(size, 60, top - n * size * 1.25, text) for n, text in enumerate(texts)])

    def _font(self) -> int:
        listed = "\n".join(
            f"<{code:04X}> <{char.encode('utf-16-be').hex()}>" for char, code in self.codes.items()
        )
        unicode = self.stream(
            f"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def\n"
            f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{len(self.codes)} beginbfchar\n{listed}\n"
            "endbfchar endcmap end end".encode()
        )
        descriptor = self.add(
            b"<< /Type /FontDescriptor /FontName /Made /Flags 4 /FontBBox [0 -200 1000 800] /ItalicAngle 0"
            b" /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>"
        )
        inner = self.add(
            b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Made /FontDescriptor %d 0 R /DW 500"
            b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>" % descriptor
        )
        return self.add(
            b"<< /Type /Font /Subtype /Type0 /BaseFont /Made /Encoding /Identity-H /DescendantFonts [%d 0 R]"
            b" /ToUnicode %d 0 R >>" % (inner, unicode)
        )

    def done(self, *, trailer: bytes = b"") -> bytes:
        font = self._font()
        self.objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
        kids = b" ".join(b"%d 0 R" % page for page in self.pages)
        self.objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(self.pages), kids)
        content = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, one in enumerate(self.objects, 1):
            places.append(len(content))
            content += b"%d 0 obj\n%s\nendobj\n" % (number, one.replace(b"FONT", b"%d" % font))
        start = len(content)
        content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        content += b"".join(b"%010d 00000 n \n" % place for place in places)
        info = b"/Info %d 0 R " % self.info if self.info else b""
        content += b"trailer << /Size %d /Root 1 0 R %s%s>>\nstartxref\n%d\n%%%%EOF\n" % (
            len(places) + 1,
            info,
            trailer,
            start,
        )
        return bytes(content)


def every_format() -> dict[str, bytes]:
    """A small document of each format, by its name."""
    pdf = Pdf()
    pdf.titled("Sổ tay")
    pdf.page(
        [
            (22, 60, 780, "Chapter One"),
            (11, 60, 740, "A plain sentence stands here."),
            (11, 60, 726, "And more."),
        ]
    )
    pdf.page(drawn=b"0 0 1 rg 50 50 200 200 re f")
    image = picture()
    body = paragraph("One", "Heading1") + paragraph("Text of it.") + table([["a", "b"], ["c", "d"]])
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        '<row r="2"><c r="A2"><v>3</v></c></row>'
    )
    slide = shape("title", "Plan") + shape("", "first", "second")
    sheet = (
        '<table:table table:name="S"><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell>'
        "</table:table-row></table:table>"
    )
    return {
        "a.pdf": pdf.done(),
        "a.docx": docx(body + drawing("rId3", "blue"), {"word/media/image1.png": image}),
        "a.xlsx": xlsx({"Sheet": rows}, ["name", "value"]),
        "a.pptx": pptx([slide, slide]),
        "a.odt": opendocument("text", "<office:text><text:h>One</text:h><text:p>Text</text:p></office:text>"),
        "a.ods": opendocument("spreadsheet", f"<office:spreadsheet>{sheet}</office:spreadsheet>"),
        "a.epub": epub({"a.xhtml": "<html><body><h1>One</h1><p>Text</p></body></html>"}),
        "a.eml": mail("Hello there", "<p>Hello there</p>", {"a.docx": docx(body), "b.csv": b"a,b\n1,2\n"}),
        "a.rtf": rb"{\rtf1\ansi{\fonttbl{\f0\fcharset163 A;}}\f0 Vi\u7879?t Nam\par \'e9\par}",
        "a.html": b"<html><body><h1>One</h1><p>Text</p><table><tr><td>a<td>b</table><ul><li>x<li>y</ul></body>",
        "a.md": b"# One\n\ntext *here*\n\n| a | b |\n|---|---|\n| c | d |\n\n```py\ncode\n```\n",
        "a.csv": b"name,city\nAn,Hue\nBinh,Hanoi\n",
        "a.txt": "Xin chào.\n\n你好。\n\nשלום".encode(),
        "a.json": b'{"a": [1, {"b": "\\u4f60"}]}',
        "a.jsonl": b'{"a": "\\u4f60"}\n{"a": 2}\n',
        "a.xml": b'<?xml version="1.0"?><a><b c="d">e</b></a>',
        "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><title>T</title><text>words</text></svg>',
        "a.png": image,
        "a.jpg": picture("JPEG"),
        "a.webp": picture("WEBP"),
        "a.gif": picture("GIF"),
    }
