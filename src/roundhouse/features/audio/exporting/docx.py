"""A document for Word and its kin: the few parts of Office Open XML that headings and paragraphs need.

Source:
    ECMA-376-1 (2016), WordprocessingML: `w:p`, `w:r`, `w:t`, `w:pStyle`, `w:bidi`, `w:rtl`; ECMA-376-2, packaging.
"""

from __future__ import annotations

import io
import re
import zipfile
from xml.sax.saxutils import escape

from roundhouse.features.audio.exporting.document import Block, Document, Style

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
# What XML cannot hold, whoever said it.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# The same bytes for the same recording.
_DATE = (1980, 1, 1, 0, 0, 0)

_STYLES: dict[Style, tuple[str, str, str]] = {
    "title": ("Title", "", '<w:b/><w:sz w:val="40"/>'),
    "heading": ("Heading1", '<w:keepNext/><w:outlineLvl w:val="0"/>', '<w:b/><w:sz w:val="30"/>'),
    "subheading": ("Heading2", '<w:keepNext/><w:outlineLvl w:val="1"/>', '<w:b/><w:sz w:val="25"/>'),
    "text": ("Normal", "", '<w:sz w:val="22"/>'),
    "bullet": ("ListBullet", '<w:ind w:left="360" w:hanging="200"/>', '<w:sz w:val="22"/>'),
    "quote": ("Quote", '<w:ind w:left="360"/>', '<w:i/><w:sz w:val="22"/>'),
}
_CONTENT_TYPES = (
    f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{_WORD}.document.main+xml"/>'
    f'<Override PartName="/word/styles.xml" ContentType="{_WORD}.styles+xml"/></Types>'
)
_RELATIONS = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
    f' Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
)
_WORD_RELATIONS = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
    f' Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
)


def docx(whole: Document) -> bytes:
    """The document as a file."""
    body = "".join(_paragraph(block, right_to_left=whole.right_to_left) for block in whole.blocks)
    parts = {
        "[Content_Types].xml": _CONTENT_TYPES,
        "_rels/.rels": _RELATIONS,
        "word/_rels/document.xml.rels": _WORD_RELATIONS,
        "word/styles.xml": _styles(),
        "word/document.xml": f"{_HEAD}<w:document {_W}><w:body>{body}<w:sectPr/></w:body></w:document>",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _styles() -> str:
    found = []
    for style_id, paragraph, run in _STYLES.values():
        default = ' w:default="1"' if style_id == "Normal" else ""
        name = {"Heading1": "heading 1", "Heading2": "heading 2", "ListBullet": "List Bullet"}.get(
            style_id, style_id
        )
        found.append(
            f'<w:style w:type="paragraph"{default} w:styleId="{style_id}"><w:name w:val="{name}"/>'
            f'<w:pPr>{paragraph}<w:spacing w:after="120"/></w:pPr><w:rPr>{run}</w:rPr></w:style>'
        )
    return f"{_HEAD}<w:styles {_W}>{''.join(found)}</w:styles>"


def _paragraph(block: Block, *, right_to_left: bool) -> str:
    style_id = _STYLES[block.style][0]
    bidi = "<w:bidi/>" if right_to_left else ""
    text = f"• {block.text}" if block.style == "bullet" else block.text
    runs = _run(f"{block.lead}  ", "<w:b/>", right_to_left=right_to_left) if block.lead else ""
    runs += _run(text, "", right_to_left=right_to_left)
    return f'<w:p><w:pPr><w:pStyle w:val="{style_id}"/>{bidi}</w:pPr>{runs}</w:p>'


def _run(text: str, properties: str, *, right_to_left: bool) -> str:
    shown = escape(_FORBIDDEN.sub("", text)).replace("\n", '</w:t><w:br/><w:t xml:space="preserve">')
    rtl = "<w:rtl/>" if right_to_left else ""
    return f'<w:r><w:rPr>{properties}{rtl}</w:rPr><w:t xml:space="preserve">{shown}</w:t></w:r>'
