"""Where an HTTP module is, and which part of an input goes where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import BadInput

Place = Literal["path", "query", "header", "body", "whole"]
BodyForm = Literal["json", "form", "multipart", "none"]
AnswerForm = Literal["auto", "json", "text", "file"]

MOST_ANSWER_BYTES = 64 * 1024 * 1024
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_BODYLESS = frozenset({"GET", "DELETE"})
_PARAMETER = re.compile(r"\{([^{}/?#]+)\}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_REFUSED_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "cookie", "idempotency-key"}
)


class Placed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one property of the input goes.

    Attributes:
        place: `path`, `query`, `header`, a member of the `body`, or the `whole` body.
        name: Name there; empty = the property's own.
    """

    place: Place
    name: str = ""


class HttpEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `endpoint` of a capability whose transport is `http`.

    Attributes:
        url: http(s) URL; `{name}` in its path is a parameter.
        method: GET, POST, PUT, PATCH, DELETE.
        places: Where properties of the input go; those that are not named go into the URL's path where it has such a
            parameter, else into the body, or into the query where the method has no body.
        body: How a body is written.
        files: Properties that hold ids of files; their bytes are sent, as parts of a `multipart` body.
        answer: How an answer is read: by its content type, as JSON, as a text, or kept as a file.
        answer_limit_bytes: Largest answer.
    """

    url: str
    method: str = "POST"
    places: dict[str, Placed | Place] = {}
    body: BodyForm = "json"
    files: tuple[str, ...] = ()
    answer: AnswerForm = "auto"
    answer_limit_bytes: int = 10 * 1024 * 1024

    @property
    def has_body(self) -> bool:
        """Whether a body is sent."""
        return self.body != "none" and self.method not in _BODYLESS

    @property
    def parameters(self) -> list[str]:
        """Parameters of the path, in order."""
        return _PARAMETER.findall(self.url)

    @property
    def plain_url(self) -> str:
        """The URL with something in place of its parameters."""
        return _PARAMETER.sub("x", self.url)

    def place_of(self, name: str) -> Placed:
        """Where a property of the input goes."""
        named = self.places.get(name)
        if isinstance(named, Placed):
            return named if named.name else Placed(named.place, name)
        if named is not None:
            return Placed(named, name)
        if name in self.parameters:
            return Placed("path", name)
        return Placed("body" if self.has_body else "query", name)


def read_endpoint(given: Mapping[str, Any]) -> HttpEndpoint:
    """The endpoint as it is kept in a capability.

    Raises:
        BadInput: A field is missing, unknown or out of range.
    """
    try:
        endpoint = msgspec.convert(dict(given), HttpEndpoint)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        field = place.strip("`").lstrip(".").partition(".")[0].partition("[")[0]
        raise BadInput(f"The endpoint: {what}.", param=f"endpoint.{field}".rstrip(".")) from None
    endpoint = msgspec.structs.replace(endpoint, method=endpoint.method.upper())
    _check(endpoint)
    return endpoint


def _check(endpoint: HttpEndpoint) -> None:
    if endpoint.method not in _METHODS:
        raise BadInput("The method must be GET, POST, PUT, PATCH or DELETE.", param="endpoint.method")
    if not 1024 <= endpoint.answer_limit_bytes <= MOST_ANSWER_BYTES:
        raise BadInput(
            f"answer_limit_bytes must be between 1024 and {MOST_ANSWER_BYTES}.",
            param="endpoint.answer_limit_bytes",
        )
    origin = endpoint.url.partition("://")[2].partition("/")[0]
    if "{" in origin or "}" in origin:
        raise BadInput("Parameters of a URL stand in its path, never in its host.", param="endpoint.url")
    if "#" in endpoint.url:
        raise BadInput("A URL of a module has no fragment.", param="endpoint.url")
    if "{" in endpoint.url.partition("?")[2]:
        raise BadInput("Parameters of the query belong in `places`.", param="endpoint.url")
    if endpoint.files and (endpoint.body != "multipart" or not endpoint.has_body):
        raise BadInput("Files are sent as a `multipart` body.", param="endpoint.files")
    for name in endpoint.places:
        _check_place(endpoint, endpoint.place_of(name))


def _check_place(endpoint: HttpEndpoint, placed: Placed) -> None:
    param = "endpoint.places"
    if placed.place == "path" and placed.name not in endpoint.parameters:
        raise BadInput(f"The URL has no parameter {{{placed.name}}}.", param=param)
    if placed.place in ("body", "whole") and not endpoint.has_body:
        raise BadInput("There is no body to put something into.", param=param)
    if placed.place == "whole" and endpoint.body != "json":
        raise BadInput("Only a `json` body can be one property as a whole.", param=param)
    if placed.place == "header" and (
        not _HEADER.fullmatch(placed.name) or placed.name.lower() in _REFUSED_HEADERS
    ):
        raise BadInput(f"An input cannot set the header {placed.name!r}.", param=param)
