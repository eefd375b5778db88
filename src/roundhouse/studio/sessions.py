"""Sessions: begin, look, change, put away, delete, find, count, clean up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from roundhouse.core.errors import BadInput, NotFound
from roundhouse.studio.door import Service, check_id, check_query, check_span
from roundhouse.studio.records import ChatSession, SessionStatus

if TYPE_CHECKING:
    from roundhouse.app.embedded import EmbeddedChats
    from roundhouse.core.types import Caller
    from roundhouse.features.chat.store import SessionFilter

_PAGE = 200
_FIND_PAGE = 100
_OURS = {"model_id": "model"}
_CHANGEABLE = frozenset(
    {"title", "model_id", "metadata", "system", "tags", "pinned", "context", "uses_memory"}
)


class SessionService(Service):
    """Sessions of a tenant. Every method may be told a `user_id`: sessions of others are not there then."""

    def create_session(
        self,
        title: str | None = None,
        model_id: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        system: str = "",
        tags: list[str] | None = None,
        pinned: bool = False,
    ) -> ChatSession:
        """Begin a session.

        Args:
            title: None = made from the first question.
            model_id: Model of its answers, known or not; None = the active model.
            user_id: Whose it is; None = nobody's.
            metadata: A JSON object of at most 64 KiB.
            system: What the model is told before the conversation.
            tags: Words to find it by.
            pinned: Whether clean-ups leave it alone.

        Raises:
            Unprocessable: A value is out of range.
        """
        from roundhouse.features.chat.schemas import SessionCreate
        from roundhouse.studio.shaping import checked, session_of

        given = {
            "title": "" if title is None else title,
            "model": model_id,
            "user_id": user_id,
            "metadata": {} if metadata is None else metadata,
            "system": system,
            "tags": [] if tags is None else tags,
            "pinned": pinned,
        }
        asked = checked(SessionCreate, given)
        return session_of(self._run(lambda chats: chats.chat.sessions.create(self._caller(), asked)))

    def get_session(self, session_id: str, user_id: str | None = None) -> ChatSession | None:
        """A session; None = there is none, or it is deleted."""
        found = self._find(session_id, user_id)
        return None if found is None or found.is_deleted else found

    def list_user_sessions(
        self,
        user_id: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
        status: SessionStatus | str | None = None,
    ) -> list[ChatSession]:
        """Sessions, the last changed first.

        Args:
            user_id: Of whom; None = of the whole tenant.
            limit: Most of them; None = all.
            offset: So many of the first are left out. They are read all the same.
            status: Only such ones; None = all that are not deleted.

        Raises:
            BadInput: A number is below 0, or there is no such status.
        """
        from roundhouse.features.chat.store import SessionFilter

        check_span(limit, offset)
        try:
            wanted = None if status is None else SessionStatus(status)
        except ValueError:
            raise BadInput(f"status is one of {', '.join(SessionStatus)}.", param="status") from None
        caller = self._caller(user_id)
        chosen = SessionFilter(
            archived=None if wanted in (None, SessionStatus.DELETED) else wanted is SessionStatus.ARCHIVED,
            deleted=wanted is SessionStatus.DELETED,
        )
        return self._run(lambda chats: _some(chats, caller, chosen, limit, offset))

    def update_session(self, session_id: str, user_id: str | None = None, **updates: Any) -> bool:
        """Change a session; False = there is none.

        Args:
            session_id: Which.
            user_id: Only if it is this user's.
            updates: `title`, `model_id`, `metadata`, `is_archived`, `system`, `tags`, `pinned`, `context`,
                `uses_memory`. `is_archived` is a change of its own, after the others.

        Raises:
            Unprocessable: A value is out of range.
            BadInput: There is no such field.
        """
        from roundhouse.features.chat.schemas import SessionPatch
        from roundhouse.studio.shaping import checked

        archived = updates.pop("is_archived", None)
        unknown = sorted(updates.keys() - _CHANGEABLE)
        if unknown:
            raise BadInput(f"A session has no field {unknown[0]!r} that can be changed.", param=unknown[0])
        if archived is not None and not isinstance(archived, bool):
            raise BadInput("is_archived is true or false.", param="is_archived")
        asked = checked(SessionPatch, {_OURS.get(name, name): value for name, value in updates.items()})
        caller = self._caller(user_id)

        async def change(chats: EmbeddedChats) -> None:
            await chats.chat.sessions.update(caller, session_id, asked)
            if archived is not None:
                await (chats.chat.sessions.archive if archived else chats.chat.sessions.unarchive)(
                    caller, session_id
                )

        return self._try(session_id, change)

    def delete_session(self, session_id: str, user_id: str | None = None, *, permanent: bool = False) -> bool:
        """Delete a session with its messages; False = there is none.

        Args:
            session_id: Which.
            user_id: Only if it is this user's.
            permanent: At once and for good; else it can be restored for `chat.deleted_keep_days`.

        Raises:
            Conflict: A permanent deletion while an answer is being generated.
        """
        caller = self._caller(user_id)
        return self._try(
            session_id, lambda chats: chats.chat.sessions.delete(caller, session_id, permanent=permanent)
        )

    def restore_session(self, session_id: str, user_id: str | None = None) -> bool:
        """Bring a deleted session back; False = there is none."""
        caller = self._caller(user_id)
        return self._try(session_id, lambda chats: chats.chat.sessions.restore(caller, session_id))

    def archive_session(self, session_id: str, user_id: str | None = None) -> bool:
        """Put a session away; False = there is none."""
        caller = self._caller(user_id)
        return self._try(session_id, lambda chats: chats.chat.sessions.archive(caller, session_id))

    def unarchive_session(self, session_id: str, user_id: str | None = None) -> bool:
        """Take a session back; False = there is none."""
        caller = self._caller(user_id)
        return self._try(session_id, lambda chats: chats.chat.sessions.unarchive(caller, session_id))

    def search_sessions(self, query: str, user_id: str | None = None, limit: int = 20) -> list[ChatSession]:
        """Sessions by their titles, the best first; in any language, with or without diacritics.

        Raises:
            BadInput: The query is empty or too long.
        """
        from roundhouse.infra import search
        from roundhouse.studio.shaping import session_of

        check_query(query)
        check_span(limit, 0)
        caller = self._caller(user_id)

        async def find(chats: EmbeddedChats) -> list[ChatSession]:
            found: list[ChatSession] = []
            cursor = None
            while len(found) < limit:
                most = min(limit - len(found), _FIND_PAGE)
                page = await chats.chat.searching.sessions(
                    caller, search.Query(query, "", limit=most, cursor=cursor)
                )
                found += [session_of(one.session) for one in page.data]
                cursor = page.next_cursor
                if cursor is None:
                    break
            return found

        return self._run(find)

    def get_session_stats(self, session_id: str, user_id: str | None = None) -> dict[str, Any]:
        """Numbers about a session, as JSON can hold them.

        Returns:
            `session_id`, `title`, `message_count`, `user_messages`, `assistant_messages`, `total_tokens`,
            `average_response_time` (seconds, None = of no answer known), `cost_usd`, `created_at`, `updated_at`,
            `is_archived`. Deleted messages do not count; other branches do.

        Raises:
            NotFound: There is none.
        """
        check_id(session_id, "session_id")
        caller = self._caller(user_id)

        async def count(chats: EmbeddedChats) -> dict[str, Any]:
            session = await chats.chat.sessions.get(caller, session_id)
            stats = await chats.chat.upkeep.session_stats(caller, session_id)
            by_role = {one.role: one.messages for one in stats.by_role}
            mean_ms = stats.total.mean_total_ms
            return {
                "session_id": session.id,
                "title": session.title,
                "message_count": stats.total.messages,
                "user_messages": by_role.get("user", 0),
                "assistant_messages": by_role.get("assistant", 0),
                "total_tokens": stats.total.total_tokens,
                "average_response_time": None if mean_ms is None else round(mean_ms / 1000, 6),
                "cost_usd": stats.total.cost_usd,
                "created_at": session.created_at.isoformat(),
                "updated_at": session.updated_at.isoformat(),
                "is_archived": session.archived,
            }

        return self._run(count)

    def cleanup_old_sessions(
        self,
        days_old: float = 30,
        dry_run: bool = True,
        user_id: str | None = None,
        *,
        action: Literal["archive", "delete"] = "archive",
    ) -> int:
        """Archive or delete sessions that were not changed for so many days; how many they are.

        Pinned sessions are left alone; deleted ones can be restored for `chat.deleted_keep_days`.

        Args:
            days_old: Days, more than 0.
            dry_run: Only count them.
            user_id: Only of this user.
            action: What becomes of them.

        Raises:
            Unprocessable: A value is out of range.
        """
        from roundhouse.features.chat.schemas import CleanupAsk
        from roundhouse.studio.shaping import checked

        given = {"days": days_old, "dry_run": dry_run, "user_id": user_id, "action": action}
        asked = checked(CleanupAsk, given)
        return self._run(lambda chats: chats.chat.upkeep.clean_up(self._caller(), asked)).sessions

    def _find(self, session_id: str, user_id: str | None) -> ChatSession | None:
        from roundhouse.studio.shaping import session_of

        caller = self._caller(user_id)
        try:
            check_id(session_id, "session_id")
            return session_of(self._run(lambda chats: chats.chat.sessions.get(caller, session_id)))
        except NotFound:
            return None


async def _some(
    chats: EmbeddedChats, caller: Caller, wanted: SessionFilter, limit: int | None, offset: int
) -> list[ChatSession]:
    from roundhouse.features.chat.pages import Turn
    from roundhouse.studio.shaping import session_of

    found: list[ChatSession] = []
    cursor, skip = None, offset
    while limit is None or len(found) < limit:
        most = _PAGE if limit is None else min(_PAGE, skip + limit - len(found))
        page = await chats.chat.sessions.page(caller, wanted, Turn(cursor=cursor, limit=most))
        found += [session_of(one) for one in page.data[skip:]]
        skip = max(0, skip - len(page.data))
        cursor = page.next_cursor
        if cursor is None:
            break
    return found
