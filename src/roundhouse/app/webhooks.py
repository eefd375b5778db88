"""The webhooks room in the API process."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from roundhouse.app.delivering import guarded_poster
from roundhouse.app.parts import Parts
from roundhouse.features.webhooks import routes
from roundhouse.features.webhooks.describing import async_api, webhooks_components, webhooks_section
from roundhouse.features.webhooks.report import WebhookMetrics
from roundhouse.features.webhooks.service.deliveries import DeliveryService
from roundhouse.features.webhooks.service.events import EventService
from roundhouse.features.webhooks.service.following import Following
from roundhouse.features.webhooks.service.webhooks import WebhookService
from roundhouse.infra.egress.resolving import Lookup
from roundhouse.infra.rooms import describe_webhooks, serve_document
from roundhouse.infra.telemetry.metrics import Metrics


class WebhookRoom:
    """The room's services in the API process.

    Args:
        parts: The shared parts.
        lookup: How names in users' URLs are looked up.

    Attributes:
        following: `core.webhooks.Webhooks`, for rooms whose single things are told of.
    """

    def __init__(self, parts: Parts, lookup: Lookup) -> None:
        self._parts = parts
        settings, db, clock = parts.settings, parts.db, parts.clock
        poster = guarded_poster(settings, lookup)
        self._webhooks = WebhookService(db, parts.vault, poster, settings.webhooks, clock)
        self.following = Following(db, self._webhooks, poster, clock)

    def router(self) -> APIRouter:
        """The room's routes."""
        parts = self._parts
        deliveries = DeliveryService(parts.db, parts.clock)
        return routes.router(self._webhooks, deliveries, EventService(parts.db, parts.tail), parts.tail)

    def describe(self, rooms: FastAPI) -> None:
        """Put what is sent into the OpenAPI document, and serve the AsyncAPI document beside it."""
        describe_webhooks(rooms, webhooks_section, webhooks_components)
        serve_document(rooms, "/asyncapi.json", lambda: async_api(rooms.version))

    def attach(self, metrics: Metrics) -> None:
        """Be scraped from now on."""
        WebhookMetrics(self._parts.db, self._parts.clock).attach(metrics)
