"""A question to a model, on the loop of the house: put, waited for, or read while it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import structlog

from roundhouse.core.errors import RoundhouseError, ShuttingDown
from roundhouse.core.types import Caller
from roundhouse.features.chat.generating.model import (
    DELTA,
    FAILED,
    INTERRUPTED,
    How,
    NewQuestion,
    ends_generation,
)
from roundhouse.features.chat.generating.schemas import Ask
from roundhouse.features.chat.model import Generation, Message
from roundhouse.studio.records import ChatResponse
from roundhouse.studio.shaping import checked, error_of, tokens_of

if TYPE_CHECKING:
    from roundhouse.app.embedded import EmbeddedChats
    from roundhouse.infra.events.follower import Follower
    from roundhouse.infra.events.store import Event

OnDisconnect = Literal["finish", "cancel"]

_LOOK_S = 5.0

_log = structlog.get_logger(__name__)


class Question(msgspec.Struct, frozen=True):
    """A question.

    Attributes:
        caller: Who asks.
        session_id: Where.
        said: What.
        how: How the answer is wanted.
        active: Model where neither the question nor the session names one; None = the setting's.
    """

    caller: Caller
    session_id: str
    said: NewQuestion
    how: How
    active: str | None

    async def put(self, chats: EmbeddedChats) -> Generation:
        """Commit it, and have it answered; raises what `Generations.ask` raises."""
        how = self.how
        if how.model is None and self.active is not None:
            session = await chats.chat.sessions.get(self.caller, self.session_id)
            how = msgspec.structs.replace(how, model=session.model or self.active)
        _, generation = await chats.chat.generations.ask(self.caller, self.session_id, self.said, how)
        return generation

    async def break_off(self, chats: EmbeddedChats, generation: Generation) -> None:
        """The asker is gone: stop the answer, or not, as was wanted."""
        if self.how.on_disconnect == "finish":
            return
        try:
            await chats.chat.generations.stop(self.caller, generation.id)
        except RoundhouseError as error:
            _log.warning("answer_not_stopped", generation=generation.id, error=type(error).__name__)


def question_of(
    caller: Caller,
    session_id: str,
    message: str,
    active: str | None,
    wanted: Mapping[str, Any],
) -> Question:
    """A question as users put it.

    Args:
        caller: Who asks.
        session_id: Where.
        message: What.
        active: See `Question`.
        wanted: Members of the request besides, see `Ask`.

    Raises:
        Unprocessable: A value is out of range, or there is no such option.
    """
    asked = checked(Ask, {"content": message, **wanted})
    return Question(caller, session_id, asked.question(), asked.how(None, ""), active)


def response_of(answer: Message, generation: Generation) -> ChatResponse:
    """An answer that has ended.

    Raises:
        RoundhouseError: Why the model failed.
        ShuttingDown: Its process ended before it did.
    """
    if answer.state == "failed":
        raise error_of(answer.error)
    if answer.state == "interrupted":
        raise interrupted()
    whole = answer.state == "complete"
    return ChatResponse(
        content=answer.content,
        model_id=answer.model,
        tokens_used=tokens_of(answer.prompt_tokens, answer.completion_tokens) or 0,
        response_time=(answer.total_ms or 0.0) / 1000,
        success=whole,
        error_message=None if whole else "The answer was stopped.",
        metadata={
            "message_id": answer.id,
            "generation_id": generation.id,
            "finish_reason": answer.finish_reason,
        },
    )


def interrupted() -> ShuttingDown:
    """The error of an answer that was cut off by the end of its process."""
    return ShuttingDown("The process that wrote this answer ended; what was said is kept.")


class Reading:
    """A question and the reading of its answer. Nothing is lost between two calls: the pieces are in the database.

    Args:
        question: What is asked, and what becomes of the answer when the reader leaves.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._generation: Generation | None = None
        self._follower: Follower | None = None
        self._failure: RoundhouseError | None = None
        self._over = False
        self._ended = False
        self._left = False
        # Who leaves while the question is being put is heard when it is there.
        self._turn = asyncio.Lock()

    @property
    def over(self) -> bool:
        """Whether the answer has ended well and was read to its end."""
        return self._over

    async def begin(self, chats: EmbeddedChats) -> None:
        """Put the question; raises what `Generations.ask` raises."""
        async with self._turn:
            if self._left:
                return
            begun = self._generation = await self._question.put(chats)
            follower = chats.parts.tail.follow(begun.id, begun.site_id, 0)
            self._follower = await follower.__aenter__()

    async def more(self, chats: EmbeddedChats) -> Sequence[str]:
        """What was said since; nothing at the end, or when nothing was said for a while.

        Raises:
            RoundhouseError: Why the answer failed; what was said before is told first.
            ShuttingDown: The process that wrote it ended, or this house is closed; what was said is kept.
            NotFound: It was deleted meanwhile.
        """
        if self._failure is not None:
            raise self._failure
        follower, generation = self._follower, self._generation
        if follower is None or generation is None or self._left:
            raise ShuttingDown("Nobody reads this answer any more.")
        events = await follower.batch(_LOOK_S)
        if events:
            return self._texts(events)
        if follower.ended:
            raise interrupted()
        await chats.chat.generations.get(self._question.caller, generation.id)
        return ()

    async def leave(self, chats: EmbeddedChats) -> None:
        """Read no more; an answer that is still being written is stopped, or not, as was wanted."""
        async with self._turn:
            self._left = True
            if self._follower is not None:
                self._follower.end()
                await self._follower.__aexit__(None, None, None)
            if self._generation is not None and not self._ended:
                await self._question.break_off(chats, self._generation)

    def _texts(self, events: Sequence[Event]) -> list[str]:
        last = events[-1]
        if ends_generation(last):
            self._ended = True
            if last.type == FAILED:
                self._failure = error_of(last.data.get("error"))
            elif last.type == INTERRUPTED:
                self._failure = interrupted()
            else:
                self._over = True
        return [event.data["text"] for event in events if event.type == DELTA]
