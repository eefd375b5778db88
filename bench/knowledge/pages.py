"""Documents to measure with: pages of made-up English in four formats."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

PAGE_PARAGRAPHS = 5
_SENTENCES = 4
_LINE_CHARS = 85
_CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

Page = list[str]
"""A heading and paragraphs."""


def make(folder: Path, form: str, files: int, pages: int, seed: int) -> list[Path]:
    """Write documents that differ from one another.

    Args:
        folder: Where to.
        form: One of `FORMS`.
        files: How many.
        pages: Of each, of some 2,000 characters.
        seed: Others give other words.
    """
    chance = random.Random(f"{seed} {form}")
    syllables = [first + second for first in "bcdfglmnprstv" for second in ("a", "en", "i", "or", "u", "ing")]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 3))) for _ in range(4000)]
    common = [1 / (rank + 2.7) for rank in range(len(words))]

    def sentence() -> str:
        return " ".join(chance.choices(words, common, k=chance.randint(8, 20))).capitalize() + "."

    def paragraph() -> str:
        return " ".join(sentence() for _ in range(_SENTENCES))

    made = []
    for number in range(files):
        content = [[sentence()[:60], *(paragraph() for _ in range(PAGE_PARAGRAPHS))] for _ in range(pages)]
        path = folder / f"{form}-{number}.{form}"
        path.write_bytes(FORMS[form](content))
        made.append(path)
    return made


def _markdown(pages: list[Page]) -> bytes:
    return "\n".join(f"## {head}\n\n" + "\n\n".join(rest) + "\n" for head, *rest in pages).encode()


def _html(pages: list[Page]) -> bytes:
    body = "".join(
        f"<h2>{escape(head)}</h2>" + "".join(f"<p>{escape(one)}</p>" for one in rest) for head, *rest in pages
    )
    return f"<!doctype html><html><head><title>Pages</title></head><body>{body}</body></html>".encode()


def _docx(pages: list[Page]) -> bytes:
    def block(text: str, style: str) -> str:
        return f'<w:p><w:pPr>{style}</w:pPr><w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'

    heading = '<w:outlineLvl w:val="1"/>'
    body = "".join(block(head, heading) + "".join(block(one, "") for one in rest) for head, *rest in pages)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", _CONTENT_TYPES)
        file.writestr("_rels/.rels", _RELATIONS)
        file.writestr(
            "word/document.xml", f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
        )
    return content.getvalue()


def _pdf(pages: list[Page]) -> bytes:
    """Helvetica on A4, a line after the other."""
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    kids = []
    for head, *rest in pages:
        drawn = [f"BT /F1 16 Tf 60 790 Td ({head}) Tj ET"]
        y = 765
        for text in rest:
            for line in _lines(text):
                drawn.append(f"BT /F1 10 Tf 60 {y} Td ({line}) Tj ET")
                y -= 12
            y -= 10
        stream = "\n".join(drawn).encode()
        parts.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        kids.append(len(parts) + 1)
        parts.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % len(parts)
        )
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    parts[1] = f"<< /Type /Pages /Kids [{listed}] /Count {len(kids)} >>".encode()
    return _assembled(parts)


def _assembled(parts: list[bytes]) -> bytes:
    """Objects and the table of where they begin."""
    content = b"%PDF-1.4\n"
    begins = []
    for number, part in enumerate(parts, 1):
        begins.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % begin for begin in begins)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, len(content))
    return content + b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1) + table + end


def _lines(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > _LINE_CHARS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


FORMS: dict[str, Callable[[list[Page]], bytes]] = {"pdf": _pdf, "docx": _docx, "html": _html, "md": _markdown}
