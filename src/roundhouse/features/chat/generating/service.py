"""The verbs of generations: ask, ask otherwise, ask anew, go on, stop, look."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import BadInput, Conflict, ShuttingDown
from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller
from roundhouse.engine.engine import AUTO
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.generating import drafting, store
from roundhouse.features.chat.generating.drafting import Draft
from roundhouse.features.chat.generating.model import (
    STARTED,
    Begun,
    How,
    NewQuestion,
    ends_generation,
)
from roundhouse.features.chat.generating.ports import Contexts, Desk
from roundhouse.features.chat.generating.presence import Presence
from roundhouse.features.chat.generating.process import Generator
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.features.chat.model import Generation, Message, Session
from roundhouse.features.chat.rights import check_attachments
from roundhouse.features.chat.telling import message_event, tell_stops
from roundhouse.features.chat.titles import title_of
from roundhouse.infra.db import Tx, is_unique_violation
from roundhouse.infra.events.store import Event, NewEvent, append
from roundhouse.infra.events.tail import EventTail

MOST_LISTED = 100
"""Generations in one list."""

_LOOK_S = 5.0
_PLAIN = How()


class _Begin(msgspec.Struct, frozen=True):
    """A request for an answer.

    Attributes:
        session: As it was when it was asked.
        draft: Writes what comes before the generation, in its transaction, at a Unix time.
        same: Whether a generation with its answer and the message before that is what is asked for here.
    """

    session: Session
    draft: Callable[[Tx, float], Awaitable[Draft]]
    same: Callable[[Generation, Message, Message | None], bool]


class Generations:
    """Answers of models in chats. What a caller cannot see is NotFound.

    `start` and `close` it with its process; `heard` wants every event.

    Args:
        desk: What every generation needs.
        tail: Events of this process.
        contexts: Makes conversations fit models.
        presence: Of this process.
        index: Told of what is to be found by a search.
        default_model: Where neither the request nor the session names one.
    """

    def __init__(
        self,
        desk: Desk,
        tail: EventTail,
        contexts: Contexts,
        presence: Presence,
        index: ChatIndex,
        default_model: str = AUTO,
    ) -> None:
        self._desk = desk
        self._db, self._clock = desk.db, desk.clock
        self._tail = tail
        self._contexts = contexts
        self._index = index
        self._default_model = default_model
        self._generator = Generator(desk, presence, index, tail.committed, self._follow_up)

    async def start(self) -> None:
        """Take generations from now on, and end those that dead processes have left; raises StorageUnavailable."""
        await self._generator.start()

    async def close(self) -> None:
        """End what runs here as interrupted: it can be resumed."""
        await self._generator.close()

    def heard(self, event: Event) -> None:
        """Hear of an event: that a generation of this process is to stop."""
        self._generator.heard(event)

    @property
    def in_flight(self) -> int:
        """Generations that run in this process."""
        return self._generator.in_flight

    def started(self, generation_id: str) -> Event | None:
        """The first event of a generation that runs in this process; None = look it up."""
        return self._generator.started(generation_id)

    # Verbs

    async def ask(
        self, caller: Caller, session_id: str, asked: NewQuestion, how: How = _PLAIN
    ) -> tuple[Message, Generation]:
        """Say something in a session and have it answered; both messages are committed on return.

        Args:
            caller: Who asks.
            session_id: `ses_…`.
            asked: What.
            how: How the answer is wanted.

        Returns:
            The answer's message, in state `generating`, and its generation; those of the first request where the
            idempotency key is known.

        Raises:
            NotFound: No such session.
            Unprocessable: An attachment is not there.
            ModelNotFound: Nobody knows the model.
            ContextTooLong: The question alone does not fit the model.
            Conflict: An answer is being written here already, or the key was used for another request.
            RateLimited, BudgetExceeded: Not now.
            ShuttingDown: This process takes no more.
        """
        async with self._db.read() as tx:
            session = await chats.get_session(tx, caller, session_id)
        await check_attachments(self._desk.files, caller, asked.attachments)

        def same(one: Generation, _: Message, question: Message | None) -> bool:
            return one.session_id == session_id and one.continues_chars == 0 and _says(question, asked)

        async def draft(tx: Tx, now_s: float) -> Draft:
            return await drafting.ask(tx, caller, session_id, asked, now_s)

        return await self._begin(caller, how, _Begin(session, draft, same))

    async def edit(
        self, caller: Caller, message_id: str, asked: NewQuestion, how: How = _PLAIN
    ) -> tuple[Message, Generation]:
        """Say something else in the place of a user's message, on a new branch, and have it answered; see `ask`.

        Raises:
            BadInput: The message is no user's.
        """
        target, session = await self._target(caller, message_id)
        if target.role != "user":
            raise BadInput("Only a user's message can be put otherwise.", param="message_id")
        await check_attachments(self._desk.files, caller, asked.attachments)

        def same(_one: Generation, _answer: Message, question: Message | None) -> bool:
            there = question is not None and question.parent_id == target.parent_id
            return there and question is not None and question.id != target.id and _says(question, asked)

        async def draft(tx: Tx, now_s: float) -> Draft:
            return await drafting.edit(tx, caller, target, asked, now_s)

        return await self._begin(caller, how, _Begin(session, draft, same))

    async def regenerate(
        self, caller: Caller, message_id: str, how: How = _PLAIN
    ) -> tuple[Message, Generation]:
        """Have a question answered anew, on a new branch; the old answer stays. See `ask`.

        Raises:
            BadInput: The message is no answer to a question.
        """
        target, session = await self._target(caller, message_id)
        question_id = drafting.question_of(target)

        def same(one: Generation, answer: Message, _: Message | None) -> bool:
            return answer.parent_id == question_id and answer.id != target.id and one.continues_chars == 0

        async def draft(tx: Tx, now_s: float) -> Draft:
            return await drafting.regenerate(tx, caller, target, now_s)

        return await self._begin(caller, how, _Begin(session, draft, same))

    async def resume(self, caller: Caller, message_id: str, how: How = _PLAIN) -> tuple[Message, Generation]:
        """Have an answer written on that was interrupted, stopped, failed, or cut for its length; see `ask`.

        The model is given what is there as the beginning of its answer.

        Raises:
            BadInput: The message is no answer to a question.
            Conflict: It is complete, or being written.
        """
        target, session = await self._target(caller, message_id)
        drafting.question_of(target)

        def same(one: Generation, _answer: Message, _question: Message | None) -> bool:
            return one.message_id == message_id

        async def draft(tx: Tx, now_s: float) -> Draft:
            return await drafting.resume(tx, caller, target, now_s)

        return await self._begin(caller, how, _Begin(session, draft, same))

    async def stop(self, caller: Caller, generation_id: str, session_id: str | None = None) -> Generation:
        """Have a generation end with what it has said; again, or too late, is no error.

        It works from any process: the one that runs it hears of it. Raises NotFound.
        """
        async with self._db.begin() as tx:
            generation = await store.get(tx, caller, generation_id, session_id=session_id, lock=True)
            if await store.request_stop(tx, generation_id):
                generation = msgspec.structs.replace(generation, stop_requested=True)
                now_s = self._clock.now_s()
                await tell_stops(tx, [(generation.site_id, generation_id)], now_s)
            return generation

    # Looking

    async def get(self, caller: Caller, generation_id: str, session_id: str | None = None) -> Generation:
        """One generation; raises NotFound."""
        async with self._db.read() as tx:
            return await store.get(tx, caller, generation_id, session_id=session_id)

    async def of_session(
        self, caller: Caller, session_id: str, *, running: bool = False, limit: int = MOST_LISTED
    ) -> list[Generation]:
        """Generations of a session, the newest first; raises NotFound."""
        async with self._db.read() as tx:
            session = await chats.get_session(tx, caller, session_id)
            return await store.of_session(tx, session, running=running, limit=min(limit, MOST_LISTED))

    async def ended(self, caller: Caller, generation_id: str) -> tuple[Message, Generation]:
        """Wait for the end of a generation; its message as it stands then, and itself.

        Raises:
            NotFound: It is not there, or was deleted meanwhile.
            ShuttingDown: It runs elsewhere, and this process stops.
        """
        await self._generator.ended_here(generation_id)
        generation = await self.get(caller, generation_id)
        if generation.state == "running":
            async with self._tail.follow(generation_id, generation.site_id) as follower:
                generation = await self.get(caller, generation_id)
                while generation.state == "running" and not follower.ended:
                    events = await follower.batch(_LOOK_S)
                    if not events or ends_generation(events[-1]):
                        generation = await self.get(caller, generation_id)
        if generation.state == "running":
            raise ShuttingDown("This process stops; ask for the generation in a moment.")
        async with self._db.read() as tx:
            return await chats.get_message(tx, caller, generation.message_id), generation

    # Inside

    async def _target(self, caller: Caller, message_id: str) -> tuple[Message, Session]:
        async with self._db.read() as tx:
            message = await chats.get_message(tx, caller, message_id)
            return message, await chats.get_session(tx, caller, message.session_id)

    async def _begin(self, caller: Caller, how: How, asked: _Begin) -> tuple[Message, Generation]:
        first = await self._first(caller, how, asked)
        if first is not None:
            return first
        model = how.model or asked.session.model or self._default_model
        await self._check_model(caller, model)
        return await self._generator.whole(self._commit(caller, model, how, asked))

    async def _commit(
        self, caller: Caller, model: str, how: How, asked: _Begin
    ) -> tuple[Message, Generation]:
        waiting = self._desk.meter.gatekeeper.admit(caller)
        if waiting is not None:
            await waiting
        try:
            begun = await self._db.whole(lambda tx: self._write(tx, caller, model, how, asked))
        except BaseException as error:
            self._desk.meter.gatekeeper.settle(caller, 0, 0.0)
            first = await self._first(caller, how, asked) if _is_taken(error) else None
            if first is None:
                raise
            return first
        self._generator.launch(caller, begun)
        return begun.message, begun.generation

    async def _write(self, tx: Tx, caller: Caller, model: str, how: How, asked: _Begin) -> Begun:
        now_s = self._clock.now_s()
        draft = await asked.draft(tx, now_s)
        session, message = draft.session, draft.message
        prepared = await self._contexts.prepare(tx, caller, session, draft.question, model)
        generation = Generation(
            id=new_id("gen"),
            site_id=session.site_id,
            user_id=session.user_id,
            app_id=session.app_id,
            session_id=session.id,
            message_id=message.id,
            state="running",
            on_disconnect=how.on_disconnect,
            model=model,
            options=how.options,
            continues_chars=len(draft.prefix),
            owner=self._generator.owner,
            stop_requested=False,
            error=None,
            idempotency_digest=_digest(caller, how),
            started_at_s=now_s,
            ended_at_s=None,
        )
        await store.insert(tx, generation)
        for written in draft.written:
            if written.state == "complete":
                await self._index.message(tx, written, session)
        told = [message_event(written, "created", now_s) for written in draft.written]
        told.append(NewEvent(session.site_id, generation.id, STARTED, _started(draft, model), now_s))
        *_, started = await append(tx, *told)
        title = title_of(draft.question.content) if session.title_from == "nobody" else ""
        return Begun(
            generation,
            message,
            [dict(one) for one in prepared.messages],
            list(prepared.attachments),
            draft.prefix,
            title or None,
            draft.afresh,
            how.request_id,
            started,
            session.context.get("strategy") == "summary",
            tuple(session.vector_store_ids or ()),
        )

    async def _first(self, caller: Caller, how: How, asked: _Begin) -> tuple[Message, Generation] | None:
        """What the first request under this key began; raises Conflict when that was another request."""
        digest = _digest(caller, how)
        if digest is None:
            return None
        async with self._db.read() as tx:
            generation = await store.by_digest(tx, digest)
            if generation is None:
                return None
            message = await chats.get_message(tx, caller, generation.message_id)
            before = None
            if message.parent_id is not None:
                before = await chats.get_message(tx, caller, message.parent_id)
        if not asked.same(generation, message, before):
            raise Conflict("This idempotency key was used for another request.", param="Idempotency-Key")
        return message, generation

    async def _check_model(self, caller: Caller, model: str) -> None:
        engine = self._desk.engine
        if model == AUTO and AUTO not in engine.router.aliases:
            return
        route = await engine.find(model)
        if caller.models:
            engine.router.check_allowed(caller, model, route)

    async def _follow_up(self, caller: Caller, begun: Begun) -> None:
        if begun.summarises:
            await self._contexts.summarise(caller, begun.generation.session_id, begun.generation.model)


def _is_taken(error: BaseException) -> bool:
    """Whether the same request, sent twice at once, could be why it could not be written."""
    if isinstance(error, sa.exc.IntegrityError):
        return is_unique_violation(error)
    return isinstance(error, Conflict)


def _says(question: Message | None, asked: NewQuestion) -> bool:
    return question is not None and (question.content, question.attachments) == (
        asked.content,
        list(asked.attachments),
    )


def _started(draft: Draft, model: str) -> dict[str, Any]:
    return {
        "session_id": draft.session.id,
        "message_id": draft.message.id,
        "question_id": draft.question.id,
        "model": model,
        "continues_chars": len(draft.prefix),
    }


def _digest(caller: Caller, how: How) -> str | None:
    """Of who asks and the key: two users of a tenant do not meet in one."""
    if how.idempotency_key is None:
        return None
    owner = [caller.site_id, caller.user_id, caller.app_id, "generation", how.idempotency_key]
    return hashlib.sha256(msgspec.json.encode(owner)).hexdigest()
