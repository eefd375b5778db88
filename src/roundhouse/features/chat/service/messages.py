"""The verbs of messages: look, change, delete, and the other messages of a place."""

from __future__ import annotations

from roundhouse.core.errors import BadInput, Conflict, Unprocessable
from roundhouse.core.ports import Clock, Files
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.features.chat.model import Message, NewMessage
from roundhouse.features.chat.pages import Turn, page_of, read_numbers_place
from roundhouse.features.chat.rights import check_attachments, check_version
from roundhouse.features.chat.schemas import (
    MessageDeleted,
    MessageList,
    MessagePatch,
    MessageRead,
    SiblingList,
    SiblingRead,
)
from roundhouse.features.chat.shapes import read_message
from roundhouse.features.chat.telling import DELTA, LAST, tell_message
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import delete_kind, retell

_MOST_SIBLINGS = 1000


class MessageService:
    """Messages of tenants.

    Args:
        db: The database.
        index: Is told of texts.
        files: Of users, to be attached.
        clock: Time.
    """

    def __init__(self, db: Database, index: ChatIndex, files: Files, clock: Clock) -> None:
        self._db = db
        self._index = index
        self._files = files
        self._clock = clock

    async def page(
        self, caller: Caller, session_id: str, turn: Turn, branch: int | None = None
    ) -> MessageList:
        """A page of a conversation; a cursor stays with the branch that it began with.

        Args:
            caller: Who asks.
            session_id: Of which session.
            turn: Which page.
            branch: The conversation of this branch; None = of the one that is shown.

        Raises:
            NotFound: No such session, or branch.
            BadInput: The cursor is not one of this list.
        """
        place = None if turn.place is None else read_numbers_place(turn.place)
        if place is not None and branch not in (None, place[0]):
            raise BadInput("The cursor is one of another branch.", param="branch")
        async with self._db.read() as tx:
            session = await store.get_session(tx, caller, session_id)
            number = session.branch if branch is None else branch
            if place is not None:
                number = place[0]
            found = await store.conversation(
                tx,
                session,
                after_depth=(-1 if place is None else place[1]) if turn.rising else None,
                before_depth=None if place is None or turn.rising else place[1],
                limit=turn.limit + 1,
                branch=number,
            )
        if not turn.rising:
            found.reverse()
        page = page_of(turn, found, lambda one: f"{number}:{one.depth}")
        return MessageList.model_construct(
            data=[read_message(one) for one in page.rows],
            has_more=page.next_cursor is not None,
            next_cursor=page.next_cursor,
            prev_cursor=page.prev_cursor,
        )

    async def get(self, caller: Caller, message_id: str) -> MessageRead:
        """One message; raises NotFound."""
        async with self._db.read() as tx:
            return read_message(await store.get_message(tx, caller, message_id))

    async def add(self, caller: Caller, session_id: str, new: NewMessage) -> Message:
        """Write a message at the end of the shown branch, without an answer.

        Raises:
            NotFound: There is no such session.
            Unprocessable: A file that is attached is not there.
        """
        await check_attachments(self._files, caller, new.attachments)
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            session = await store.get_session(tx, caller, session_id, lock=True)
            message = await store.append_message(tx, session, new, now_s)
            await self._index.message(tx, message, session)
            await tell_message(tx, message, "created", now_s)
            return message

    async def update(self, caller: Caller, message_id: str, asked: MessagePatch) -> MessageRead:
        """Change a message in its place; summaries that may repeat another text of it are dropped.

        Raises:
            NotFound: There is none.
            Conflict: Its version is another one, or it is being generated.
            Unprocessable: A field cannot be null.
        """
        changes = asked.model_dump(exclude_unset=True, exclude={"version"})
        nulls = [name for name, value in changes.items() if value is None]
        if nulls:
            raise Unprocessable(f"{nulls[0]} cannot be null.", param=nulls[0])
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            seen = await store.get_message(tx, caller, message_id)
            session = await store.get_session(tx, caller, seen.session_id, lock="content" in changes)
            message = await store.get_message(tx, caller, message_id, lock=True)
            check_version(asked.version, message.version)
            _check_at_rest(message)
            if all(getattr(message, name) == value for name, value in changes.items()):
                return read_message(message)
            changed = await store.change_message(tx, message.id, now_s, **changes)
            repeated: list[Message] = []
            if changed.content != message.content:
                await self._index.message(tx, changed, session)
                repeated = await store.erase_summaries(tx, changed, now_s)
                await _retell(tx, changed)
            await tell_message(tx, changed, "updated", now_s)
            for summary in repeated:
                await tell_message(tx, summary, "deleted", now_s)
            return read_message(changed)

    async def delete(self, caller: Caller, message_id: str) -> MessageDeleted:
        """Drop what a message says, and summaries that may repeat it; what follows it stays.

        Raises:
            NotFound: There is none.
            Conflict: It is being generated.
        """
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            seen = await store.get_message(tx, caller, message_id)
            await store.get_session(tx, caller, seen.session_id, lock=True)
            message = await store.get_message(tx, caller, message_id, lock=True)
            _check_at_rest(message)
            erased = await store.erase_message(tx, message, now_s)
            await self._index.message_gone(tx, erased)
            for gone in (erased, *await store.erase_summaries(tx, erased, now_s)):
                await tell_message(tx, gone, "deleted", now_s)
        return MessageDeleted(id=message_id)

    async def siblings(self, caller: Caller, message_id: str) -> SiblingList:
        """The messages in the place of one, it among them, oldest first; raises NotFound."""
        async with self._db.read() as tx:
            message = await store.get_message(tx, caller, message_id)
            session = await store.get_session(tx, caller, message.session_id)
            found = await store.siblings(tx, session, message, _MOST_SIBLINGS + 1)
        shown = [
            SiblingRead.model_construct(message=read_message(one.message), shown=one.shown)
            for one in found[:_MOST_SIBLINGS]
        ]
        return SiblingList.model_construct(data=shown, has_more=len(found) > _MOST_SIBLINGS)


async def _retell(tx: Tx, message: Message) -> None:
    """Let its generations not tell what it said before: their pieces go, their ends hold it as it stands."""
    generations = await store.made_by(tx, message)
    await delete_kind(tx, generations, DELTA)
    await retell(tx, generations, LAST, read_message(message).model_dump(mode="json"))


def _check_at_rest(message: Message) -> None:
    if message.state == "generating":
        raise Conflict("This message is being generated; stop that first.", param="message_id")
