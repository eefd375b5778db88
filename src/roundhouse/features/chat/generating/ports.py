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


class Grounding(Protocol):
    """What one answer is given of documents, and what became of it."""

    @property
    def citations(self) -> list[dict[str, Any]]:
        """Every passage that the answer can cite."""
        ...

    @property
    def found(self) -> bool:
        """Whether the documents bear on the question."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of what did not go as it should."""
        ...

    @property
    def answer(self) -> str | None:
        """What is said instead of asking the model; None = it is asked."""
        ...

    @property
    def model(self) -> str:
        """`provider/model` that gives the `answer`."""
        ...

    def told(self, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Messages in OpenAI's form, with rules and passages."""
        ...

    def feed(self, text: str) -> str:
        """What of the answer is sure now, with a piece more of it."""
        ...

    def end(self) -> str:
        """The rest of it."""
        ...

    def cited(self, text: str) -> list[dict[str, Any]]:
        """The citations of a whole answer."""
        ...

    def unsupported(self, text: str) -> list[dict[str, Any]]:
        """Sentences of a whole answer that no passage supports."""
        ...


class Knowledge(Protocol):
    """Answers from documents; the knowledge room gives it."""

    async def visible(self, caller: Caller, store_ids: Sequence[str]) -> Sequence[str]:
        """Those of some vector stores that are there for the caller."""
        ...

    async def prepare(
        self,
        caller: Caller,
        store_ids: Sequence[str],
        messages: Sequence[Mapping[str, Any]],
        model: str,
        earlier: Sequence[Mapping[str, Any]],
        request_id: str,
    ) -> Grounding:
        """Search for the last question of a conversation; raises what the search raises."""
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
        knowledge: Answers from documents; None = there are none here.
    """

    engine: Engine
    meter: Meter
    media: Media
    files: Files
    db: Database
    clock: Clock
    knowledge: Knowledge | None = None
