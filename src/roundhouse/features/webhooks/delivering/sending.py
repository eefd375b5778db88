"""One try: sign, post, and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.features.webhooks.envelope import CONTENT_TYPE, body_of
from roundhouse.features.webhooks.model import Delivery, Try, Webhook
from roundhouse.features.webhooks.signing import signed_headers
from roundhouse.infra.egress.posting import Posted
from roundhouse.infra.events.store import Event
from roundhouse.infra.vault import Vault

GONE = 410
"""The status by which a receiver says that it wants no more."""

_HEAD_CHARS = 500
_REDIRECTS = range(300, 400)


class Poster(Protocol):
    """`infra.egress.posting.GuardedPoster`."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, limit_s: float) -> Posted:
        """Post once; raises an error of the tree."""
        ...


class Sender:
    """Tries deliveries.

    Args:
        poster: The way out.
        vault: Opens secrets and headers.
        clock: Time.
        timeout_s: Longest time of one try.
    """

    def __init__(self, poster: Poster, vault: Vault, clock: Clock, timeout_s: float) -> None:
        self._poster = poster
        self._vault = vault
        self._clock = clock
        self._timeout_s = timeout_s

    async def send(self, webhook: Webhook, delivery: Delivery, event: Event) -> Try:
        """Try once; whatever goes wrong stands in what is returned."""
        at_s, began_s = self._clock.now_s(), self._clock.monotonic_s()
        posted: Posted | None = None
        error, detail = None, ""
        try:
            url = delivery.url or webhook.url or ""
            body = body_of(event, thin=webhook.thin)
            posted = await self._poster.post(
                url, self._headers(webhook, event, body, at_s), body, self._timeout_s
            )
        except RoundhouseError as failure:
            error, detail = failure.code, failure.detail
        ms = round((self._clock.monotonic_s() - began_s) * 1000)
        if posted is None:
            return Try(at_s, ms, None, "", error, detail)
        head = posted.head.decode("utf-8", "replace").replace("\x00", "\ufffd")[:_HEAD_CHARS]
        if 200 <= posted.status < 300:
            return Try(at_s, ms, posted.status, head)
        what = "redirects, which are not followed" if posted.status in _REDIRECTS else "did not take it"
        return Try(at_s, ms, posted.status, head, "webhook_refused", f"The receiver {what}.")

    def _headers(self, webhook: Webhook, event: Event, body: bytes, at_s: float) -> dict[str, str]:
        sealed = [webhook.secret_sealed]
        if webhook.old_secret_sealed is not None and at_s < (webhook.old_secret_until_s or 0.0):
            sealed.append(webhook.old_secret_sealed)
        own: dict[str, str] = {}
        if webhook.headers_sealed is not None:
            own = msgspec.json.decode(self._vault.open(webhook.headers_sealed), type=dict[str, str])
        ours = signed_headers([self._vault.open(one) for one in sealed], event.id, int(at_s), body)
        return own | {"content-type": CONTENT_TYPE} | ours
