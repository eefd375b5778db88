"""Identifiers: a prefix that names the kind, then 26 characters that sort by time of making.

The body is a ULID (48 bits of milliseconds, 80 random bits) in Crockford's base 32, lower case.

Source:
    ULID specification, github.com/ulid/spec (2019): layout and alphabet.
"""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def new_id(prefix: str) -> str:
    """Make an id such as `key_01j9…`.

    Args:
        prefix: Kind of the thing, without the underscore: `key`, `prov`, `aud`, `req` …
    """
    return new_ids(prefix, 1)[0]


def new_ids(prefix: str, count: int) -> list[str]:
    """The same, several at once: the system is asked for chance only once."""
    time_bits = (time.time_ns() // 1_000_000) << 80
    chance = secrets.token_bytes(10 * count)
    return [
        f"{prefix}_{_body(time_bits | int.from_bytes(chance[start : start + 10]))}"
        for start in range(0, 10 * count, 10)
    ]


def _body(number: int) -> str:
    body = [""] * 13
    for place in range(12, -1, -1):
        body[place] = _PAIRS[number & 1023]
        number >>= 10
    return "".join(body)
