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


class Known(msgspec.Struct, frozen=True):
    """What was accepted under a key.

    Attributes:
        task_id: The task.
        body_sha256: Of the request.
        held_until_s: So long (Unix time) whoever sent it may wait for the task's end, in whichever process.
        ended: Whether the task has ended.
    """

    task_id: str
    body_sha256: str
    held_until_s: float
    ended: bool

    def check(self, body_sha256: str, now_s: float) -> None:
        """Raise IdempotencyMismatch for another request, IdempotencyInFlight while the first is being answered.

        A process that dies answers nobody, and tells nobody either: its keys are held as long as its clients would
        have waited.
        """
        check_same(self.body_sha256, body_sha256)
        if not self.ended and now_s < self.held_until_s:
            raise _in_flight()


class InFlight:
    """The keys whose first requests are being answered by this process, from before they are written."""

    def __init__(self) -> None:
        self._bodies: dict[tuple[str, str | None, str | None, str], str] = {}

    @contextmanager
    def holding(self, caller: Caller, key: str | None, body_sha256: str) -> Iterator[None]:
        """Hold a key as long as the block lasts.

        Raises:
            IdempotencyMismatch: It is held for another request.
            IdempotencyInFlight: It is held.
        """
        if key is None:
            yield
            return
        whose = (caller.site_id, caller.user_id, caller.app_id, key)
        if whose in self._bodies:
            check_same(self._bodies[whose], body_sha256)
            raise _in_flight()
        self._bodies[whose] = body_sha256
        try:
            yield
        finally:
            del self._bodies[whose]


def _in_flight() -> IdempotencyInFlight:
    return IdempotencyInFlight(
        "A request with this idempotency key is being answered.",
        param="Idempotency-Key",
        retry_after_s=_AGAIN_S,
    )
