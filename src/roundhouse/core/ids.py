"""Identifiers: a prefix that names the kind, then 26 characters that sort by time of making.

The body is a ULID (48 bits of milliseconds, 80 random bits) in Crockford's base 32, lower case.

Source:
    ULID specification, github.com/ulid/spec (2019): layout and alphabet.
"""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """Make an id such as `key_01j9…`.

    Args:
        prefix: Kind of the thing, without the underscore: `key`, `prov`, `aud`, `req` …
    """
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    body = [""] * 26
    for place in range(25, -1, -1):
        body[place] = _ALPHABET[number & 31]
        number >>= 5
    return f"{prefix}_{''.join(body)}"
