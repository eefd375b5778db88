"""Idempotency keys: one request, one task, however often it is sent.

Source:
    IETF draft-ietf-httpapi-idempotency-key-header-07 (2025): 400 for a key that is none, 409 while the first request
    is being answered, 422 for another request under the same key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput, IdempotencyInFlight, IdempotencyMismatch
from roundhouse.core.types import Caller

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_AGAIN_S = 1.0


def checked_key(given: str | None) -> str | None:
    """A client's key, with or without the quotation marks of a structured header; raises BadInput."""
    if given is None:
        return None
    bare = given[1:-1] if len(given) >= 2 and given[0] == given[-1] == '"' else given
    if not _KEY.fullmatch(bare):
        raise BadInput("Idempotency-Key has 1 to 255 visible ASCII characters.", param="Idempotency-Key")
    return bare


def body_sha256(route: str, body: dict[str, Any]) -> str:
    """By what requests of the same meaning are told; hex."""
    return hashlib.sha256(msgspec.json.encode([route, body], order="sorted")).hexdigest()


def check_same(known: str, asked: str) -> None:
    """Raise IdempotencyMismatch unless both requests are the same."""
    if known != asked:
        raise IdempotencyMismatch(
            "This idempotency key was used for another request.", param="Idempotency-Key"
        )


class InFlight:
    """The keys whose first requests are being answered by this process."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str | None, str | None, str]] = set()

    @contextmanager
    def holding(self, caller: Caller, key: str | None) -> Iterator[None]:
        """Hold a key as long as the block lasts; raises IdempotencyInFlight where somebody else does."""
        if key is None:
            yield
            return
        held = (caller.site_id, caller.user_id, caller.app_id, key)
        if held in self._keys:
            raise IdempotencyInFlight(
                "A request with this idempotency key is being answered.",
                param="Idempotency-Key",
                retry_after_s=_AGAIN_S,
            )
        self._keys.add(held)
        try:
            yield
        finally:
            self._keys.discard(held)
