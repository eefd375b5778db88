"""URLs inside requests (images, audio, video): a model server must never be made to fetch a private address.

A checked name can change its address before the model server looks it up, so the picture is fetched here, through
the guard, and passed on as a `data:` URL. The model server then fetches nothing at all.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from roundhouse.core.errors import AddressRefused, BadInput, UnsupportedMedia
from roundhouse.core.ports import MediaFetcher
from roundhouse.core.types import Fields, ModelRequest, Operation
from roundhouse.core.wire import read

MOST_URLS = 50
"""URLs fetched for one request."""

_LINKS = {"image_url": "image/", "audio_url": "audio/", "video_url": "video/"}
# Jina's form: `{"image": url or base64}`.
_CONTENTS = {"image": "image/", "audio": "audio/", "video": "video/", "pdf": "application/pdf"}
_FIELDS: dict[Operation, tuple[str, ...]] = {
    "chat": ("messages",),
    "completions": (),
    "embeddings": ("input", "messages"),
    "rerank": ("query", "documents"),
}


_messages_decoder = msgspec.json.Decoder(list[Fields])
_encoder = msgspec.json.Encoder()


class _Place(NamedTuple):
    """Where a URL stands, and what it must lead to."""

    inside: dict[str, Any]
    name: str
    family: str


class MediaGuard:
    """Replaces URLs of media in a request by their content.

    Args:
        fetcher: Fetches public addresses only.
        limit_bytes: Largest item.
        total_bytes: Most for all items of one request.
    """

    def __init__(self, fetcher: MediaFetcher, limit_bytes: int, total_bytes: int) -> None:
        self._fetcher = fetcher
        self._limit_bytes = limit_bytes
        self._total_bytes = total_bytes

    async def clean(self, request: ModelRequest) -> None:
        """Change `request.fields` in place so that no URL is left in it.

        Raises:
            AddressRefused: A URL that is not public, or not http(s) or data.
            UnsupportedMedia: What it leads to is of another family (a web page in place of a picture).
            TooLarge: Larger than the limits.
            BadInput: Too many URLs.
        """
        names = _LINKS if request.operation == "chat" else _LINKS | _CONTENTS
        room_bytes, left = self._total_bytes, MOST_URLS
        for field in _FIELDS[request.operation]:
            raw = request.fields.get(field)
            if raw is None:
                continue
            plain = _plain_messages(raw) if request.operation == "chat" else None
            if plain is not None:
                request.fields[field] = plain
                continue
            if not _may_hold(bytes(raw), request.operation):
                continue
            value = read(request.fields, field)
            places = [place for place in _places(value, names) if not _is_data(place.inside[place.name])]
            left -= len(places)
            if left < 0:
                raise BadInput(f"A request may hold at most {MOST_URLS} URLs of media.", param=field)
            for place in places:
                room_bytes -= await self._inline(place, room_bytes)
            if places:
                request.fields[field] = _encode(value, field)

    async def _inline(self, place: _Place, room_bytes: int) -> int:
        """Put the content in place of its URL; returns its size."""
        url: str = place.inside[place.name]
        if url[:7].lower() != "http://" and url[:8].lower() != "https://":
            raise AddressRefused("Media URLs are http, https or data.", param="url")
        body, kind = await self._fetcher.fetch(url, limit_bytes=min(self._limit_bytes, room_bytes))
        kind = kind.partition(";")[0].strip().lower()
        if not kind.startswith(place.family):
            raise UnsupportedMedia(
                f"The URL leads to {kind or 'something without a type'}, not {place.family}*.", param="url"
            )
        place.inside[place.name] = f"data:{kind};base64,{base64.b64encode(body).decode()}"
        return len(body)


def _places(value: Any, names: Mapping[str, str]) -> Iterator[_Place]:
    """Where URLs stand, however deep; without recursion, for the depth is the client's choice."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        if not isinstance(one, dict):
            continue
        for name, inner in one.items():
            family = names.get(name)
            if family is not None and isinstance(inner, str):
                # Base64 has no colon; whatever has one may be read as a URL by somebody.
                if name in _LINKS or ":" in inner:
                    yield _Place(one, name, family)
            elif name in _LINKS and isinstance(inner, dict) and isinstance(inner.get("url"), str):
                yield _Place(inner, "url", _LINKS[name])
            else:
                waiting.append(inner)


def _is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def _encode(value: Any, field: str) -> msgspec.Raw:
    try:
        return msgspec.Raw(msgspec.json.encode(value))
    except (OverflowError, RecursionError):
        raise BadInput(
            f"{field!r} holds a number out of range, or is nested too deep.", param=field
        ) from None


def _plain_messages(raw: msgspec.Raw) -> msgspec.Raw | None:
    """The messages, if surely no URL is in them; None when they need a closer look.

    One step into the list is cheaper than a search through a long text, which most messages are. They are written
    anew, so that of members that stand there twice the model server reads the one that was looked at.
    """
    try:
        messages = _messages_decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    for message in messages:
        if not _LINKS.keys().isdisjoint(message):
            return None
        for value in message.values():
            if memoryview(value)[0] in b"[{" and _may_hold(bytes(value), "chat"):
                return None
    return msgspec.Raw(_encoder.encode(messages))


def _may_hold(text: bytes, operation: Operation) -> bool:
    r"""Whether there can be a URL: cheap, and never wrongly no.

    ASCII letters as escapes (`\u0075rl`) count: no encoder writes them so, only one who hides a name.
    """
    hint = b"_url" if operation == "chat" else b"{"
    return hint in text or b"\\u005" in text or b"\\u006" in text or b"\\u007" in text
