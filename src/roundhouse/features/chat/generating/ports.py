"""What generations need of the rest of the house; `app` and tests hand it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from roundhouse.core.ports import Clock, Files
from roundhouse.core.types import Caller, ModelRequest
from roundhouse.engine.engine import Engine
from roundhouse.engine.metering import Meter
from roundhouse.features.chat.model import Message, Session
from roundhouse.infra.db import Database, Tx


class Media(Protocol):
    """Guards URLs inside requests."""

    async def clean(self, request: ModelRequest) -> None:
        """Put content in place of URLs; raises AddressRefused, UnsupportedMedia, TooLarge, BadInput."""
        ...


class Prepared(Protocol):
    """What a model is told for a question."""

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """In OpenAI's form, text only, the question last."""
        ...

    @property
    def attachments(self) -> Sequence[tuple[str, ...]]:
        """Files of each of them, by place."""
        ...


class Contexts(Protocol):
    """Makes conversations fit models; `context.ContextService`."""

    async def prepare(
        self, tx: Tx, caller: Caller, session: Session, question: Message, model: str
    ) -> Prepared:
        """What the model is told; raises ContextTooLong when the question alone does not fit."""
        ...

    async def summarise(self, caller: Caller, session_id: str, model: str) -> object:
        """Write a summary of what is old, where one is due; raises what the engine raises."""
        ...


class Desk(msgspec.Struct, frozen=True):
    """What every generation needs, built once.

    Attributes:
        engine: The door to the models.
        meter: Whether a caller may ask now, and what that costs it.
        media: Guards URLs inside requests.
        files: What messages have attached.
        db: The database.
        clock: Time.
    """

    engine: Engine
    meter: Meter
    media: Media
    files: Files
    db: Database
    clock: Clock
