"""Routes of webhooks and their deliveries."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from roundhouse.core.types import Caller
from roundhouse.features.webhooks.model import DeliveryState
from roundhouse.features.webhooks.schemas import (
    DeliveryList,
    DeliveryRead,
    ReplayRead,
    WebhookCreate,
    WebhookDeleted,
    WebhookList,
    WebhookMade,
    WebhookPatch,
    WebhookRead,
)
from roundhouse.features.webhooks.service.deliveries import DeliveryService
from roundhouse.features.webhooks.service.webhooks import WebhookService
from roundhouse.infra.auth import require
from roundhouse.infra.moments import Moment

User = Annotated[Caller, Depends(require("webhooks"))]
WebhookId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
DeliveryId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most in one page.")]
Type = Annotated[
    str | None, Query(max_length=100, pattern=r"^[a-z_.]+$", description="e.g. `job.completed`.")
]
Subject = Annotated[
    str | None, Query(max_length=100, pattern=r"^[\x21-\x7e]+$", description="Id of a thing, e.g. `job_…`.")
]


def router(webhooks: WebhookService, deliveries: DeliveryService) -> APIRouter:
    """Routes of webhooks."""
    routes = APIRouter(tags=["webhooks"])
    _webhook_routes(routes, webhooks)
    _delivery_routes(routes, deliveries)
    return routes


def _webhook_routes(routes: APIRouter, webhooks: WebhookService) -> None:
    @routes.post("/v1/webhooks", operation_id="create_webhook", status_code=201)
    async def create_webhook(caller: User, asked: WebhookCreate) -> WebhookMade:
        """Be told of events from now on; the answer shows the secret this once."""
        return await webhooks.create(caller, asked)

    @routes.get("/v1/webhooks", operation_id="list_webhooks")
    async def list_webhooks(caller: User, cursor: Cursor = None, limit: Limit = 50) -> WebhookList:
        """The site's webhooks, oldest first."""
        return await webhooks.page(caller, cursor=cursor, limit=limit)

    @routes.get("/v1/webhooks/{webhook_id}", operation_id="get_webhook")
    async def get_webhook(caller: User, webhook_id: WebhookId) -> WebhookRead:
        """One webhook, and whether it works."""
        return await webhooks.get(caller, webhook_id)

    @routes.patch("/v1/webhooks/{webhook_id}", operation_id="update_webhook")
    async def update_webhook(caller: User, webhook_id: WebhookId, asked: WebhookPatch) -> WebhookRead:
        """Change a webhook, or switch it on and off."""
        return await webhooks.change(caller, webhook_id, asked)

    @routes.delete("/v1/webhooks/{webhook_id}", operation_id="delete_webhook")
    async def delete_webhook(caller: User, webhook_id: WebhookId) -> WebhookDeleted:
        """Delete a webhook and its deliveries."""
        return await webhooks.delete(caller, webhook_id)

    @routes.post("/v1/webhooks/{webhook_id}/rotate", operation_id="rotate_webhook")
    async def rotate_webhook(caller: User, webhook_id: WebhookId) -> WebhookMade:
        """A new secret, shown this once; for 24 hours the old one signs as well."""
        return await webhooks.rotate(caller, webhook_id)


def _delivery_routes(routes: APIRouter, deliveries: DeliveryService) -> None:
    @routes.post("/v1/webhooks/{webhook_id}/test", operation_id="test_webhook")
    async def test_webhook(
        caller: User,
        webhook_id: WebhookId,
        wait: Annotated[float, Query(ge=0, le=30, description="Seconds that the try is waited for.")] = 20.0,
    ) -> DeliveryRead:
        """Send `webhook.test`, once, also to a webhook that is switched off; tells how it was taken."""
        return await deliveries.test(caller, webhook_id, wait)

    @routes.post("/v1/webhooks/{webhook_id}/replay", operation_id="replay_webhook")
    async def replay_webhook(
        caller: User,
        webhook_id: WebhookId,
        since: Annotated[Moment, Query(description="From when on.")],
        delivered: Annotated[bool, Query(description="Also what was taken before.")] = False,
    ) -> ReplayRead:
        """Send the events since a time that were not taken, or never sent; at most 1000 in one call."""
        return await deliveries.replay(caller, webhook_id, since, delivered=delivered)

    @routes.get("/v1/webhooks/{webhook_id}/deliveries", operation_id="list_deliveries")
    async def list_deliveries(
        caller: User,
        webhook_id: WebhookId,
        state: DeliveryState | None = None,
        type: Type = None,
        subject: Subject = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> DeliveryList:
        """What was sent to a webhook and how it was taken, newest first."""
        return await deliveries.page(
            caller, webhook_id, state=state, event_type=type, subject=subject, cursor=cursor, limit=limit
        )

    @routes.post("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend", operation_id="resend_delivery")
    async def resend_delivery(caller: User, webhook_id: WebhookId, delivery_id: DeliveryId) -> DeliveryRead:
        """Send one delivery again, taken or not, with the same `webhook-id`; one that waits is sent at once."""
        return await deliveries.resend(caller, webhook_id, delivery_id)
