"""The verbs of webhooks: make, look, change, rotate, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

from roundhouse.core.errors import BadInput, Conflict, NotAllowed
from roundhouse.core.events import EVENTS
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.settings import WebhookSettings
from roundhouse.core.types import Caller
from roundhouse.features.webhooks.choosing import types_of
from roundhouse.features.webhooks.model import Webhook
from roundhouse.features.webhooks.schemas import (
    WebhookCreate,
    WebhookDeleted,
    WebhookList,
    WebhookMade,
    WebhookPatch,
    WebhookRead,
)
from roundhouse.features.webhooks.shapes import read_webhook, shown
from roundhouse.features.webhooks.signing import new_secret
from roundhouse.features.webhooks.store import deliveries, endpoints
from roundhouse.infra import audit
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.egress.addresses import check_headers
from roundhouse.infra.events.store import Event, NewEvent, append, newest_seq
from roundhouse.infra.paging import decode_cursor, encode_cursor
from roundhouse.infra.vault import Vault

OVERLAP_S = 24 * 3600.0
"""So long messages are signed with the secret before a rotation, too."""

_EVENT_SCOPES = tuple(dict.fromkeys(kind.scope for kind in EVENTS.sent()))
_OURS = ("content-type", "host", "user-agent", "webhook-")

Verb = Literal["create", "update", "delete"]


class Addresses(Protocol):
    """`infra.egress.posting.GuardedPoster`."""

    async def check(self, url: str) -> None:
        """Raise BadInput or AddressRefused for what cannot be posted to."""
        ...


class WebhookService:
    """Webhooks of tenants. Another tenant's is NotFound.

    Args:
        db: The database.
        vault: Seals secrets and headers.
        addresses: Judges addresses.
        settings: Limits.
        clock: Time.
    """

    def __init__(
        self, db: Database, vault: Vault, addresses: Addresses, settings: WebhookSettings, clock: Clock
    ) -> None:
        self._db = db
        self._vault = vault
        self._addresses = addresses
        self._settings = settings
        self._clock = clock

    async def create(self, caller: Caller, asked: WebhookCreate) -> WebhookMade:
        """Make a webhook; it is told of what happens from now on.

        Raises:
            BadInput: Address, pattern or header cannot be taken.
            AddressRefused: The address is not public.
            NotAllowed: The caller stands for one user or app, or may not see such events.
            Conflict: The tenant has as many as it may.
        """
        refuse_narrow(caller)
        check_patterns(caller, asked.events)
        await self._addresses.check(asked.url)
        secret = new_secret()
        async with self._db.begin() as tx:
            await self._check_room(tx, caller)
            webhook = await self._new(
                tx, caller, asked.url, asked.events, secret, description=asked.description
            )
            webhook = msgspec.structs.replace(
                webhook,
                enabled=asked.enabled,
                thin=asked.thin,
                headers_sealed=self._sealed(
                    {name: one.get_secret_value() for name, one in asked.headers.items()}
                ),
            )
            await endpoints.insert(tx, webhook)
            detail = {"url": webhook.url, "events": webhook.events}
            told = await self._tell(tx, caller, "create", webhook, detail)
            # Of itself it is told nothing.
            await endpoints.change(tx, webhook.id, {"after_seq": told.seq})
        fields = shown(webhook, self._header_names(webhook), {}, webhook.created_at_s)
        return WebhookMade(**fields, secret=secret)

    async def page(self, caller: Caller, *, cursor: str | None, limit: int) -> WebhookList:
        """A page of webhooks, oldest first; raises BadInput for the cursor."""
        after = decode_cursor(cursor, str)
        refuse_narrow(caller)
        async with self._db.read() as tx:
            found = await endpoints.page(tx, caller.site_id, after, limit + 1)
            counts = await deliveries.counts(tx, [one.id for one in found])
        visible, now_s, more = found[:limit], self._clock.now_s(), len(found) > limit
        return WebhookList(
            data=[read_webhook(one, self._header_names(one), counts, now_s) for one in visible],
            has_more=more,
            next_cursor=encode_cursor(visible[-1].id) if more else None,
        )

    async def get(self, caller: Caller, webhook_id: str) -> WebhookRead:
        """One webhook; raises NotFound."""
        refuse_narrow(caller)
        async with self._db.read() as tx:
            found = await endpoints.get(tx, caller.site_id, webhook_id)
            counts = await deliveries.counts(tx, [found.id])
        return read_webhook(found, self._header_names(found), counts, self._clock.now_s())

    async def change(self, caller: Caller, webhook_id: str, asked: WebhookPatch) -> WebhookRead:
        """Change a webhook; raises NotFound, and like `create`."""
        refuse_narrow(caller)
        given = {
            name: value for name in asked.model_fields_set if (value := getattr(asked, name)) is not None
        }
        if "events" in given:
            check_patterns(caller, given["events"])
        if "url" in given:
            await self._addresses.check(given["url"])
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            old = await endpoints.get(tx, caller.site_id, webhook_id, lock=True)
            changes = await self._changes(tx, caller, old, given)
            webhook = msgspec.structs.replace(old, **changes, updated_at_s=now_s)
            await endpoints.change(tx, old.id, {**changes, "updated_at_s": now_s})
            if webhook.enabled and not old.enabled:
                await deliveries.unpark(tx, old.id, now_s)
            elif old.enabled and not webhook.enabled:
                await deliveries.park(tx, old.id)
            await self._tell(tx, caller, "update", webhook, {"changed": sorted(given)})
        return await self.get(caller, webhook_id)

    async def rotate(self, caller: Caller, webhook_id: str) -> WebhookMade:
        """A new secret; the old one signs as well for 24 hours. Raises NotFound."""
        refuse_narrow(caller)
        secret, now_s = new_secret(), self._clock.now_s()
        async with self._db.begin() as tx:
            old = await endpoints.get(tx, caller.site_id, webhook_id, lock=True)
            changes: dict[str, Any] = {
                "secret_sealed": self._vault.seal(secret),
                "old_secret_sealed": old.secret_sealed,
                "old_secret_until_s": now_s + OVERLAP_S,
                "updated_at_s": now_s,
            }
            await endpoints.change(tx, old.id, changes)
            webhook = msgspec.structs.replace(old, **changes)
            await self._tell(tx, caller, "update", webhook, {"changed": ["secret"]})
            counts = await deliveries.counts(tx, [old.id])
        return WebhookMade(**shown(webhook, self._header_names(webhook), counts, now_s), secret=secret)

    async def delete(self, caller: Caller, webhook_id: str) -> WebhookDeleted:
        """Delete a webhook and all that is known of its deliveries; raises NotFound."""
        refuse_narrow(caller)
        async with self._db.begin() as tx:
            old = await endpoints.get(tx, caller.site_id, webhook_id, lock=True)
            await endpoints.delete(tx, old.id)
            await self._tell(tx, caller, "delete", old, {"url": old.url})
        return WebhookDeleted(id=webhook_id)

    # What follows single things uses these as well.

    async def for_topics(self, tx: Tx, caller: Caller) -> Webhook:
        """The tenant's webhook without an address of its own, made at first need.

        No event tells of it: whoever asks for it is in the middle of a transaction of its own.
        """
        found = await endpoints.of_topics(tx, caller.site_id)
        if found is not None:
            return found
        text = "For the addresses that single tasks name."
        webhook = await self._new(tx, caller, None, [], new_secret(), description=text)
        await endpoints.insert(tx, webhook)
        return webhook

    async def _new(
        self,
        tx: Tx,
        caller: Caller,
        url: str | None,
        events: list[str],
        secret: str,
        *,
        description: str,
    ) -> Webhook:
        now_s = self._clock.now_s()
        return Webhook(
            id=new_id("whk"),
            site_id=caller.site_id,
            url=url,
            events=events,
            scopes=_scopes(caller),
            description=description,
            enabled=True,
            thin=False,
            headers_sealed=None,
            secret_sealed=self._vault.seal(secret),
            old_secret_sealed=None,
            old_secret_until_s=None,
            after_seq=await newest_seq(tx),
            failing_since_s=None,
            disabled_reason=None,
            created_at_s=now_s,
            updated_at_s=now_s,
        )

    async def _changes(self, tx: Tx, caller: Caller, old: Webhook, given: dict[str, Any]) -> dict[str, Any]:
        if old.url is None and given.keys() & {"url", "events"}:
            raise BadInput(
                "This webhook has no address and no events of its own: tasks name theirs.", param="url"
            )
        changes = {name: value for name, value in given.items() if name not in ("headers",)}
        if "headers" in given:
            plain = {name: one.get_secret_value() for name, one in given["headers"].items()}
            changes["headers_sealed"] = self._sealed(plain)
        if "events" in given:
            changes["scopes"] = _scopes(caller)
        if "events" in given or (given.get("enabled") and not old.enabled):
            changes["after_seq"] = await newest_seq(tx)
        if "url" in given or given.get("enabled"):
            changes |= {"failing_since_s": None, "disabled_reason": None}
        return changes

    async def _check_room(self, tx: Tx, caller: Caller) -> None:
        most = self._settings.max_per_site
        if await endpoints.count(tx, caller.site_id) >= most:
            raise Conflict(f"A site has at most {most} webhooks (webhooks.max_per_site); delete one.")

    def _sealed(self, headers: dict[str, str]) -> bytes | None:
        taken = check_headers(headers)
        for name in taken:
            if name.lower().startswith(_OURS):
                raise BadInput(f"The header {name} is set by Roundhouse.", param="headers")
        return self._vault.seal(msgspec.json.encode(taken).decode()) if taken else None

    def _header_names(self, webhook: Webhook) -> list[str]:
        if webhook.headers_sealed is None:
            return []
        return sorted(msgspec.json.decode(self._vault.open(webhook.headers_sealed), type=dict[str, str]))

    async def _tell(
        self, tx: Tx, caller: Caller, verb: Verb, webhook: Webhook, detail: dict[str, Any]
    ) -> Event:
        now_s = self._clock.now_s()
        await audit.append(
            tx,
            caller,
            action=f"webhook.{verb}",
            object_id=webhook.id,
            detail=detail,
            at_s=now_s,
            site_id=webhook.site_id,
        )
        data = {"webhook_id": webhook.id, "url": webhook.url}
        (told,) = await append(tx, NewEvent(webhook.site_id, webhook.id, f"webhook.{verb}d", data, now_s))
        return told


def refuse_narrow(caller: Caller) -> None:
    """Raise NotAllowed for who stands for one user or app: webhooks are told of what happens to all of a site."""
    if caller.user_id is not None or caller.app_id is not None:
        raise NotAllowed("Webhooks are told of a whole site; who stands for one user or app has none.")


def check_patterns(caller: Caller, patterns: Sequence[str]) -> None:
    """Look at what somebody wants to be told of.

    Raises:
        BadInput: A pattern stands for no type of event.
        NotAllowed: It stands for none that the caller may see.
    """
    for one in patterns:
        known = EVENTS.matching(one)
        if not known:
            raise BadInput(f"No event that is sent is called {one!r}.", param="events")
        if not types_of([one], _scopes(caller)):
            raise NotAllowed(f"To be told of {one!r} this needs the scope {known[0].scope!r}.")


def _scopes(caller: Caller) -> list[str]:
    if caller.may("admin"):
        return ["admin"]
    return [one for one in _EVENT_SCOPES if caller.may(one)]
