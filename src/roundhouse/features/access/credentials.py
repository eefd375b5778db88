"""Keys as text and as digests. Pure, but for the randomness of a new key.

A key is `rh_<id>_<secret>`: the id (26 characters, as in `key_<id>`) finds the row, the secret is 256 random
bits. Kept is only HMAC-SHA256 of the whole key under a pepper: a slow hash would add nothing against 256
random bits, and would let anybody keep the processor busy.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from roundhouse.core.errors import BadInput
from roundhouse.core.settings import PLACEHOLDER_KEYS

_SHAPE = re.compile(r"rh_([0-9a-z]{26})_[A-Za-z0-9_-]{43}", re.ASCII)


def new_key(key_id: str) -> str:
    """The text of a new key; shown once, never kept.

    Args:
        key_id: `key_…` of its row.
    """
    return f"rh_{key_id.removeprefix('key_')}_{secrets.token_urlsafe(32)}"


def key_id_of(text: str) -> str | None:
    """`key_…` of a key's text, None when it has not the form of a key."""
    match = _SHAPE.fullmatch(text)
    return f"key_{match[1]}" if match else None


class KeyHasher:
    """Digests of credentials.

    Args:
        pepper: Secret of this deployment; the same in all its processes.
    """

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    def digest(self, text: str) -> str:
        """HMAC-SHA256, hex."""
        return hmac.new(self._pepper, text.encode(), hashlib.sha256).hexdigest()

    def same(self, text: str, digest: str) -> bool:
        """Whether the digest is that of `text`, in constant time."""
        return hmac.compare_digest(self.digest(text), digest)


def fixed_key(secret: str | None) -> str | None:
    """The admin key of the environment; None when there is none (an empty value counts as none).

    Raises:
        BadInput: It is an example out of a template.
    """
    text = (secret or "").strip()
    if not text:
        return None
    if text.lower() in PLACEHOLDER_KEYS:
        raise BadInput(
            "SECRET_API_KEY is still the example from a template. Set it to a secret of your own "
            "(openssl rand -hex 32), or remove it: then a key is made at the first start.",
            param="access.secret_api_key",
        )
    return text
