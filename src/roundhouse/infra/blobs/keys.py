"""Names under which bytes are kept."""

from __future__ import annotations

import re
import secrets

MISSING = "The bytes of this file are missing from the storage."
"""What a store says of a key that it does not have."""

_KEY = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{16}")


def new_key(sha256: str) -> str:
    """A key for content that was never used before: `<sha256>.<16 random hex digits>`."""
    return f"{sha256}.{secrets.token_hex(8)}"


def key_parts(key: str) -> tuple[str, str]:
    """A key as folder and name, `ab` and `cdef…`, so that no folder gets too many entries.

    Raises:
        ValueError: It is none of `new_key`; a path is made of it.
    """
    if not _KEY.fullmatch(key):
        raise ValueError("not a key of a blob")
    return key[:2], key[2:]
