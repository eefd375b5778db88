"""The chat room of an API process: its services, what runs behind them, its routes."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.app.parts import Parts
from roundhouse.core.ports import Gatekeeper, Prices, UsageSink
from roundhouse.features.chat import routes as chat_routes
from roundhouse.features.chat.context.limits import EngineLimits
from roundhouse.features.chat.context.service import ContextService
from roundhouse.features.chat.context.summarising import EngineSummary
from roundhouse.features.chat.generating.outer import OuterChats, outer_routes
from roundhouse.features.chat.generating.ports import Desk, Media
from roundhouse.features.chat.generating.presence import Presence
from roundhouse.features.chat.generating.routes import router as generation_routes
from roundhouse.features.chat.generating.service import Generations
from roundhouse.features.chat.metering import Meter, Observer
from roundhouse.features.chat.service import MemoryService, MessageService, SearchService, SessionService
from roundhouse.features.chat.transfer import routes as transfer_routes
from roundhouse.features.chat.transfer.service import TransferService
from roundhouse.infra.blobs.opening import open_staging
from roundhouse.infra.search.tidying import Tidying


class ChatRoom:
    """Sessions, their answers, search, export and import. Start it after the parts, close it before them.

    Args:
        parts: The shared parts of the process.
        gatekeeper: Whether a caller may ask a model now.
        usage: Where use is recorded.
        prices: What it costs.
        observer: Metrics.
        media: Guards URLs inside requests.

    Attributes:
        generations: The answers in the making.
        transfer: Export and import.
    """

    def __init__(
        self,
        parts: Parts,
        gatekeeper: Gatekeeper,
        usage: UsageSink,
        prices: Prices,
        observer: Observer,
        media: Media,
    ) -> None:
        settings, engine, db = parts.settings, parts.engine, parts.db
        self._parts = parts
        desk = Desk(engine, gatekeeper, usage, prices, observer, media, parts.files, db, parts.clock)
        summary = EngineSummary(engine, Meter(gatekeeper, usage, prices, observer, parts.clock))
        contexts = ContextService(db, EngineLimits(engine), summary, parts.clock)
        presence = Presence(settings.data_dir / "generating", one_machine=db.is_sqlite)
        self.generations = Generations(
            desk, parts.tail, contexts, presence, parts.chat_index, settings.chat.default_model
        )
        parts.tail.on_event(self.generations.heard)
        # The clean-up of files removes there what a killed process left.
        self._staging = open_staging(settings.files, settings.data_dir)
        self.transfer = TransferService(
            db,
            parts.chat_index,
            self._staging,
            parts.clock,
            settings.chat.max_memories,
        )
        self._tidying = Tidying(db, parts.clock)

    @property
    def large_bodies(self) -> dict[str, int]:
        """Paths that take more than a request's usual size, and how much."""
        return {transfer_routes.IMPORT_PATH: self.transfer.largest_file_bytes}

    def router(self) -> APIRouter:
        """All routes of the room, the old forms among them."""
        parts, db, clock = self._parts, self._parts.db, self._parts.clock
        sessions = SessionService(db, parts.chat_index, clock)
        outer = OuterChats(db, sessions, self.generations, clock)
        return chat_routes.router(
            sessions,
            MessageService(db, parts.chat_index, parts.files, clock),
            MemoryService(db, clock, parts.settings.chat.max_memories),
            parts.chat_upkeep,
            SearchService(db),
            more=[
                transfer_routes.router(self.transfer, parts.settings.server.body_timeout_s),
                generation_routes(self.generations, parts.tail),
                outer_routes(outer, parts.tail),
            ],
        )

    async def start(self) -> None:
        """Begin to write answers, and to keep the index in order."""
        await self.generations.start()
        await self._tidying.start()

    async def close(self) -> None:
        """End what is being answered: the parts that were written are kept and can be gone on with."""
        await self.generations.close()
        await self._tidying.close()
        await self._staging.close()
