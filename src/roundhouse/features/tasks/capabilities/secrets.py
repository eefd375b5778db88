"""The headers that a target wants and nobody sees: sealed with the origin that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec


class Sealer(Protocol):
    """Encrypts and decrypts short texts; see `infra.vault.Vault`."""

    def seal(self, text: str) -> bytes:
        """Encrypt."""
        ...

    def open(self, sealed: bytes) -> str:
        """Decrypt; raises StorageUnavailable when it was sealed with another key."""
        ...


class _Sealed(msgspec.Struct):
    origin: str
    headers: dict[str, str]


def origin_of(endpoint: Mapping[str, Any]) -> str:
    """Scheme, host and port of an endpoint's URL; empty when it has none."""
    url = endpoint.get("url")
    if not isinstance(url, str):
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower(), 0)
        return f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}:{port}"
    except ValueError:
        return ""


def seal_headers(vault: Sealer, headers: Mapping[str, str], endpoint: Mapping[str, Any]) -> bytes | None:
    """Encrypt headers for the origin of an endpoint; None when there are none."""
    if not headers:
        return None
    kept = _Sealed(origin_of(endpoint), dict(headers))
    return vault.seal(msgspec.json.encode(kept).decode())


def open_headers(vault: Sealer, sealed: bytes | None, endpoint: Mapping[str, Any]) -> dict[str, str]:
    """The headers, where they were sealed for the endpoint's origin; a version that was elsewhere gets none."""
    if sealed is None:
        return {}
    kept = msgspec.json.decode(vault.open(sealed), type=_Sealed)
    return kept.headers if kept.origin == origin_of(endpoint) else {}
