"""The verbs of the room."""

from roundhouse.features.gateway.service.models import Footprints, ModelService
from roundhouse.features.gateway.service.providers import ProviderService
from roundhouse.features.gateway.service.pulls import PullService

__all__ = ["Footprints", "ModelService", "ProviderService", "PullService"]
