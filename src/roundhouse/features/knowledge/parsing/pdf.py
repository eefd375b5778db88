"""PDF by PDFium: lines with their places become paragraphs and headings; pages are drawn on demand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roundhouse.core.errors import DocumentEncrypted, DocumentUnreadable, NotFound, TooLarge
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.pdf_layout import Line, Margins, Sizes, paragraphs
from roundhouse.features.knowledge.parsing.shapes import ParsingLimits

if TYPE_CHECKING:
    from PIL import Image
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

_SAMPLED_PAGES = 12
_MOST_PAGE_CHARS = 1_000_000
_MOST_SCALE = 4.0
_LEAST_TEXT_CHARS = 3
_FEW_CHARS = 100
_MOST_OBJECTS_DEPTH = 4


def read_pdf(reading: Reading) -> None:
    """Read the text of all pages; of a page that has none, tell that it is offered as an image.

    Raises:
        DocumentEncrypted: It opens with a password only.
        DocumentUnreadable: It is damaged.
        TooLarge: It has too many pages.
    """
    with opened(reading.path, reading.name) as document:
        count = len(document)
        if count > reading.limits.max_pages:
            raise TooLarge(
                f"{reading.name} has {count:,} pages; at most {reading.limits.max_pages:,} are read."
            )
        reading.out.pages = count
        reading.out.titled(_title(document))
        sizes, margins = _looked_at(document, count, reading.name)
        scanned, damaged = list[int](), list[int]()
        for number in range(1, count + 1):
            page = _page(document, number)
            if page is None:
                damaged.append(number)
                continue
            try:
                if not _read_page(page, number, sizes, margins, reading):
                    scanned.append(number)
            finally:
                page.close()
            reading.tell(number / count, f"page {number} of {count}")
        _warn(reading, scanned, damaged)


def _read_page(page: PdfPage, number: int, sizes: Sizes, margins: Margins, reading: Reading) -> bool:
    """False = it shows a picture and has no text, as scanners make it."""
    lines = _lines(page, reading.name)
    for paragraph in paragraphs(margins.without(lines, sizes), sizes):
        if paragraph.level is None:
            reading.out.text(paragraph.text, number)
        else:
            reading.out.heading(paragraph.text, paragraph.level, number)
    chars = sum(len(line.text) for line in lines)
    is_scan = chars < _LEAST_TEXT_CHARS and _shows_something(page)
    # A scan with a stamp, a slide that is one picture: the few words do not say what is there.
    has_few_words = chars < _FEW_CHARS and _shows_picture(page)
    if reading.pages or is_scan or has_few_words:
        reading.out.image(None, page=number)
    return not is_scan


def _warn(reading: Reading, scanned: list[int], damaged: list[int]) -> None:
    if scanned:
        reading.out.warn(
            f"{_spoken(scanned)} no text, as scans have none: found as images only, by a model that knows those."
        )
    if damaged:
        if len(damaged) == reading.out.pages:
            raise DocumentUnreadable(f"{reading.name} is damaged: none of its pages can be read.")
        reading.out.warn(f"{_spoken(damaged)} not been read: damaged.")


def _spoken(pages: list[int]) -> str:
    """Pages as a list of ranges, and a verb."""
    if len(pages) == 1:
        return f"Page {pages[0]} has"
    ranges = list[list[int]]()
    for page in pages:
        if ranges and page == ranges[-1][1] + 1:
            ranges[-1][1] = page
        else:
            ranges.append([page, page])
    told = [f"{first}" if first == last else f"{first}-{last}" for first, last in ranges[:20]]
    return f"Pages {', '.join(told)}{' and more' if len(ranges) > 20 else ''} have"


@contextmanager
def opened(path: Path, name: str) -> Iterator[PdfDocument]:
    """Open a PDF.

    Raises:
        DocumentEncrypted: It opens with a password only.
        DocumentUnreadable: It is damaged.
    """
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise DocumentEncrypted(f"{name} is encrypted; save it without a password.") from error
        raise DocumentUnreadable(f"{name} is damaged: it cannot be opened as a PDF.") from error
    try:
        yield document
    finally:
        document.close()


def _title(document: PdfDocument) -> str:
    return str(document.get_metadata_value("Title"))


def _page(document: PdfDocument, number: int) -> PdfPage | None:
    from pypdfium2 import PdfiumError

    try:
        return document[number - 1]
    except PdfiumError:
        return None


def _looked_at(document: PdfDocument, count: int, name: str) -> tuple[Sizes, Margins]:
    """The sizes of letters and the margins of some pages, spread over the document."""
    step = max(1, count // _SAMPLED_PAGES)
    sizes, margins = Sizes(), Margins()
    for number in range(1, count + 1, step):
        page = _page(document, number)
        if page is None:
            continue
        try:
            lines = _lines(page, name)
            sizes.add(lines)
            margins.add(lines)
        finally:
            page.close()
    sizes.close()
    margins.close()
    return sizes, margins


def _lines(page: PdfPage, name: str) -> list[Line]:
    from pypdfium2 import PdfiumError

    try:
        text_page = page.get_textpage()
    except PdfiumError:
        return []
    try:
        if text_page.count_chars() > _MOST_PAGE_CHARS:
            raise TooLarge(f"A page of {name} has more than {_MOST_PAGE_CHARS:,} characters.")
        return list(_found_lines(text_page))
    finally:
        text_page.close()


def _found_lines(page: PdfTextPage) -> Iterator[Line]:
    """Each with the size of its first letter and the places of its first and last one: asking of all costs time."""
    import ctypes

    import pypdfium2.raw as pdfium

    count = page.count_chars()
    if count <= 0:
        return
    text = page.get_text_range(0, count)
    box = pdfium.FS_RECTF()
    raw: Any = page.raw
    at = 0
    for whole in text.split("\n"):
        stripped = whole.strip()
        if stripped:
            begin = at + len(whole) - len(whole.lstrip())
            first = pdfium.FPDFText_GetCharIndexFromTextIndex(raw, begin)
            last = pdfium.FPDFText_GetCharIndexFromTextIndex(raw, begin + len(stripped) - 1)
            size = pdfium.FPDFText_GetFontSize(raw, first) if first >= 0 else 0.0
            left = right = top = bottom = 0.0
            if first >= 0 and pdfium.FPDFText_GetLooseCharBox(raw, first, ctypes.byref(box)):
                left, right, top, bottom = box.left, box.right, box.top, box.bottom
                if size <= 1.5:
                    # The size stands in the matrix of the text, not with its font.
                    size = abs(top - bottom)
            if last >= 0 and pdfium.FPDFText_GetLooseCharBox(raw, last, ctypes.byref(box)):
                left, right = min(left, box.left), max(right, box.right)
            yield Line(stripped, round(size, 1), left, right, top, bottom)
        at += len(whole) + 1


def _shows_something(page: PdfPage) -> bool:
    """Whether there are pictures or drawings on it."""
    import pypdfium2.raw as pdfium

    return _has(page, pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING)


def _shows_picture(page: PdfPage) -> bool:
    import pypdfium2.raw as pdfium

    return _has(page, pdfium.FPDF_PAGEOBJ_IMAGE)


def _has(page: PdfPage, *kinds: int) -> bool:
    return next(iter(page.get_objects(filter=kinds, max_depth=_MOST_OBJECTS_DEPTH)), None) is not None


def draw_page(path: Path, name: str, number: int, limits: ParsingLimits) -> Image.Image:
    """A page as it looks.

    Args:
        path: The PDF.
        name: For messages.
        number: From 1.
        limits: How many pixels it gets, whatever the size of the page.

    Raises:
        NotFound: There is no such page.
        DocumentEncrypted: It opens with a password only.
        DocumentUnreadable: The file or the page is damaged.
    """
    from pypdfium2 import PdfiumError

    with opened(path, name) as document:
        if not 1 <= number <= len(document):
            raise NotFound(f"{name} has no page {number}.")
        page = _page(document, number)
        if page is None:
            raise DocumentUnreadable(f"Page {number} of {name} is damaged.")
        try:
            scale = scale_of(page.get_width(), page.get_height(), limits.page_mpx)
            bitmap = page.render(scale=scale, may_draw_forms=False, prefer_bgrx=True)
            try:
                image: Image.Image = bitmap.to_pil()
                return image.convert("RGB")
            finally:
                bitmap.close()
        except (PdfiumError, ValueError, OverflowError) as error:
            raise DocumentUnreadable(f"Page {number} of {name} cannot be drawn.") from error
        finally:
            page.close()


def scale_of(width_pt: float, height_pt: float, most_mpx: float) -> float:
    """Pixels for each point of a page, so that it has about so many millions of them.

    Raises:
        ValueError: The page has no size, or its sides are too unlike to be drawn.
    """
    if not (math.isfinite(width_pt) and math.isfinite(height_pt) and width_pt > 0 and height_pt > 0):
        raise ValueError("a page without a size")
    if max(width_pt, height_pt) > 1000 * min(width_pt, height_pt):
        raise ValueError("a page like a line")
    return min(_MOST_SCALE, math.sqrt(most_mpx * 1e6 / width_pt / height_pt))
