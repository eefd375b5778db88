"""What the room keeps: webhooks, what was delivered to them, and each try."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

DeliveryState = Literal["pending", "delivered", "failed", "gone"]
DELIVERY_STATES: tuple[DeliveryState, ...] = ("pending", "delivered", "failed", "gone")

TEST: Literal["webhook.test"] = "webhook.test"
"""Type of the event that is sent to one webhook by hand: once, whatever comes of it."""


class Webhook(msgspec.Struct, frozen=True):
    """A place that is told of events.

    Attributes:
        id: `whk_…`.
        site_id: Tenant.
        url: Where it is; None = each topic that it is told of names its own (`Topic`).
        events: Patterns of types.
        scopes: Of who chose them: it is told of no more than they may see. `admin` = of all.
        description: For people.
        enabled: Whether it is told.
        thin: Whether data stay out: who is told fetches them.
        headers_sealed: JSON object of headers that go with it, encrypted; None = none.
        secret_sealed: What it is signed with, encrypted.
        old_secret_sealed: What else it is signed with, until `old_secret_until_s`.
        old_secret_until_s: Unix time.
        after_seq: It is told of events after this one.
        failing_since_s: Unix time of the first try that failed since the last that did not; None = the last did not.
        disabled_reason: Why it was switched off by the house, `gone` or `failing`; None = it was not.
        created_at_s: Unix time.
        updated_at_s: Unix time.
    """

    id: str
    site_id: str
    url: str | None
    events: list[str]
    scopes: list[str]
    description: str
    enabled: bool
    thin: bool
    headers_sealed: bytes | None
    secret_sealed: bytes
    old_secret_sealed: bytes | None
    old_secret_until_s: float | None
    after_seq: int
    failing_since_s: float | None
    disabled_reason: str | None
    created_at_s: float
    updated_at_s: float


class Topic(msgspec.Struct, frozen=True):
    """That a webhook is told of one thing, besides what its own patterns say.

    Attributes:
        site_id: Tenant.
        topic: Id of the thing.
        webhook_id: Who is told.
        url: Where; None = at the webhook's own address.
        events: Patterns of types.
        created_at_s: Unix time.
    """

    site_id: str
    topic: str
    webhook_id: str
    url: str | None
    events: list[str]
    created_at_s: float


class Try(msgspec.Struct, frozen=True):
    """One try to deliver.

    Attributes:
        at_s: Unix time at its begin.
        ms: How long it took.
        status: Of the answer; None = there was none.
        head: The beginning of the answer's body.
        error: Code of the error; None = it was taken.
        detail: What went wrong.
    """

    at_s: float
    ms: int
    status: int | None = None
    head: str = ""
    error: str | None = None
    detail: str = ""


class Delivery(msgspec.Struct, frozen=True):
    """One event on its way to one webhook.

    Attributes:
        seq: Place in the list of all.
        id: `del_…`.
        site_id: Tenant.
        webhook_id: To whom.
        event_id: Of what; the `webhook-id` of every try.
        event_seq: Its number.
        event_type: Its type.
        topic: Of what thing.
        url: Where, when it is not at the webhook's own address.
        state: `pending`, `delivered`, `failed` (no try is left), `gone` (the event was deleted before).
        attempts: Tries of this round; a replay begins a new one.
        tries: The last ones, oldest first, as `Try`.
        next_at_s: Unix time of the next try; None = there is none, or not before the webhook is on.
        created_at_s: Unix time.
        ended_at_s: Unix time.
    """

    seq: int
    id: str
    site_id: str
    webhook_id: str
    event_id: str
    event_seq: int
    event_type: str
    topic: str
    url: str | None
    state: DeliveryState
    attempts: int
    tries: list[dict[str, Any]]
    next_at_s: float | None
    created_at_s: float
    ended_at_s: float | None
