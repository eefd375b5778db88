"""Chats: ask a model in a session, at once or piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Literal

from roundhouse.studio.door import Door, Service, check_id, check_span
from roundhouse.studio.history import ChatHistoryService, page_of
from roundhouse.studio.models import LLMService
from roundhouse.studio.records import ChatResponse, Message
from roundhouse.studio.sessions import SessionService

if TYPE_CHECKING:
    from roundhouse.app.embedded import EmbeddedChats
    from roundhouse.studio.asking import Question


class ChatService(Service):
    """Questions and answers. It brings its three services into one house, unless they have opened others already.

    Args:
        llm_service: Whose active model answers where neither question nor session names one.
        session_service: In whose house questions are put.
        history_service: Shares that house.

    Raises:
        BadInput: They are of different data folders, databases or tenants.
    """

    def __init__(
        self,
        llm_service: LLMService,
        session_service: SessionService,
        history_service: ChatHistoryService | None = None,
    ) -> None:
        super().__init__(door=_brought_together(session_service, llm_service, history_service))
        self._llm = llm_service

    def send_message(
        self,
        session_id: str,
        message: str,
        user_id: str | None = None,
        *,
        model_id: str | None = None,
        on_disconnect: Literal["finish", "cancel"] = "finish",
        **options: Any,
    ) -> ChatResponse:
        """Ask, and wait for the whole answer. Both are kept.

        Args:
            session_id: Where.
            message: What.
            user_id: Only if the session is this user's.
            model_id: Who answers; None = the session's model, else the active one.
            on_disconnect: What becomes of the answer when the waiting is broken off (Ctrl-C).
            options: `temperature`, `top_p`, `max_tokens`, `stop`, `seed`, `presence_penalty`, `frequency_penalty`,
                `reasoning_effort`, `attachments` (ids of files), `metadata` (of the question).

        Raises:
            NotFound: There is no such session.
            ModelNotFound: Nobody knows the model.
            Unprocessable: A value is out of range, or there is no such option.
            ContextTooLong: The message alone does not fit the model.
            Conflict: An answer is being written in this session already.
            RoundhouseError: Why the model failed; what it had said is kept as a failed message.
            ShuttingDown: The house was closed meanwhile; what was said is kept.
        """
        from roundhouse.studio.asking import response_of

        question = self._question(session_id, message, user_id, model_id, on_disconnect, options)
        house = self._house()
        begun = house.run(question.put)
        try:
            ended = house.run(lambda chats: chats.chat.generations.ended(question.caller, begun.id))
        except BaseException:
            house.leave(lambda chats: question.break_off(chats, begun))
            raise
        return response_of(*ended)

    async def stream_message(
        self,
        session_id: str,
        message: str,
        user_id: str | None = None,
        *,
        model_id: str | None = None,
        on_disconnect: Literal["finish", "cancel"] = "finish",
        **options: Any,
    ) -> AsyncGenerator[str]:
        """Ask, and get the answer in pieces as it is written. In any event loop; each piece is kept before it is told.

        An answer that somebody stopped ends here as one that is complete.

        Args:
            session_id: Where.
            message: What.
            user_id: Only if the session is this user's.
            model_id: Who answers; None = the session's model, else the active one.
            on_disconnect: What becomes of the answer when the iterating is broken off: `finish`, it is written to its
                end; `cancel`, it is stopped. Either way what was said is kept.
            options: As for `send_message`.

        Raises:
            RoundhouseError: As `send_message`, at the first piece or after the last one.
        """
        # The first call of all loads and opens the house, and this loop has other things to do meanwhile.
        house = await asyncio.to_thread(self._house)
        from roundhouse.studio.asking import Reading

        reading = Reading(self._question(session_id, message, user_id, model_id, on_disconnect, options))
        try:
            await house.call(reading.begin)
            while not reading.over:
                for piece in await house.call(reading.more):
                    yield piece
        finally:
            # Nothing is awaited here: the loop may be about to end, or this generator be collected without one.
            house.leave(reading.leave)

    def stop_message(self, session_id: str, user_id: str | None = None) -> bool:
        """Stop what is being answered in a session; what was said is kept. False = nothing was.

        Raises:
            NotFound: There is no such session.
        """
        check_id(session_id, "session_id")
        caller = self._caller(user_id)

        async def stop(chats: EmbeddedChats) -> bool:
            running = await chats.chat.generations.of_session(caller, session_id, running=True)
            for one in running:
                await chats.chat.generations.stop(caller, one.id)
            return bool(running)

        return self._run(stop)

    def get_conversation_context(
        self, session_id: str, max_messages: int = 10, user_id: str | None = None
    ) -> list[Message]:
        """The last messages of a conversation, oldest first.

        What a model is told besides, and what of a long conversation, is decided by the `context` of the session.

        Raises:
            NotFound: There is no such session.
            BadInput: The number is below 0.
        """
        check_id(session_id, "session_id")
        check_span(max_messages, 0)
        caller = self._caller(user_id)

        async def read(chats: EmbeddedChats) -> list[Message]:
            found, _ = await page_of(chats, caller, session_id, None, max_messages, newest_first=True)
            return found[::-1]

        return self._run(read)

    def _question(
        self,
        session_id: str,
        message: str,
        user_id: str | None,
        model_id: str | None,
        on_disconnect: str,
        options: dict[str, Any],
    ) -> Question:
        from roundhouse.studio.asking import question_of

        check_id(session_id, "session_id")
        wanted = {"model": model_id, "on_disconnect": on_disconnect, **options}
        return question_of(self._caller(user_id), session_id, message, self._llm.active_id, wanted)


def _brought_together(*services: Service | None) -> Door:
    """The door of the first that has opened its house, else of the first of all; the others come there."""
    given = [one for one in services if one is not None]
    door = next((one.door for one in given if one.door.is_open), given[0].door)
    for one in given:
        one._move_to(door)
    return door
