"""Talks to a running Roundhouse over HTTP, with the standard library alone."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import ssl
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from roundhouse.cli.exits import FAILED, REFUSED, UNREACHABLE, USAGE, Stop

_MOST_BYTES = 64 * 1024 * 1024
_LONGEST_LINE_BYTES = 1024 * 1024
_PIECE_BYTES = 256 * 1024


class ServerEvent(NamedTuple):
    """One server-sent event; `data` is its JSON."""

    id: str
    type: str
    data: Any


class Client:
    """One server and a key for it.

    Args:
        url: Its address, such as `http://127.0.0.1:8000`; a `/v1` at the end is left out.
        key: API key, empty = none.
        timeout_s: Longest silence of the server.

    Raises:
        Stop: The address or the key cannot be one.
    """

    def __init__(self, url: str, key: str, timeout_s: float = 60.0) -> None:
        self.url = url.rstrip("/").removesuffix("/v1").rstrip("/")
        try:
            parts = urlsplit(self.url)
            self._host, self._port = parts.hostname, parts.port
        except ValueError:
            self._host = None
        if self._host is None or parts.scheme not in ("http", "https"):
            raise Stop(f"{url!r} is not an address such as http://127.0.0.1:8000.", code=USAGE)
        if not key.isascii() or not key.isprintable():
            raise Stop("The key holds characters that no key has.", code=USAGE)
        self._tls = parts.scheme == "https"
        self._path = parts.path
        self._key = key
        self._timeout_s = timeout_s

    def get(self, path: str, **query: str | int | float | None) -> Any:
        """The JSON at a path; parameters that are None are left out. Raises Stop."""
        given = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        return self.call("GET", f"{path}?{urlencode(given)}" if given else path)

    def pages(self, path: str, **query: str | int | float | None) -> list[Any]:
        """All items of a list that comes in pages; raises Stop."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.get(path, **query, cursor=cursor)
            found += page["data"]
            cursor = page.get("next_cursor")
            if not page.get("has_more") or cursor is None:
                return found

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one request and read its JSON, None when the answer has no body.

        Raises:
            Stop: The server cannot be reached, or answered with an error.
        """
        connection = self._connect()
        try:
            answer = self._send(connection, method, path, body)
            read = answer.read(_MOST_BYTES)
            if answer.length:
                # Told only by a read without a limit.
                raise http.client.IncompleteRead(read, answer.length)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error
        finally:
            connection.close()
        return self._json(answer, read)

    def upload(self, path: str, fields: Mapping[str, str], file: Path) -> Any:
        """Send a form with a file, read while it is sent, and read the JSON of the answer.

        Args:
            path: Where to.
            fields: Of the form; they come before the file.
            file: Goes into the field `file`, under its name.

        Raises:
            Stop: The file cannot be read, the server cannot be reached, or answered with an error.
        """
        boundary = secrets.token_hex(16)
        name = quote(file.name, safe="")
        head = b"".join(_field(boundary, *one) for one in fields.items())
        head += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"; '
            f"filename*=utf-8''{name}\r\nContent-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        connection = self._connect()
        try:
            with file.open("rb") as opened:
                size_bytes = os.fstat(opened.fileno()).st_size
                headers = self._headers() | {
                    "Content-Type": f"multipart/form-data; boundary={boundary}",
                    "Content-Length": str(len(head) + size_bytes + len(tail)),
                }
                pieces = chain([head], iter(lambda: opened.read(_PIECE_BYTES), b""), [tail])
                connection.request("POST", self._path + path, pieces, headers)
            answer = connection.getresponse()
            read = answer.read(_MOST_BYTES)
        except (BrokenPipeError, ConnectionResetError):
            # Refused before all of it was sent: the answer is there, and says why.
            answer, read = self._refused(connection)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error
        finally:
            connection.close()
        return self._json(answer, read)

    def download(self, path: str) -> bytes:
        """The body at a path; raises Stop."""
        connection = self._connect()
        try:
            answer = self._send(connection, "GET", path, None)
            read = answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error
        finally:
            connection.close()
        if answer.status >= 300:
            self._json(answer, read)
        return read

    def _refused(self, connection: http.client.HTTPConnection) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            answer = connection.getresponse()
            return answer, answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error

    def events(self, path: str, last_id: str | None = None) -> Iterator[ServerEvent]:
        """Read the server-sent events at a path until the server ends them.

        Args:
            path: Where they are.
            last_id: Begin after the event with this id; None = where the server begins.

        Raises:
            Stop: The server cannot be reached, answered with an error, or the stream broke; `passing` says whether
                it is worth coming back.
        """
        connection = self._connect()
        try:
            more = {} if last_id is None else {"Last-Event-ID": last_id}
            answer = self._send(connection, "GET", path, None, more)
            if answer.status >= 300:
                self._json(answer, answer.read(_MOST_BYTES))
            yield from _parse(answer)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host or "", self._port, timeout=self._timeout_s, context=context
            )
        return http.client.HTTPConnection(self._host or "", self._port, timeout=self._timeout_s)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> http.client.HTTPResponse:
        headers = {**self._headers(), **more}
        if body is not None:
            headers["Content-Type"] = "application/json"
        sent = None if body is None else json.dumps(body).encode()
        connection.request(method, self._path + path, sent, headers)
        return connection.getresponse()

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json, text/event-stream", "User-Agent": "roundhouse-cli"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers

    def _json(self, answer: http.client.HTTPResponse, body: bytes) -> Any:
        if 300 <= answer.status < 400:
            # Redirects are not followed: the key is for this server only.
            raise Stop(f"{self.url} answers with a redirect.", fix="Give the final address with --url.")
        try:
            value = json.loads(body) if body else None
        except ValueError:
            value = None
        if answer.status >= 400:
            passing = answer.getheader("x-should-retry") == "true"
            raise refusal(answer.status, value, passing=passing)
        if not (answer.getheader("x-request-id") or "").startswith("req_"):
            raise Stop(
                f"What answers at {self.url} is not Roundhouse.",
                fix="Give the address of Roundhouse with --url.",
            )
        return value

    def _away(self, error: Exception) -> Stop:
        if isinstance(error, ssl.SSLError):
            return Stop(f"{self.url} cannot be reached safely: {error.reason}.", code=UNREACHABLE)
        reason = "no answer in time" if isinstance(error, TimeoutError) else _reason(error)
        return Stop(
            f"No Roundhouse answers at {self.url}: {reason}.",
            code=UNREACHABLE,
            fix="Start it with `roundhouse run`, or give its address with --url.",
            passing=True,
        )


def _parse(answer: http.client.HTTPResponse) -> Iterator[ServerEvent]:
    """Events as they come; comments are signs of life."""
    fields: dict[str, str] = {}
    while line := answer.readline(_LONGEST_LINE_BYTES):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield ServerEvent(fields.get("id", ""), fields.get("event", ""), _opened(fields["data"]))
            fields = {}


def _field(boundary: str, name: str, value: str) -> bytes:
    """A field of a form."""
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _opened(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise Stop("The stream holds something that is not JSON.") from None


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".").lower()


def refusal(status: int, body: Any, *, passing: bool = False) -> Stop:
    """What a server's error answer means for a command.

    Args:
        status: HTTP status.
        body: Its JSON: a problem document, an `error` object inside, or anything else.
        passing: Whether the server says that it may go well in a moment.
    """
    problem = body if isinstance(body, dict) else {}
    inner = problem.get("error")
    error = inner if isinstance(inner, dict) else {}
    detail = error.get("message") or problem.get("detail") or f"The server answered with status {status}."
    marks = [str(mark) for mark in (error.get("code"), error.get("param"), problem.get("instance")) if mark]
    message = f"{detail} [{', '.join(marks)}]" if marks else str(detail)
    fixes = {
        "not_signed_in": "Give a key with --key or ROUNDHOUSE_API_KEY; `roundhouse keys show-first` prints the first.",
        "not_allowed": "Use a key that has the scope; `roundhouse keys ls` lists them.",
        "model_not_found": "`roundhouse models ls` lists the models.",
    }
    code = REFUSED if error.get("code") in ("not_signed_in", "not_allowed") else FAILED
    told = str(error.get("code") or "")
    return Stop(message, code=code, fix=fixes.get(told), passing=passing, error_code=told)
