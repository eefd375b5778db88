"""The verbs of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import Conflict, StorageUnavailable, Unprocessable
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.context.settings import read_settings
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.features.chat.model import Session
from roundhouse.features.chat.pages import Turn, page_of, read_time_place, time_place
from roundhouse.features.chat.rights import check_same, check_version, idempotency, owner
from roundhouse.features.chat.schemas import (
    SessionCreate,
    SessionDeleted,
    SessionList,
    SessionPatch,
    SessionRead,
    TagList,
    TagRead,
)
from roundhouse.features.chat.shapes import read_session
from roundhouse.features.chat.store import Idempotency, SessionFilter
from roundhouse.features.chat.telling import SessionVerb, tell_session, tell_stops
from roundhouse.infra import audit
from roundhouse.infra.db import Database, Tx, is_unique_violation

_TRIES = 3
_MOST_TAGS = 1000
_NOT_NULL = ("title", "system", "metadata", "tags", "pinned", "context", "uses_memory", "vector_store_ids")


class VisibleStores(Protocol):
    """Knows vector stores; the knowledge room does."""

    async def visible(self, caller: Caller, store_ids: Sequence[str]) -> Sequence[str]:
        """Those of the stores that are there for the caller."""
        ...


class SessionService:
    """Sessions of tenants.

    Args:
        db: The database.
        index: Is told of titles.
        clock: Time.
        stores: Knows vector stores; None = there are none here.
    """

    def __init__(
        self, db: Database, index: ChatIndex, clock: Clock, stores: VisibleStores | None = None
    ) -> None:
        self._db = db
        self._index = index
        self._clock = clock
        self._stores = stores

    async def create(
        self, caller: Caller, asked: SessionCreate, idempotency_key: str | None = None
    ) -> SessionRead:
        """Begin a session, or give the one that was begun under the same idempotency key.

        Raises:
            BadInput: `context` is not valid.
            Unprocessable: A vector store is not there, or not the caller's.
            NotAllowed: The caller stands for one user and names another.
            Conflict: The outside id is taken, or the idempotency key was used for another request.
        """
        await self._check_stores(caller, asked.vector_store_ids or ())
        read_settings(asked.context)
        once = idempotency(caller, "session", idempotency_key, asked.model_dump_json().encode())
        new = self._new(caller, asked)
        return read_session(await self.begin(caller, new, once))

    async def begin(self, caller: Caller, new: Session, once: Idempotency | None = None) -> Session:
        """Enter a session that is filled in already; else as `create`."""
        for _ in range(_TRIES):
            try:
                async with self._db.begin() as tx:
                    first = None if once is None else await store.find_session_by_digest(tx, once.digest)
                    if first is not None and once is not None:
                        check_same(once, first[1])
                        return first[0]
                    await self._check_free(tx, caller, new)
                    await store.insert_session(tx, new, once)
                    await self._index.session(tx, new)
                    await tell_session(tx, new, "created", new.created_at_s)
                    return new
            except sa.exc.IntegrityError as error:
                if not is_unique_violation(error):
                    raise
        raise StorageUnavailable("Others keep creating the same session.", retry_after_s=1.0)

    async def get(self, caller: Caller, session_id: str) -> SessionRead:
        """One session, deleted or not; raises NotFound."""
        async with self._db.read() as tx:
            return read_session(await store.get_session(tx, caller, session_id, deleted=True))

    async def page(self, caller: Caller, wanted: SessionFilter, turn: Turn) -> SessionList:
        """A page of sessions, by the time of their last change.

        Raises:
            BadInput: The cursor is not one of this list.
        """
        place = turn.place
        async with self._db.read() as tx:
            found = await store.list_sessions(
                tx,
                caller,
                wanted,
                behind=None if place is None else read_time_place(place),
                descending=not turn.rising,
                limit=turn.limit + 1,
            )
        page = page_of(turn, found, lambda one: time_place(one.updated_at_s, one.id))
        return SessionList(
            data=[read_session(one) for one in page.rows],
            has_more=page.next_cursor is not None,
            next_cursor=page.next_cursor,
            prev_cursor=page.prev_cursor,
        )

    async def tags(self, caller: Caller) -> TagList:
        """The tags of the sessions that are neither archived nor deleted."""
        async with self._db.read() as tx:
            found = await store.list_tags(tx, caller, _MOST_TAGS + 1)
        rows = [TagRead(tag=tag, sessions=number) for tag, number in found[:_MOST_TAGS]]
        return TagList(data=rows, has_more=len(found) > _MOST_TAGS)

    async def update(self, caller: Caller, session_id: str, asked: SessionPatch) -> SessionRead:
        """Change a session.

        Raises:
            NotFound: There is none.
            Conflict: Its version is another one.
            BadInput: `context` is not valid.
            Unprocessable: A field cannot be null, or a vector store is not there, or not the caller's.
        """
        changes = asked.model_dump(exclude_unset=True, exclude={"version"})
        nulls = [name for name in _NOT_NULL if name in changes and changes[name] is None]
        if nulls:
            raise Unprocessable(f"{nulls[0]} cannot be null.", param=nulls[0])
        if "context" in changes:
            read_settings(changes["context"])
        await self._check_stores(caller, changes.get("vector_store_ids") or ())
        if "title" in changes:
            # An empty title may be made anew from the conversation.
            changes["title_from"] = "user" if changes["title"] else "nobody"
        return await self._change(caller, session_id, "updated", version=asked.version, **changes)

    async def archive(self, caller: Caller, session_id: str) -> SessionRead:
        """Put a session away; again is no error. Raises NotFound."""
        return await self._change(caller, session_id, "updated", archived_at_s=self._clock.now_s())

    async def unarchive(self, caller: Caller, session_id: str) -> SessionRead:
        """Take a session back; raises NotFound."""
        return await self._change(caller, session_id, "updated", archived_at_s=None)

    async def show_message(self, caller: Caller, message_id: str) -> SessionRead:
        """Show the conversation that goes through a message: the one that was written to last; raises NotFound."""
        async with self._db.begin() as tx:
            message = await store.get_message(tx, caller, message_id)
            session = await store.get_session(tx, caller, message.session_id, lock=True)
            branch = await store.branch_through(tx, session, message)
            if branch == session.branch:
                return read_session(session)
            return read_session(await self._write(tx, session, "updated", branch=branch))

    async def delete(self, caller: Caller, session_id: str, *, permanent: bool = False) -> SessionDeleted:
        """Delete a session; what is being generated in it is asked to stop.

        Args:
            caller: Who asks.
            session_id: Which; deleted ones count only for a permanent deletion.
            permanent: Remove it at once with all that it has, instead of keeping it to be restored.

        Raises:
            NotFound: There is none.
            Conflict: A permanent deletion while an answer is being generated.
        """
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            session = await store.get_session(tx, caller, session_id, lock=True, deleted=permanent)
            if permanent:
                await self._remove(tx, caller, session, now_s)
            else:
                stopped = await store.request_stops(tx, [session.id])
                gone = await store.change_session(tx, session, now_s, deleted_at_s=now_s)
                await self._index.sessions_gone(tx, [session.id])
                await tell_session(tx, gone, "deleted", now_s)
                await tell_stops(tx, stopped, now_s)
        return SessionDeleted(id=session.id, permanent=permanent)

    async def restore(self, caller: Caller, session_id: str) -> SessionRead:
        """Bring a deleted session back; one that is there stays as it is. Raises NotFound."""
        async with self._db.begin() as tx:
            session = await store.get_session(tx, caller, session_id, lock=True, deleted=True)
            if session.deleted_at_s is None:
                return read_session(session)
            return read_session(await self._write(tx, session, "restored", deleted_at_s=None))

    async def _change(
        self,
        caller: Caller,
        session_id: str,
        verb: SessionVerb,
        *,
        version: int | None = None,
        **changes: Any,
    ) -> SessionRead:
        async with self._db.begin() as tx:
            session = await store.get_session(tx, caller, session_id, lock=True)
            check_version(version, session.version)
            changes = {name: new for name, new in changes.items() if not _same(session, name, new)}
            if not changes:
                return read_session(session)
            return read_session(await self._write(tx, session, verb, **changes))

    async def _write(self, tx: Tx, session: Session, verb: SessionVerb, **changes: Any) -> Session:
        now_s = self._clock.now_s()
        tags = changes.pop("tags", None)
        changed = await store.change_session(tx, session, now_s, **changes)
        if tags is not None:
            changed = await store.replace_tags(tx, changed, tags)
        if verb == "restored" or tags is not None:
            await self._index.whole_session(tx, changed)
        elif "title" in changes:
            await self._index.session(tx, changed)
        await tell_session(tx, changed, verb, now_s)
        return changed

    async def _remove(self, tx: Tx, caller: Caller, session: Session, now_s: float) -> None:
        if await store.is_written(tx, session.id):
            raise Conflict("An answer is being generated in this session; stop it first.", param="session_id")
        await self._index.sessions_gone(tx, [session.id])
        await store.delete_sessions(tx, [session.id])
        detail = {"user_id": session.user_id, "messages": session.message_count}
        await audit.append(
            tx,
            caller,
            action="session.delete",
            object_id=session.id,
            detail=detail,
            at_s=now_s,
            site_id=session.site_id,
        )
        await tell_session(tx, session, "deleted", now_s)

    async def _check_free(self, tx: Tx, caller: Caller, new: Session) -> None:
        if new.outside_id is None:
            return
        if await store.outside_session(tx, caller, new.user_id, new.outside_id) is not None:
            raise Conflict(f"There is a session {new.outside_id[:100]!r} already.", param="outside_id")

    async def _check_stores(self, caller: Caller, store_ids: Sequence[str]) -> None:
        if not store_ids:
            return
        there = [] if self._stores is None else await self._stores.visible(caller, store_ids)
        missing = [one for one in store_ids if one not in there]
        if missing:
            raise Unprocessable(f"No such vector store: {missing[0]}.", param="vector_store_ids")

    def _new(self, caller: Caller, asked: SessionCreate) -> Session:
        now_s = self._clock.now_s()
        return Session(
            id=new_id("ses"),
            site_id=caller.site_id,
            user_id=owner(caller, asked.user_id),
            app_id=caller.app_id,
            outside_id=asked.outside_id,
            title=asked.title,
            title_from="user" if asked.title else "nobody",
            model=asked.model,
            system=asked.system,
            context=asked.context,
            uses_memory=asked.uses_memory,
            metadata=asked.metadata,
            pinned=asked.pinned,
            archived_at_s=None,
            deleted_at_s=None,
            version=1,
            branch=0,
            branches=1,
            message_count=0,
            created_at_s=now_s,
            updated_at_s=now_s,
            last_message_at_s=None,
            vector_store_ids=asked.vector_store_ids or None,
            tags=tuple(asked.tags),
        )


def _same(session: Session, name: str, new: Any) -> bool:
    """Whether a change changes nothing; being archived is one thing, whenever it was."""
    old = msgspec.structs.asdict(session)[name]
    if name == "archived_at_s":
        return (old is None) == (new is None)
    return bool(old == (tuple(new) if name == "tags" else new))
