"""Messages: save, look, find, change, delete, export, count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from roundhouse.core.errors import BadInput, NotFound
from roundhouse.studio.door import Service, check_id, check_query, check_span
from roundhouse.studio.records import Message

if TYPE_CHECKING:
    from roundhouse.app.embedded import EmbeddedChats
    from roundhouse.core.types import Caller
    from roundhouse.features.chat.model import NewMessage
    from roundhouse.features.chat.transfer.exporting import ExportFormat

_PAGE = 200
_FIND_PAGE = 100
_MOST_TOKENS = 2**31 - 1
_FORMATS: dict[str, ExportFormat] = {
    "json": "json",
    "markdown": "markdown",
    "md": "markdown",
    "text": "txt",
    "txt": "txt",
    "csv": "csv",
}


class ChatHistoryService(Service):
    """Messages of a tenant. Every method may be told a `user_id`: messages of others are not there then."""

    def save_message(self, session_id: str, message: Message, user_id: str | None = None) -> str:
        """Write a message at the end of a conversation; no model is asked.

        Returns:
            Its id. It is a new one, whatever `message.id` says; `message.session_id` does not count either.

        Raises:
            NotFound: There is no such session.
            BadInput: It is no message of 1 to 1,000,000 characters.
        """
        check_id(session_id, "session_id")
        new = _new(message)
        caller = self._caller(user_id)
        return self._run(lambda chats: chats.chat.messages.add(caller, session_id, new)).id

    def get_message_by_id(self, message_id: str, user_id: str | None = None) -> Message | None:
        """A message; None = there is none, or it is deleted."""
        from roundhouse.studio.shaping import message_of

        caller = self._caller(user_id)
        try:
            check_id(message_id, "message_id")
            return message_of(self._run(lambda chats: chats.chat.messages.get(caller, message_id)))
        except NotFound:
            return None

    def get_session_messages(
        self, session_id: str, limit: int | None = None, offset: int = 0, user_id: str | None = None
    ) -> list[Message]:
        """The conversation that is shown, oldest first.

        Args:
            session_id: Of which session.
            limit: Most of them; None = all.
            offset: So many of the first are left out. They are read all the same.
            user_id: Only if it is this user's.

        Raises:
            NotFound: There is no such session.
            BadInput: A number is below 0.
        """
        check_id(session_id, "session_id")
        check_span(limit, offset)
        caller = self._caller(user_id)

        async def read(chats: EmbeddedChats) -> list[Message]:
            found: list[Message] = []
            cursor, skip = None, offset
            while limit is None or len(found) < limit:
                most = _PAGE if limit is None else min(_PAGE, skip + limit - len(found))
                page, cursor = await page_of(chats, caller, session_id, cursor, most)
                found += page[skip:]
                skip = max(0, skip - len(page))
                if cursor is None:
                    break
            return found

        # A limit of 0 reads nothing, and yet there must be a session.
        return self._run(read) if limit != 0 else self._none_of(caller, session_id)

    def iter_session_messages(
        self, session_id: str, user_id: str | None = None, *, newest_first: bool = False
    ) -> Iterator[Message]:
        """The same one after the other, read as they are wanted, 200 at a time.

        Raises:
            NotFound: There is no such session; told with the first message.
        """
        check_id(session_id, "session_id")
        caller = self._caller(user_id)
        cursor: str | None = None
        while True:
            here = cursor
            page, cursor = self._run(
                # mypy cannot tell the type of a bound default.
                lambda chats, here=here: page_of(chats, caller, session_id, here, _PAGE, newest_first)  # type: ignore[misc]
            )
            yield from page
            if cursor is None:
                return

    def get_message_count(self, session_id: str, user_id: str | None = None) -> int:
        """Messages of a session that are not deleted, those of other branches included; raises NotFound."""
        count: int = self.get_session_statistics(session_id, user_id)["message_counts"]["total"]
        return count

    def update_message(
        self,
        message_id: str,
        content: str | None = None,
        metadata: dict[str, Any] | None = None,
        user_id: str | None = None,
    ) -> bool:
        """Change a message in its place; nothing is asked anew. False = there is none.

        Args:
            message_id: Which.
            content: Another text; None = as it is.
            metadata: Instead of all that was there; None = as it is.
            user_id: Only if it is this user's.

        Raises:
            Unprocessable: A value is out of range.
            Conflict: It is being generated.
        """
        from roundhouse.features.chat.schemas import MessagePatch
        from roundhouse.studio.shaping import checked

        given = {"content": content, "metadata": metadata}
        asked = checked(MessagePatch, {name: value for name, value in given.items() if value is not None})
        caller = self._caller(user_id)
        return self._try(
            message_id, lambda chats: chats.chat.messages.update(caller, message_id, asked), "message_id"
        )

    def delete_message(self, message_id: str, user_id: str | None = None) -> bool:
        """Drop what a message says for good; what follows it stays. False = there is none.

        Raises:
            Conflict: It is being generated.
        """
        caller = self._caller(user_id)
        return self._try(
            message_id, lambda chats: chats.chat.messages.delete(caller, message_id), "message_id"
        )

    def search_messages(
        self, query: str, user_id: str | None = None, session_id: str | None = None, limit: int = 20
    ) -> list[Message]:
        """Messages by their text, the best first; in any language, with or without diacritics or points.

        Args:
            query: Words, and phrases in double quotes.
            user_id: Only of this user.
            session_id: Only in this session.
            limit: Most of them.

        Raises:
            BadInput: The query is empty or too long.
        """
        from roundhouse.infra import search
        from roundhouse.studio.shaping import message_of

        check_query(query)
        check_span(limit, 0)
        if session_id is not None:
            check_id(session_id, "session_id")
        caller = self._caller(user_id)

        async def find(chats: EmbeddedChats) -> list[Message]:
            found: list[Message] = []
            cursor = None
            while len(found) < limit:
                most = min(limit - len(found), _FIND_PAGE)
                wanted = search.Query(query, "", parent_id=session_id, limit=most, cursor=cursor)
                page = await chats.chat.searching.messages(caller, wanted)
                found += [message_of(one.message) for one in page.data]
                cursor = page.next_cursor
                if cursor is None:
                    break
            return found

        return self._run(find)

    def export_session(self, session_id: str, format: str = "json", user_id: str | None = None) -> str:
        """A session as one text.

        Args:
            session_id: Which.
            format: `json` loses nothing and can be imported again; `markdown`, `text` and `csv` are the conversation
                that is shown.
            user_id: Only if it is this user's.

        Raises:
            NotFound: There is no such session.
            BadInput: There is no such format.
        """
        check_id(session_id, "session_id")
        form = _FORMATS.get(format) if isinstance(format, str) else None
        if form is None:
            raise BadInput("format is json, markdown, text or csv.", param="format")
        caller = self._caller(user_id)

        async def export(chats: EmbeddedChats) -> str:
            download = await chats.chat.transfer.export_session(caller, session_id, form)
            return b"".join([piece async for piece in download.pieces]).decode()

        return self._run(export)

    def get_session_statistics(self, session_id: str, user_id: str | None = None) -> dict[str, Any]:
        """Numbers about a session, as JSON can hold them.

        Returns:
            `session_id`; `message_counts` by role with their `total`; `token_usage` with `total`, `average` (per
            message), `prompt` and `completion`; `response_times` with `average` and `first_token` in seconds, None =
            of no answer known; `by_model`; `cost_usd`; `first_message_at`, `last_message_at`. Deleted messages do not
            count; other branches do.

        Raises:
            NotFound: There is no such session.
        """
        check_id(session_id, "session_id")
        caller = self._caller(user_id)
        stats = self._run(lambda chats: chats.chat.upkeep.session_stats(caller, session_id))
        total = stats.total
        counts = {"total": total.messages, "user": 0, "assistant": 0, "system": 0}
        counts |= {one.role: one.messages for one in stats.by_role}
        first_at, last_at = stats.first_message_at, stats.last_message_at
        return {
            "session_id": stats.session_id,
            "message_counts": counts,
            "token_usage": {
                "total": total.total_tokens,
                "average": total.total_tokens / total.messages if total.messages else 0.0,
                "prompt": total.prompt_tokens,
                "completion": total.completion_tokens,
            },
            "response_times": {
                "average": _seconds(total.mean_total_ms),
                "first_token": _seconds(total.mean_first_token_ms),
            },
            "by_model": {one.model: one.messages for one in stats.by_model if one.model is not None},
            "cost_usd": total.cost_usd,
            "first_message_at": None if first_at is None else first_at.isoformat(),
            "last_message_at": None if last_at is None else last_at.isoformat(),
        }

    def _none_of(self, caller: Caller, session_id: str) -> list[Message]:
        self._run(lambda chats: page_of(chats, caller, session_id, None, 1))
        return []


async def page_of(
    chats: EmbeddedChats,
    caller: Caller,
    session_id: str,
    cursor: str | None,
    limit: int,
    newest_first: bool = False,
) -> tuple[list[Message], str | None]:
    """A page of a conversation and the place behind it, None at the end."""
    from roundhouse.features.chat.pages import Turn
    from roundhouse.studio.shaping import message_of

    turn = Turn(cursor=cursor, descending=newest_first, limit=limit)
    page = await chats.chat.messages.page(caller, session_id, turn)
    return [message_of(one) for one in page.data], page.next_cursor


def _new(message: Message) -> NewMessage:
    from roundhouse.features.chat.model import NewMessage
    from roundhouse.features.chat.schemas import MessagePatch, SessionPatch
    from roundhouse.studio.shaping import checked

    if not isinstance(message, Message):
        raise BadInput("message must be a Message.", param="message")
    said = checked(MessagePatch, {"content": message.content, "metadata": message.metadata})
    by = checked(SessionPatch, {"model": message.model_id})
    if (message.tokens_used or 0) > _MOST_TOKENS:
        raise BadInput(f"tokens_used is at most {_MOST_TOKENS}.", param="tokens_used")
    answers = message.role == "assistant"
    return NewMessage(
        role=message.role.value,
        content=said.content or "",
        model=by.model,
        prompt_tokens=None if answers else message.tokens_used,
        completion_tokens=message.tokens_used if answers else None,
        total_ms=None if message.response_time is None else message.response_time * 1000,
        metadata=said.metadata or {},
        created_at_s=message.timestamp.timestamp(),
    )


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 6)
