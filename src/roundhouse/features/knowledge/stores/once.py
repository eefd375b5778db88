"""How a request that is sent again is known."""

from __future__ import annotations

import hashlib

import msgspec

from roundhouse.core.errors import Conflict
from roundhouse.core.types import Caller


class Once(msgspec.Struct, frozen=True):
    """What is kept of a creating request.

    Attributes:
        digest: Of who asks and the idempotency key, hex.
        request: Of what is asked for, hex.
    """

    digest: str
    request: str

    def check(self, first_request: str | None) -> None:
        """Raise Conflict unless the first request under the key asked for the same."""
        if self.request != first_request:
            raise Conflict("This idempotency key was used for another request.", param="Idempotency-Key")

    @property
    def columns(self) -> dict[str, str]:
        """As a row keeps it."""
        return {"idempotency_digest": self.digest, "request_digest": self.request}


def once_of(caller: Caller, kind: str, key: str | None, body: bytes) -> Once | None:
    """What is kept of a request; None without a key.

    Args:
        caller: Two users of a tenant do not meet in one key.
        kind: Of the thing that is created, and what it is created in.
        key: `Idempotency-Key` of the request.
        body: What is asked for.
    """
    if key is None:
        return None
    place = [caller.site_id, caller.user_id, caller.app_id, kind, key]
    return Once(hashlib.sha256(msgspec.json.encode(place)).hexdigest(), hashlib.sha256(body).hexdigest())
