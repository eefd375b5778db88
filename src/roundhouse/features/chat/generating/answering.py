"""One generation: from the call of the model to the transaction that ends it. A task of this process, no request's."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import msgspec
import sqlalchemy as sa
import structlog

from roundhouse.core.errors import Conflict, RoundhouseError
from roundhouse.core.types import Caller, Decision, ModelRequest, Usage
from roundhouse.engine.chunks import read_events
from roundhouse.features.chat.generating.attaching import attach
from roundhouse.features.chat.generating.ending import Ending, Numbers, Sources, write_end
from roundhouse.features.chat.generating.grounding import ground, sources
from roundhouse.features.chat.generating.model import Begun
from roundhouse.features.chat.generating.pieces import PieceWriter, Track
from roundhouse.features.chat.generating.ports import Desk, Grounding
from roundhouse.features.chat.generating.repeating import Unrepeated
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.features.chat.model import GenerationState
from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import Event, NewEvent
from roundhouse.infra.web import error_object

Cause = Literal["stopped", "interrupted"]

MOST_CHARS = 2_000_000
"""A longer answer is cut here: a model that repeats itself for ever ends."""

_RETRY_S = 0.5

_log = structlog.get_logger(__name__)


class Answering:
    """Runs one generation. The caller was admitted by the gatekeeper; `run` settles it.

    Args:
        desk: Its surroundings.
        writer: Commits its pieces.
        index: Told of the message at the end.
        owner: Id of this process's presence.
        caller: Who asked.
        begun: What was committed.
    """

    def __init__(
        self, desk: Desk, writer: PieceWriter, index: ChatIndex, owner: str, caller: Caller, begun: Begun
    ) -> None:
        self._desk = desk
        self._writer = writer
        self._index = index
        self._owner = owner
        self._caller = caller
        self._begun = begun
        self._track = Track(begun.generation.id, begun.generation.site_id)
        self._decision = Decision(begun.generation.model)
        self._usage = Usage()
        self._texts: list[str] = []
        self._chars = 0
        self._reason: str | None = None
        self._started_s = time.perf_counter()
        self._first_s: float | None = None
        self._total_s = 0.0
        self._cause: Cause | None = None
        self._streaming: asyncio.Task[None] | None = None
        self._grounding: Grounding | None = None

    @property
    def started(self) -> Event:
        """Its first event."""
        return self._begun.started

    def stop(self, cause: Cause) -> None:
        """Have it end with what it has said so far; `run` returns when that is committed."""
        if self._cause is None:
            self._cause = cause
        if self._streaming is not None:
            self._streaming.cancel()

    async def run(self) -> GenerationState:
        """Ask the model, pass on what it says, and end; tells how.

        The end is tried again for as long as the database is away.
        """
        self._streaming = asyncio.create_task(self._stream())
        if self._cause is not None:
            self._streaming.cancel()
        await asyncio.wait([self._streaming])
        self._total_s = time.perf_counter() - self._started_s
        state, error = self._outcome(self._streaming)
        # What was used is used, whether or not the end can be written.
        cost_usd = self._account(error)
        await self._end(self._ending(state, error, cost_usd))
        return state

    async def _stream(self) -> None:
        begun, desk = self._begun, self._desk
        messages = await attach(desk.files, self._caller, begun.messages, begun.attachments)
        if begun.store_ids and desk.knowledge is not None:
            grounding = await ground(desk, desk.knowledge, self._caller, begun)
            self._grounding = grounding
            messages = grounding.told(messages)
            if grounding.answer is not None:
                self._decision.target = grounding.model
                self._take(grounding.answer)
                return
        if begun.prefix:
            messages.append({"role": "assistant", "content": begun.prefix})
        fields = {name: _raw(value) for name, value in begun.generation.options.items()}
        request = ModelRequest(
            operation="chat",
            model=begun.generation.model,
            fields={
                "model": _raw(begun.generation.model),
                "messages": _raw(messages),
                "stream": _raw(True),
                **fields,
            },
            caller=self._caller,
            stream=True,
            request_id=begun.request_id,
            cache="refresh" if begun.afresh else "use",
            continues=bool(begun.prefix),
            beat=self._writer.at_next,
        )
        await desk.media.clean(request)
        running = await desk.engine.stream(request, self._decision)
        unrepeated = Unrepeated(begun.prefix)
        try:
            async for piece in running:
                said = read_events(piece)
                if said.finish_reason is not None:
                    self._reason = said.finish_reason
                text = self._filtered(unrepeated.feed(said.text))
                if text and not self._take(text):
                    return
                await self._writer.room(self._track)
            rest = self._filtered(unrepeated.end(), last=True)
            if rest:
                self._take(rest)
        finally:
            self._usage = running.usage
            await running.aclose()

    def _filtered(self, text: str, *, last: bool = False) -> str:
        """What is told of a piece: of an answer from documents, what cannot fetch anything."""
        if self._grounding is None:
            return text
        text = self._grounding.feed(text) if text else ""
        return text + self._grounding.end() if last else text

    def _sources(self) -> Sources | None:
        """What the answer cites; a broken-off one, too."""
        if self._grounding is None:
            return None
        return sources(self._grounding, self._begun.prefix + "".join(self._texts))

    def _take(self, text: str) -> bool:
        """Pass a piece on; False = no more is wanted."""
        if self._first_s is None:
            self._first_s = time.perf_counter()
        room = MOST_CHARS - self._chars
        kept = text[:room]
        self._texts.append(kept)
        self._chars += len(kept)
        self._writer.give(self._track, kept)
        if len(text) >= room:
            self._reason = "length"
        return len(text) < room and not self._track.lost

    def _outcome(self, streaming: asyncio.Task[None]) -> tuple[GenerationState, RoundhouseError | None]:
        if streaming.cancelled():
            return self._cause or "interrupted", None
        error = streaming.exception()
        if error is None:
            return "completed", None
        if isinstance(error, RoundhouseError):
            return "failed", error
        _log.error("generation_failed", generation=self._begun.generation.id, exc_info=error)
        return "failed", RoundhouseError()

    def _ending(self, state: GenerationState, error: RoundhouseError | None, cost_usd: float) -> Ending:
        begun, usage = self._begun, self._usage
        reason = {"stopped": "stopped", "failed": "error", "interrupted": "interrupted"}.get(state)
        first_ms = None if self._first_s is None else (self._first_s - self._started_s) * 1000
        return Ending(
            generation=begun.generation,
            state=state,
            before=begun.message,
            text="".join(self._texts),
            finish_reason=reason or self._reason or "stop",
            error=None if error is None else error_object(error),
            numbers=Numbers(
                model=self._decision.target or None,
                prompt_tokens=usage.prompt_tokens or None,
                completion_tokens=usage.completion_tokens or None,
                first_token_ms=None if first_ms is None else round(first_ms, 1),
                total_ms=round(self._total_s * 1000, 1),
                cost_usd=cost_usd if usage.total_tokens else None,
            ),
            decision=msgspec.to_builtins(self._decision) if self._decision.target else None,
            title=begun.title,
            sources=self._sources(),
        )

    async def _end(self, ending: Ending) -> None:
        while True:
            try:
                async with self._writer.closing(self._track) as rest:
                    await self._desk.db.whole(lambda tx: self._write_end(tx, ending, rest))
                return
            except Conflict:
                # It was ended by somebody else, or by the try before this one.
                return
            except (RoundhouseError, sa.exc.SQLAlchemyError) as error:
                generation_id = ending.generation.id
                _log.warning("generation_end_unwritten", generation=generation_id, error=type(error).__name__)
                await self._desk.clock.sleep(_RETRY_S)

    async def _write_end(self, tx: Tx, ending: Ending, rest: NewEvent | None) -> None:
        await write_end(tx, ending, self._owner, rest, self._index, self._desk.clock.now_s())

    def _account(self, error: RoundhouseError | None) -> float:
        """Settle with the gatekeeper and leave a record of the use; returns the cost in US dollars."""
        first_s = self._first_s
        return self._desk.meter.settle(
            self._caller,
            self._decision,
            self._usage,
            error,
            request_id=self._begun.request_id,
            duration_s=self._total_s,
            first_byte_s=None if first_s is None else first_s - self._started_s,
            stream=True,
        )


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
