"""Wire shapes of the room."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from roundhouse.features.webhooks.model import DeliveryState

Pattern = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[a-z_.*]+$")]
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        pattern=r"^[!-~]+$",
        description="http(s) address that takes POST. Public, unless the operator allows its network.",
    ),
]
Description = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Headers = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=100)], SecretStr],
    Field(max_length=20, description="Headers that go with it, e.g. a token; never shown again."),
]
Patterns = Annotated[
    list[Pattern],
    Field(
        max_length=50,
        description="Types of events, or patterns with `*`: `job.completed`, `file.*`, `*`. What there are many of "
        "(`job.progress`, `job.stage`) must be named itself.",
    ),
]


class WebhookCreate(BaseModel):
    """Somebody who wants to be told."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    events: Annotated[Patterns, Field(min_length=1)] = ["*"]
    description: Description = ""
    enabled: bool = True
    thin: bool = Field(
        False, description="Send no data, only the address (`dataref`) where they can be fetched."
    )
    headers: Headers = {}


class WebhookPatch(BaseModel):
    """What is to be changed; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = None
    events: Annotated[Patterns, Field(min_length=1)] | None = None
    description: Description | None = None
    enabled: bool | None = Field(None, description="Switched on again, it goes on with what waits.")
    thin: bool | None = None
    headers: Headers | None = Field(None, description="All of them anew; `{}` = none.")


class WebhookRead(BaseModel):
    """A webhook."""

    object: Literal["webhook"] = "webhook"
    id: str
    url: str | None = Field(description="Null = each task that is told of names its own address.")
    events: list[str]
    description: str
    enabled: bool
    thin: bool
    header_names: list[str] = Field(description="Of the headers that go with it.")
    disabled_reason: Literal["gone", "failing"] | None = Field(
        description="Why it was switched off by itself: its receiver answered 410, or nothing was taken for days."
    )
    failing_since: datetime | None = Field(
        description="The first of the last tries that all failed; null = they do not."
    )
    old_secret_until: datetime | None = Field(
        description="Until then each message is signed with the secret before the last rotation, too."
    )
    pending: int = Field(description="Deliveries that wait, for the first or another try.")
    failed: int = Field(description="Deliveries that were given up; a replay begins them anew.")
    created_at: datetime
    updated_at: datetime


class WebhookMade(WebhookRead):
    """A webhook with its secret, shown this once."""

    secret: str = Field(description="`whsec_…`; what its messages are signed with.")


class WebhookList(BaseModel):
    """A page of webhooks, oldest first."""

    object: Literal["list"] = "list"
    data: list[WebhookRead]
    has_more: bool
    next_cursor: str | None


class WebhookDeleted(BaseModel):
    """That a webhook is gone."""

    object: Literal["webhook.deleted"] = "webhook.deleted"
    id: str
    deleted: Literal[True] = True


class TryRead(BaseModel):
    """One try."""

    at: datetime
    ms: int = Field(description="How long it took.")
    status: int | None = Field(description="Of the answer; null = there was none.")
    head: str = Field(description="The beginning of the answer's body.")
    error: str | None = Field(description="Code of the error; null = it was taken.")
    detail: str = Field(description="What went wrong.")


class DeliveryRead(BaseModel):
    """One event on its way to one webhook."""

    object: Literal["webhook.delivery"] = "webhook.delivery"
    id: str
    webhook_id: str
    event_id: str = Field(description="The header `webhook-id` of every try.")
    event_seq: int = Field(description="Its number; `GET /v1/events/{seq}` shows it.")
    event_type: str
    subject: str = Field(description="The thing it happened to.")
    url: str | None = Field(description="Where, when it is not at the webhook's own address.")
    state: DeliveryState = Field(
        description="`pending`; `delivered`; `failed` = no try is left; `gone` = the event was deleted before."
    )
    attempts: int = Field(description="Tries of this round; a replay begins a new one.")
    tries: list[TryRead] = Field(description="The last ones, oldest first.")
    next_at: datetime | None = Field(
        description="Of the next try; null = there is none, or not before the webhook is switched on."
    )
    created_at: datetime
    ended_at: datetime | None


class DeliveryList(BaseModel):
    """A page of deliveries, newest first."""

    object: Literal["list"] = "list"
    data: list[DeliveryRead]
    has_more: bool
    next_cursor: str | None


class ReplayRead(BaseModel):
    """What is sent once more."""

    object: Literal["webhook.replay"] = "webhook.replay"
    webhook_id: str
    queued: int = Field(description="Events that are sent now.")
    has_more: bool = Field(description="There were too many for one call; go on with `next_since`.")
    next_since: datetime | None


class EventList(BaseModel):
    """A page of events, oldest first."""

    object: Literal["list"] = "list"
    data: list[dict[str, Any]] = Field(description="CloudEvents 1.0, the same that webhooks are sent.")
    has_more: bool = Field(description="May be so of an empty page, too: many were looked at for nothing.")
    next_cursor: str = Field(
        description="Go on with `after` = this; also when there is nothing more just now."
    )
