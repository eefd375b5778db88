"""What a module's status that is no success means: the target, the input, or the moment is wrong."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import NoReturn

from roundhouse.core.errors import (
    BackendBusy,
    BackendDown,
    BackendFailed,
    BackendRefused,
    BackendTimeout,
    TargetRefused,
)
from roundhouse.core.ports import HttpResponse
from roundhouse.core.transports import CapabilityCall

_ERROR_LIMIT_BYTES = 64 * 1024
_TOLD_CHARS = 500
_LONGEST_WAIT_S = 86_400.0
_UNUSABLE = frozenset({401, 403, 404, 405, 407, 410, 501})
_MISSING = frozenset({404, 410})
_BUSY = frozenset({425, 429})
_LATE = frozenset({408, 504})


async def raise_refusal(response: HttpResponse, call: CapabilityCall, now_s: float) -> NoReturn:
    """Raise the error of the tree for a status that is not 2xx.

    Args:
        response: The answer; it is read.
        call: What was called; its secrets are taken out of what the module says.
        now_s: Unix time, for a Retry-After that is a date.
    """
    status, name = response.status, call.capability
    if status < 400:
        raise TargetRefused(f"{name} answered with a redirect (HTTP {status}); redirects are not followed.")
    try:
        body = await response.read(_ERROR_LIMIT_BYTES)
    except BackendFailed:
        # The status tells more than a body that was cut.
        body = b""
    said = f"{name} answered with HTTP {status}{_told(body, call)}"
    retry_after_s = read_retry_after(response.headers.get("retry-after"), now_s)
    if status in _UNUSABLE:
        unusable = TargetRefused(said)
        if status in _MISSING:
            # It may as well be about what was asked for, which the client knows better.
            unusable.status = status
        raise unusable
    if status in _BUSY or (status == 503 and retry_after_s is not None):
        raise BackendBusy(said, retry_after_s=retry_after_s)
    if status in _LATE:
        raise BackendTimeout(said)
    if status == 503:
        raise BackendDown(said)
    if status < 500:
        raise BackendRefused(said, status=status if status < 500 else None)
    raise BackendFailed(said, retry_after_s=retry_after_s)


def _told(body: bytes, call: CapabilityCall) -> str:
    text = " ".join(body.decode(errors="replace").split())
    for secret in call.secrets.values():
        if secret:
            text = text.replace(secret, "***")
            # Of `Bearer abc` the part that counts may come back alone.
            last = secret.rpartition(" ")[2]
            text = text.replace(last, "***") if len(last) >= 8 else text
    text = text[:_TOLD_CHARS]
    return f": {text}" if text else "."


def read_retry_after(told: str | None, now_s: float) -> float | None:
    """Seconds of a `Retry-After`, a number or an HTTP date; None when not told, or neither."""
    text = (told or "").strip()
    if text.replace(".", "", 1).isdecimal() and len(text) <= 12:
        return min(float(text), _LONGEST_WAIT_S)
    if not text:
        return None
    try:
        return max(0.0, min(parsedate_to_datetime(text).timestamp() - now_s, _LONGEST_WAIT_S))
    except (ValueError, OverflowError):
        return None
