"""Parts of OpenAI's messages, read for vendors that take them in another form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Container
from typing import Any

from roundhouse.core.errors import BadInput, UnsupportedContent


def is_data_url(url: str) -> bool:
    """Whether an address holds its content itself."""
    return url[:5].lower() == "data:"


def data_url(url: str) -> tuple[str, str]:
    """Media type and base64 of a `data:` URL, checked and without white space.

    Raises:
        BadInput: Not base64, or no data at all.

    Source:
        RFC 2397 (1998): the form of a data URL.
    """
    head, comma, data = url[len("data:") :].partition(",")
    media_type, *parameters = head.lower().split(";")
    if not is_data_url(url) or not comma or "base64" not in parameters:
        raise BadInput("A data: URL must be of the form data:image/png;base64,…", param="messages")
    try:
        decoded = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("The data: URL is not base64.", param="messages") from None
    if not decoded:
        raise BadInput("The data: URL is empty.", param="messages")
    return media_type.strip(), base64.b64encode(decoded).decode("ascii")


def text_of(content: Any, *, skip: Container[str] = ()) -> str:
    """The text of a message's content, parts joined by line breaks.

    Args:
        content: A string, a list of parts, or None.
        skip: Types of parts that the caller takes care of.

    Raises:
        BadInput: Malformed.
        UnsupportedContent: A part that is neither text nor skipped.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise BadInput("'content' must be a text or a list of parts.", param="messages")
    texts: list[str] = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        text = part.get("text" if kind == "text" else "refusal") if kind in ("text", "refusal") else None
        if isinstance(text, str):
            texts.append(text)
        elif kind not in skip:
            raise refuse_part(kind)
    return "\n".join(texts)


def refuse_part(kind: Any) -> BadInput:
    """The error for a part of a type that this vendor does not take, or that is malformed."""
    if isinstance(kind, str) and kind not in ("text", "refusal"):
        return UnsupportedContent(f"This model does not take parts of type {kind!r}.", param="messages")
    return BadInput("A part of 'content' is malformed.", param="messages")


def image_url(part: dict[str, Any]) -> str:
    """The address in an `image_url` part: `https://…` or `data:…`.

    Raises:
        BadInput: It has none.
    """
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or not url:
        raise BadInput("'image_url' must have a url.", param="messages")
    return url
