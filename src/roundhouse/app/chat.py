"""The chat room of a process: its services and what runs behind them."""

from __future__ import annotations

from roundhouse.app.parts import Parts
from roundhouse.engine.limits import EngineLimits
from roundhouse.engine.metering import Meter
from roundhouse.features.chat.context.service import ContextService
from roundhouse.features.chat.context.summarising import EngineSummary
from roundhouse.features.chat.generating.model import STOP_REQUESTED
from roundhouse.features.chat.generating.ports import Desk, Knowledge, Media
from roundhouse.features.chat.generating.presence import Presence
from roundhouse.features.chat.generating.service import Generations
from roundhouse.features.chat.service import MemoryService, MessageService, SearchService, SessionService
from roundhouse.features.chat.transfer.service import TransferService
from roundhouse.infra.blobs.opening import open_staging
from roundhouse.infra.search.tidying import Tidying


class ChatRoom:
    """Sessions, their answers, search, export and import. Start it after the parts, close it before them.

    Args:
        parts: The shared parts of the process.
        meter: Whether a caller may ask a model now, and what that costs it.
        media: Guards URLs inside requests.
        knowledge: Answers from documents; None = there are none here.

    Attributes:
        sessions: Sessions.
        messages: Their messages.
        memories: What is remembered of users.
        upkeep: Numbers, and the end of old sessions.
        searching: Search.
        generations: The answers in the making.
        transfer: Export and import.
    """

    def __init__(self, parts: Parts, meter: Meter, media: Media, knowledge: Knowledge | None = None) -> None:
        settings, engine, db = parts.settings, parts.engine, parts.db
        self.sessions = SessionService(db, parts.chat_index, parts.clock, knowledge)
        self.messages = MessageService(db, parts.chat_index, parts.files, parts.clock)
        self.memories = MemoryService(db, parts.clock, settings.chat.max_memories)
        self.upkeep = parts.chat_upkeep
        self.searching = SearchService(db, parts.indexer)
        desk = Desk(engine, meter, media, parts.files, db, parts.clock, knowledge)
        summary = EngineSummary(engine, meter)
        contexts = ContextService(db, EngineLimits(engine), summary, parts.clock)
        presence = Presence(settings.data_dir / "generating", one_machine=db.is_sqlite)
        self.generations = Generations(
            desk, parts.tail, contexts, presence, parts.chat_index, settings.chat.default_model
        )
        parts.tail.on_event(self.generations.heard, (STOP_REQUESTED,))
        # The clean-up of files removes there what a killed process left.
        self._staging = open_staging(settings.files, settings.data_dir)
        self.transfer = TransferService(
            db,
            parts.chat_index,
            self._staging,
            parts.clock,
            settings.chat.max_memories,
        )
        self._tidying = Tidying(db, parts.clock, parts.indexer)

    async def start(self) -> None:
        """Begin to write answers, and to keep the index in order."""
        await self.generations.start()
        await self._tidying.start()

    async def close(self) -> None:
        """End what is being answered: the parts that were written are kept and can be gone on with."""
        await self.generations.close()
        await self._tidying.close()
        await self._staging.close()
