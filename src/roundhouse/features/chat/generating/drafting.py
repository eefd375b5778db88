"""What each verb writes before an answer begins; every function in the transaction that commits the generation."""

from __future__ import annotations

import msgspec

from roundhouse.core.errors import BadInput, Conflict
from roundhouse.core.types import Caller
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.generating import store
from roundhouse.features.chat.generating.model import RESUMABLE, NewQuestion
from roundhouse.features.chat.model import Message, NewMessage, Session
from roundhouse.features.chat.telling import tell_message
from roundhouse.infra.db import Tx

_ANSWER = NewMessage("assistant", "", state="generating")


class Draft(msgspec.Struct, frozen=True):
    """An answer that is about to begin.

    Attributes:
        session: As it was locked.
        question: What is answered.
        message: That is to be written, in state `generating`.
        prefix: What of it is there already.
        afresh: Whether an answer from the cache will not do.
        written: The messages that are new.
    """

    session: Session
    question: Message
    message: Message
    prefix: str = ""
    afresh: bool = False
    written: tuple[Message, ...] = ()


async def ask(tx: Tx, caller: Caller, session_id: str, asked: NewQuestion, now_s: float) -> Draft:
    """A question at the end of the shown conversation.

    Raises:
        NotFound: No such session.
        Conflict: An answer is being written there.
    """
    session = await chats.get_session(tx, caller, session_id, lock=True)
    return await _question(tx, session, asked, now_s)


async def edit(tx: Tx, caller: Caller, target: Message, asked: NewQuestion, now_s: float) -> Draft:
    """A question in the place of another one, on a new branch; raises NotFound."""
    session = await chats.get_session(tx, caller, target.session_id, lock=True)
    message = await chats.get_message(tx, caller, target.id)
    session = await chats.fork(tx, session, message, now_s, at="instead")
    return await _question(tx, session, asked, now_s)


async def regenerate(tx: Tx, caller: Caller, target: Message, now_s: float) -> Draft:
    """An answer in the place of another one, on a new branch; raises NotFound."""
    session = await chats.get_session(tx, caller, target.session_id, lock=True)
    message = await chats.get_message(tx, caller, target.id)
    question = await chats.get_message(tx, caller, question_of(message))
    session = await chats.fork(tx, session, message, now_s, at="instead")
    answer = await chats.append_message(tx, session, _ANSWER, now_s)
    return Draft(session, question, answer, afresh=True, written=(answer,))


async def resume(tx: Tx, caller: Caller, target: Message, now_s: float) -> Draft:
    """The same answer, written on.

    Raises:
        NotFound: It, or its question, is not there.
        Conflict: It is complete, or being written.
    """
    session = await chats.get_session(tx, caller, target.session_id, lock=True)
    message = await chats.get_message(tx, caller, target.id, lock=True)
    cut = message.state == "complete" and message.finish_reason == "length"
    if message.state not in RESUMABLE and not cut:
        raise Conflict(f"This answer is {message.state}: it cannot be gone on with.")
    question = await chats.get_message(tx, caller, question_of(message))
    message = await chats.change_message(
        tx, message.id, now_s, state="generating", finish_reason=None, error=None
    )
    for summary in await chats.erase_summaries(tx, message, now_s):
        await tell_message(tx, summary, "deleted", now_s)
    return Draft(session, question, message, message.content, afresh=not message.content)


def question_of(answer: Message) -> str:
    """Id of the message that an answer answers.

    Raises:
        BadInput: It is no answer.
    """
    if answer.role != "assistant" or answer.parent_id is None:
        raise BadInput("This message is no answer to a question.", param="message_id")
    return answer.parent_id


async def _question(tx: Tx, session: Session, asked: NewQuestion, now_s: float) -> Draft:
    if await store.running_in(tx, session, session.branch):
        raise Conflict("An answer is being written in this conversation; wait for it, or stop it.")
    said = NewMessage(
        "user", asked.content, attachments=list(asked.attachments), metadata=dict(asked.metadata)
    )
    question, answer = await chats.append_messages(tx, session, [said, _ANSWER], now_s)
    return Draft(session, question, answer, written=(question, answer))
