"""The verbs of chats. What a caller cannot see is NotFound."""

from __future__ import annotations

from roundhouse.features.chat.service.finding import SearchService
from roundhouse.features.chat.service.memories import MemoryService
from roundhouse.features.chat.service.messages import MessageService
from roundhouse.features.chat.service.sessions import SessionService
from roundhouse.features.chat.service.upkeep import UpkeepService

__all__ = ["MemoryService", "MessageService", "SearchService", "SessionService", "UpkeepService"]
