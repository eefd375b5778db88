"""Where the operations of a document are: servers, and paths that lead nowhere else."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from roundhouse.core.errors import BadInput, Unprocessable

PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")

_UNSAFE = re.compile(r"[\x00-\x20\x7f\\?#@]")
_TWICE = 2


def check_path(path: str) -> str:
    """A path template that begins with a slash and stays below where it begins.

    Raises:
        Unprocessable: It climbs (`..`, also encoded), names another host, or holds what no path holds.
    """
    plain = path
    for _ in range(_TWICE):
        plain = unquote(plain)
    braces = PLACEHOLDER.sub("x", path)
    bad = (
        not path.startswith("/")
        or plain.startswith("//")
        or _UNSAFE.search(PLACEHOLDER.sub("x", plain)) is not None
        or any(step in ("..", ".") for step in plain.split("/"))
        or "{" in braces
        or "}" in braces
    )
    if bad:
        raise Unprocessable(f"The path {path[:200]!r} is not one that is called.", param="paths")
    return path


def server_url(holders: tuple[Any, ...], found_at: str, base_url: str) -> str:
    """The address that paths are put behind, without a slash at its end.

    Args:
        holders: What may name servers, the narrowest first: operation, path item, document.
        found_at: URL of the document, empty = it came by itself.
        base_url: Said by whoever imports; it stands above all servers.

    Raises:
        BadInput: There is no absolute http(s) address.
    """
    if base_url:
        return _absolute(base_url)
    for holder in holders:
        servers = holder.get("servers") if isinstance(holder, dict) else None
        if isinstance(servers, list) and servers and isinstance(servers[0], dict):
            return _absolute(urljoin(found_at, _filled(servers[0])))
    if found_at:
        return _absolute(urljoin(found_at, "/"))
    raise BadInput("The document names no server; say its `base_url`.", param="base_url")


def origin(url: str) -> str:
    """Scheme, host and port of a URL, as they are compared; empty when it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ""
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}" if parts.hostname else ""


def _filled(server: dict[str, Any]) -> str:
    url, variables = str(server.get("url", "")), server.get("variables")
    for name in PLACEHOLDER.findall(url):
        told = variables.get(name) if isinstance(variables, dict) else None
        default = str(told.get("default", "")) if isinstance(told, dict) else ""
        url = url.replace("{" + name + "}", default)
    return url


def _absolute(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(
            "The server of the document is no http(s) address; say its `base_url`.", param="base_url"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise BadInput("A base URL holds no user, query or fragment.", param="base_url")
    if parts.path.strip("/"):
        check_path(parts.path)
    return url.rstrip("/")
