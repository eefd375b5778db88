"""Secrets and signatures of webhooks.

Signed are bytes and an integer: nothing here knows of time zones.

Source:
    Standard Webhooks specification, v1 (2023): `whsec_` secrets, `webhook-id`, `webhook-timestamp`,
    `webhook-signature` of `{id}.{timestamp}.{body}` by HMAC-SHA256, several signatures with a blank between.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

_PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """A secret of 256 bits, `whsec_…`."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1,<base64>` of one message.

    Args:
        secret: `whsec_…`.
        message_id: The same at every try.
        timestamp_s: Unix seconds of this try.
        body: As it is sent.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp_s, body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed_headers(secrets_: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one try; one signature for each secret, the newest first."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(
            signature(secret, message_id, timestamp_s, body) for secret in secrets_
        ),
    }
