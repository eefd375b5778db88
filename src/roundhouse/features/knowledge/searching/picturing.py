"""A picture that is searched with: a data URL, or a file that was uploaded."""

from __future__ import annotations

import base64
import binascii
import re

from roundhouse.core.errors import BadInput, TooLarge
from roundhouse.core.ports import Files
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.embedding.model import Image

MAX_BYTES = 8 * 1024 * 1024

_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|webp|gif|bmp));base64,", re.IGNORECASE)
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


class AskedPictures:
    """A `Pictures` over the files of the house.

    Args:
        files: Where they are.
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    async def fetch(self, caller: Caller, given: str) -> Image:
        """See `ports.Pictures.fetch`."""
        data = _of_url(given) if given.startswith("data:") else await self._of_file(caller, given)
        kind = _kind_of(data)
        if kind is None:
            raise BadInput("The picture is not PNG, JPEG, WebP, GIF or BMP.", param="image")
        return Image(data, kind)

    async def _of_file(self, caller: Caller, file_id: str) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in await self._files.read(caller, file_id):
            size += len(piece)
            if size > MAX_BYTES:
                raise _too_large()
            pieces.append(piece)
        return b"".join(pieces)


def _of_url(url: str) -> bytes:
    head = _DATA_URL.match(url)
    if head is None:
        raise BadInput(
            "A data URL of a picture begins with data:image/png;base64, or the like.", param="image"
        )
    if len(url) > MAX_BYTES * 4 // 3 + 100:
        raise _too_large()
    try:
        return base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("The picture's data are not base64.", param="image") from None


def _kind_of(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def _too_large() -> TooLarge:
    return TooLarge(f"A picture has at most {MAX_BYTES} bytes.", param="image")
