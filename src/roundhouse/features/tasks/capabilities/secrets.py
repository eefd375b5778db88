"""The headers that a target wants and nobody sees: sealed with the origin that they are for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from roundhouse.core.errors import BadInput


class Sealer(Protocol):
    """Encrypts and decrypts short texts; see `infra.vault.Vault`."""

    def seal(self, text: str) -> bytes:
        """Encrypt."""
        ...

    def open(self, sealed: bytes) -> str:
        """Decrypt; raises StorageUnavailable when it was sealed with another key."""
        ...


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]{0,4096}")
_OURS = frozenset(
    {
        *("host", "content-length", "content-type", "transfer-encoding", "connection", "te", "trailer"),
        *("upgrade", "expect", "idempotency-key", "traceparent"),
    }
)


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise BadInput for a header that cannot be sent, or that the house sets itself."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise BadInput(f"The header {name[:100]!r} cannot be set.", param="headers")
        if not _VALUE.fullmatch(value):
            raise BadInput(f"The value of the header {name} cannot be sent.", param="headers")


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
    """Encrypt headers for the origin of an endpoint; None when there are none. Raises BadInput."""
    check_headers(headers)
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
