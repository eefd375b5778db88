"""Pictures: what they are and how large is looked at before a pixel is decoded; what is kept is written anew."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from roundhouse.core.errors import DocumentUnreadable, NotFound, RoundhouseError, TooLarge, UnsupportedMedia
from roundhouse.features.knowledge.parsing.context import Reading
from roundhouse.features.knowledge.parsing.shapes import ParsingLimits, Picture

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError, AttributeError,
           OverflowError, RuntimeError, ZeroDivisionError, struct.error, zlib.error)  # fmt: skip
_MILLION = 1_000_000
_LEAST_EMBEDDED_PX = 64
_MOST_COLOURS = 256


def read_picture(reading: Reading) -> None:
    """One block for the picture, or for each page of a TIFF.

    Raises:
        UnsupportedMedia: It is in no format that is read.
        DocumentUnreadable: It is damaged.
        TooLarge: It has too many pixels.
    """
    with reading.path.open("rb") as file, _opened(file, reading.name, reading.limits) as image:
        pages = _frames(image) if image.format == "TIFF" else 1
        _shrunk(image, reading.limits, reading.name)
    if pages > reading.limits.max_pages:
        raise TooLarge(f"{reading.name} has {pages:,} pages; at most {reading.limits.max_pages:,} are read.")
    reading.out.pages = pages
    for page in range(1, pages + 1):
        reading.out.image(None, page=page)


def draw_picture(path: Path, name: str, number: int, limits: ParsingLimits) -> Image.Image:
    """A picture, upright and no larger than a page's image.

    Args:
        path: The image.
        name: For messages.
        number: From 1, of those in the file.
        limits: On pixels.

    Raises:
        NotFound: There is no such picture in it.
        UnsupportedMedia: It is in no format that is read.
        DocumentUnreadable: It is damaged.
        TooLarge: It has too many pixels.
    """
    with path.open("rb") as file, _opened(file, name, limits) as image:
        if not 1 <= number <= max(_frames(image), 1):
            raise NotFound(f"{name} has no page {number}.")
        try:
            image.seek(number - 1)
        except _DAMAGE as error:
            raise DocumentUnreadable(f"{name} is damaged: it cannot be shown.") from error
        return _shrunk(image, limits, name)


def keep_picture(data: bytes, reading: Reading, text: str, page: int | None = None) -> bool:
    """Write an embedded picture into the folder and its block; one that cannot be shown is left out.

    Args:
        data: The picture.
        reading: Of the document it is in.
        text: What is written about it.
        page: Where it stands.

    Returns:
        Whether there is a block now.
    """
    try:
        with _opened(io.BytesIO(data), reading.name, reading.limits) as image:
            if min(image.size) < _LEAST_EMBEDDED_PX:
                return False
            small = _shrunk(image, reading.limits, reading.name)
    except RoundhouseError:
        reading.out.warn(
            "A picture in it is damaged, too large or in a format that is not read; it was left out."
        )
        return False
    kept = write_picture(small, reading.folder, f"picture-{reading.out.blocks + 1:05d}")
    reading.out.image(kept.name, text, page)
    return True


def write_picture(image: Image.Image, folder: Path, name: str) -> Picture:
    """Write an image as PNG if it is drawn, with few colours, else as JPEG."""
    drawn = image.getcolors(_MOST_COLOURS) is not None
    path = folder / f"{name}.{'png' if drawn else 'jpg'}"
    image.save(path, "PNG" if drawn else "JPEG", **({} if drawn else {"quality": 85}))
    return Picture(path.name, image.width, image.height)


@contextmanager
def _opened(file: BinaryIO, name: str, limits: ParsingLimits) -> Iterator[Image.Image]:
    """The header is read; its sizes are checked."""
    from PIL import Image, UnidentifiedImageError

    # Sizes are checked here, and by a limit of the operator's.
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(file, formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise UnsupportedMedia(f"{name} is no picture in a format that is read, or damaged.") from error
    except _DAMAGE as error:
        raise DocumentUnreadable(f"{name} is damaged: its beginning cannot be read.") from error
    with image:
        if image.width * image.height > limits.max_picture_mpx * _MILLION:
            raise TooLarge(
                f"{name} has {image.width} x {image.height} pixels; at most {limits.max_picture_mpx} million are read."
            )
        yield image


def _frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except _DAMAGE:
        return 1


def _shrunk(image: Image.Image, limits: ParsingLimits, name: str) -> Image.Image:
    """Decoded, on white, upright, as large as a page's image at most."""
    from PIL import Image, ImageOps

    if image.width * image.height > limits.max_picture_mpx * _MILLION:
        raise TooLarge(f"A page of {name} has more than {limits.max_picture_mpx} million pixels.")
    try:
        share = math.sqrt(limits.page_mpx * _MILLION / max(image.width * image.height, 1))
        size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
        if share < 1:
            image.draft("RGB", size)
        has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        found = image.convert("RGBA" if has_alpha else "RGB")
        if share < 1:
            found = found.resize(size, Image.Resampling.LANCZOS)
        if has_alpha:
            white = Image.new("RGBA", found.size, "white")
            found = Image.alpha_composite(white, found).convert("RGB")
        # Told by the camera, which way was up.
        found.getexif().update(image.getexif())
        return ImageOps.exif_transpose(found)
    except _DAMAGE as error:
        raise DocumentUnreadable(f"{name} is damaged: it cannot be shown.") from error
