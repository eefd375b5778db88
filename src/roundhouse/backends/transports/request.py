"""An input on its way to an HTTP module."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from roundhouse.backends.multipart import new_boundary
from roundhouse.backends.transports.endpoint import HttpEndpoint
from roundhouse.core.errors import BadInput
from roundhouse.core.ports import Files, Upload
from roundhouse.core.transports import CapabilityCall
from roundhouse.core.types import Caller

_LINE = re.compile(r"[\x20-\x7e]*")
_PLAIN_NAME = re.compile(r'[\r\n"\\\x00-\x1f\x7f]')


class Outgoing(msgspec.Struct, frozen=True):
    """A request that is ready.

    Attributes:
        url: With path and query filled in.
        headers: Those that come from the input, and the body's content type.
        body: What is sent.
        shown: The same for the trace: a JSON value; of files their ids.
    """

    url: str
    headers: dict[str, str]
    body: bytes | Upload = b""
    shown: Any = None


class _Sorted(msgspec.Struct):
    path: dict[str, str] = {}
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    members: dict[str, Any] = {}
    whole: list[Any] = []


async def build_request(endpoint: HttpEndpoint, call: CapabilityCall, files: Files) -> Outgoing:
    """The request of one call.

    Raises:
        BadInput: A value cannot stand where it has to go, or a parameter of the path is missing.
        NotFound: A file of the input is not there.
    """
    given = call.input
    if not isinstance(given, Mapping):
        if not endpoint.has_body or given is None:
            given = {}
        else:
            return Outgoing(endpoint.url, _typed("json"), msgspec.json.encode(given), given)
    parts = _sort(endpoint, given)
    url = _filled(endpoint, parts)
    if not endpoint.has_body:
        return Outgoing(url, parts.headers)
    if parts.whole:
        return Outgoing(
            url, parts.headers | _typed("json"), msgspec.json.encode(parts.whole[0]), parts.whole[0]
        )
    members = parts.members
    if endpoint.body == "form":
        pairs = [pair for name, value in members.items() for pair in _texts(name, value)]
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return Outgoing(url, parts.headers | kind, urlencode(pairs).encode(), members)
    if endpoint.body == "multipart":
        form = await open_form(members, frozenset(endpoint.files), call.caller, files)
        kind = {"Content-Type": f"multipart/form-data; boundary={form.boundary}"}
        return Outgoing(url, parts.headers | kind, form, members)
    return Outgoing(url, parts.headers | _typed("json"), msgspec.json.encode(members), members)


def _typed(form: str) -> dict[str, str]:
    return {"Content-Type": f"application/{form}"}


def _sort(endpoint: HttpEndpoint, given: Mapping[str, Any]) -> _Sorted:
    parts = _Sorted({}, [], {}, {}, [])
    for name, value in given.items():
        placed = endpoint.place_of(name)
        if placed.place == "path":
            parts.path[placed.name] = _segment(placed.name, value)
        elif placed.place == "query":
            parts.query += _texts(placed.name, value)
        elif placed.place == "header":
            parts.headers[placed.name] = _header(placed.name, value)
        elif placed.place == "whole":
            parts.whole.append(value)
        else:
            parts.members[placed.name] = value
    return parts


def _filled(endpoint: HttpEndpoint, parts: _Sorted) -> str:
    url = endpoint.url
    for name in endpoint.parameters:
        if name not in parts.path:
            raise BadInput(f"The input lacks {name!r}, which is a part of the address.", param=f"/{name}")
        url = url.replace(f"{{{name}}}", parts.path[name])
    if parts.query:
        url += ("&" if "?" in url else "?") + urlencode(parts.query)
    return url


def _segment(name: str, value: Any) -> str:
    """One segment of a path: nothing that leaves it, whatever the server makes of dots and slashes."""
    text = _text(value)
    if text is None or text in ("", ".", ".."):
        raise BadInput(f"{name!r} cannot be a part of an address.", param=f"/{name}")
    return quote(text, safe="")


def _header(name: str, value: Any) -> str:
    text = _text(value)
    if text is None or not _LINE.fullmatch(text):
        raise BadInput(f"{name!r} cannot be a header.", param=f"/{name}")
    return text


def _texts(name: str, value: Any) -> list[tuple[str, str]]:
    """Pairs of a query or form: of a list each item, of an object its JSON, of null nothing."""
    if value is None:
        return []
    if isinstance(value, list):
        return [(name, text) for item in value if (text := _text(item)) is not None]
    text = _text(value)
    return [] if text is None else [(name, text)]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


class Form:
    """A multipart form (`core.ports.Upload`), its files read as they are sent.

    Args:
        parts: Heads, each with its text, or with a file's id and size.
        caller: Whose files they are.
        files: Has them.
    """

    def __init__(
        self, parts: list[tuple[bytes, bytes | tuple[str, int]]], caller: Caller, files: Files
    ) -> None:
        self.boundary = new_boundary()
        self._line = f"--{self.boundary}\r\n".encode()
        self._end = f"--{self.boundary}--\r\n".encode()
        self._parts = parts
        self._caller = caller
        self._files = files
        sizes = (len(value) if isinstance(value, bytes) else value[1] for _, value in parts)
        heads = sum(len(self._line) + len(head) + 2 for head, _ in parts)
        self.size_bytes = heads + sum(sizes) + len(self._end)

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it."""
        for head, value in self._parts:
            yield self._line + head
            if isinstance(value, bytes):
                yield value
            else:
                async for piece in await self._files.read(self._caller, value[0], 0, value[1]):
                    yield piece
            yield b"\r\n"
        yield self._end


async def open_form(
    members: Mapping[str, Any], holding: frozenset[str], caller: Caller, files: Files
) -> Form:
    """The form of an input.

    Args:
        members: Names and JSON values.
        holding: Which of them hold ids of files.
        caller: Whose files they are.
        files: Has them.

    Raises:
        BadInput: An id is none.
        NotFound: A file is not there.
    """
    parts: list[tuple[bytes, bytes | tuple[str, int]]] = []
    for name, value in members.items():
        told = _PLAIN_NAME.sub("_", name)
        if name not in holding:
            for _, text in _texts(name, value):
                parts.append(
                    (f'Content-Disposition: form-data; name="{told}"\r\n\r\n'.encode(), text.encode())
                )
            continue
        for file_id in value if isinstance(value, list) else [] if value is None else [value]:
            if not isinstance(file_id, str):
                raise BadInput(f"{name!r} must hold the id of a file.", param=f"/{name}")
            info = await files.get(caller, file_id)
            head = (
                f'Content-Disposition: form-data; name="{told}"; filename="{_PLAIN_NAME.sub("_", info.filename)}"'
                f"\r\nContent-Type: {info.content_type or 'application/octet-stream'}\r\n\r\n"
            )
            parts.append((head.encode(), (file_id, info.size_bytes)))
    return Form(parts, caller, files)
