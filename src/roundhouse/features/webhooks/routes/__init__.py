"""Routes of the room."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.features.webhooks.routes import events as event_routes
from roundhouse.features.webhooks.routes import webhooks as webhook_routes
from roundhouse.features.webhooks.service.deliveries import DeliveryService
from roundhouse.features.webhooks.service.events import EventService
from roundhouse.features.webhooks.service.webhooks import WebhookService
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.rooms import gathered


def router(
    webhooks: WebhookService, deliveries: DeliveryService, events: EventService, tail: EventTail
) -> APIRouter:
    """The room's routes."""
    return gathered(webhook_routes.router(webhooks, deliveries), event_routes.router(events, tail))
